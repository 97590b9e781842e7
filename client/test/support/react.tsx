import { cleanup, render, renderHook, waitFor, type RenderHookResult } from "@testing-library/react"
import { StrictMode, type ReactElement, type ReactNode } from "react"
import { onTestFinished } from "vitest"
import { MeshProvider } from "@mesh-host/client/react"
import type { MeshClient } from "@mesh-host/client"
import { patience } from "./wait"

/** What components are rendered in: a client, and effects that run twice. */
export function inside(client: MeshClient): ({ children }: { children: ReactNode }) => ReactElement {
  return ({ children }) => (
    <StrictMode>
      <MeshProvider client={client}>{children}</MeshProvider>
    </StrictMode>
  )
}

/** Runs a hook in a component, which goes with the test. */
export function hook<Result, Props>(client: MeshClient, call: (props: Props) => Result, initialProps?: Props): RenderHookResult<Result, Props> {
  onTestFinished(cleanup)
  return renderHook(call, { wrapper: inside(client), initialProps })
}

/** Renders an element, which goes with the test. */
export function show(client: MeshClient, element: ReactElement): ReturnType<typeof render> {
  onTestFinished(cleanup)
  return render(element, { wrapper: inside(client) })
}

/** Waits for what a component renders. */
export function seen(check: () => void): Promise<void> {
  return waitFor(check, { timeout: patience, interval: 5 })
}
