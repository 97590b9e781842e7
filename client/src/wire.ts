import type { MeshError } from "./errors"
import type { CallOptions, Take } from "./calls"
import type { Settings } from "./options"

/** What topics see of the client. */
export interface Wire {
  readonly settings: Settings
  /** Whether there is a connection with an id, restored or not. */
  readonly connected: boolean
  /** This connection's id; "" before the first. */
  readonly id: string
  /** Sends a command at once; take is called once, in the order of the frames. It never waits for a connection: ECONNECTION. */
  ask(command: string, payload: unknown, take: Take): void
  /** Makes a call as the application does, which waits for a connection; took sees the reply, or the failure, in the turn in which it came. */
  call(command: string, payload: unknown, options?: CallOptions, resolveErrors?: boolean, took?: Take): Promise<unknown>
  /** Calls a function of the application; what it throws becomes the event `error`. */
  tell(call: ((...values: never[]) => unknown) | undefined, ...values: unknown[]): void
  /** Reports what went wrong as the event `error`. */
  failed(thrown: unknown): void
  /** Calls fail when there will be no connection: at once where the client was closed, or may not connect by itself. What is returned ends that. */
  hopeless(fail: (error: MeshError) => void): () => void
  /** Says that a subscription, or the membership in a room, has ended without being asked to. */
  ended(kind: string, name: string, reason: string): void
}

/** Asks for what nobody waits for: that it fails is the event `error`, unless the next connection makes it good. */
export function askQuietly(wire: Wire, command: string, payload: unknown, take?: Take): void {
  wire.ask(command, payload, (reply, failed) => {
    take?.(reply, failed)
    if (failed && failed.code !== "ECONNECTION") wire.failed(failed)
  })
}
