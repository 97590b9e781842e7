import type { MeshClient, Status } from "@mesh-host/client"
import { useMemo, useSyncExternalStore } from "react"
import { useMeshClient, type ClientOption } from "./context"

/** What `useConnection` takes. */
export interface UseConnectionOptions extends ClientOption {
  /** Whether to render again with each measure of the round trip, every few seconds. Default false. */
  latency?: boolean
}

/** What `useConnection` returns. */
export interface ConnectionHook {
  /** Where the client is. */
  status: Status
  /** The connection's id; each connection has another. Undefined before the first. */
  connectionId: string | undefined
  /** The server's last measure of the round trip in ms, with the option of this name. */
  latency: number | undefined
}

/** Follows the connection. */
export function useConnection(options: UseConnectionOptions = {}): ConnectionHook {
  const client = useMeshClient(options.client)
  const measured = options.latency ?? false
  const store = useMemo(() => connectionStore(client, measured), [client, measured])
  return useSyncExternalStore(store.subscribe, store.state, () => unconnected)
}

const unconnected: ConnectionHook = { status: "offline", connectionId: undefined, latency: undefined }

function connectionStore(client: MeshClient, measured: boolean): { subscribe: (listener: () => void) => () => void; state: () => ConnectionHook } {
  let latency: number | undefined
  let last = unconnected
  // The same object as long as nothing differs, as React asks for.
  const state = (): ConnectionHook => {
    const { status, connectionId } = client
    if (status !== last.status || connectionId !== last.connectionId || latency !== last.latency) last = { status, connectionId, latency }
    return last
  }
  const subscribe = (listener: () => void): (() => void) => {
    const offs = [client.on("status", listener), client.on("connect", listener), client.on("disconnect", () => {
      latency = undefined
      listener()
    })]
    if (measured) {
      offs.push(client.on("latency", (time) => {
        latency = time
        listener()
      }))
    }
    return () => offs.forEach((off) => off())
  }
  return { subscribe, state }
}
