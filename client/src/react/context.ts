import type { MeshClient } from "@mesh-host/client"
import { createContext, createElement, useContext, type ReactElement, type ReactNode } from "react"

const Context = createContext<MeshClient<any, any> | undefined>(undefined)

/** What `MeshProvider` takes. */
export interface MeshProviderProps {
  /** Made outside of components, or kept in a state, so that it stays the same; it connects with the first hook that needs it. */
  client: MeshClient<any, any>
  /** What is rendered, and may use the client. */
  children?: ReactNode
}

/** Gives a client to the hooks of all components below it. It neither connects nor closes it. */
export function MeshProvider({ client, children }: MeshProviderProps): ReactElement {
  return createElement(Context.Provider, { value: client }, children)
}

/** Another client than that of the `MeshProvider`. */
export interface ClientOption {
  /** Default: that of the nearest `MeshProvider`. */
  client?: MeshClient<any, any>
}

/** The client of the nearest `MeshProvider`, or the one that is given. It throws where there is neither. */
export function useMeshClient<Client extends MeshClient<any, any> = MeshClient>(client?: Client): Client {
  const provided = useContext(Context)
  const used = client ?? provided
  if (!used) throw new Error("There is no client: render a <MeshProvider client={…}> above this component, or give the hook the option client.")
  return used as Client
}
