import type { MeshClient } from "../../src"
import type { Peer, Script } from "./scripted"
import { until } from "./wait"

/** The built-in commands that a client has sent over a connection: their names without prefix, and their payloads. */
export function sent(peer: Peer): [string, any][] {
  return peer.requests.filter(({ command }) => command.startsWith("mesh/")).map(({ command, payload }) => [command.slice("mesh/".length), payload])
}

/** Answers rooms, presence and metadata as a server does that allows everything; view is who is present. */
export function usual(view: () => { present: unknown; states?: unknown } = () => ({ present: [] })): Script {
  return ({ command }) => {
    if (command === "mesh/join-room" || command === "mesh/subscribe-presence") return { success: true, ...view() }
    return command === "mesh/leave-room" || command.endsWith("metadata") ? { success: true } : true
  }
}

/** Resolves when the client has dealt with all that was sent to it. */
export async function settled(client: MeshClient, peer: Peer): Promise<void> {
  const last = new Promise<void>((resolve) => client.once("settled", () => resolve()))
  peer.push("settled", null)
  await last
}

/** Loses the connection, and resolves with the next one once all is restored. */
export async function reconnected(client: MeshClient, server: { readonly peer: Peer }): Promise<Peer> {
  const before = server.peer
  let back = false
  client.once("reconnect", () => (back = true))
  before.socket.close(1001)
  await until("it has reconnected", () => back)
  return server.peer
}
