import type { MeshError } from "./errors"
import { askQuietly, type Wire } from "./wire"

/** How one's own presence state is published. */
export interface PresenceStateOptions {
  /** Any JSON value but null, false, 0 and "". */
  state: any
  /** How long it stays from now on, in ms; without it, or with 0, until it is cleared. */
  expireAfter?: number
  /** Whether it is set without telling anyone. Default false. */
  silent?: boolean
}

interface Shown extends PresenceStateOptions {
  /** When it expires, in ms since 1970. */
  until: number | undefined
  /** The connection that it was published on, and not refused on. */
  on: string
}

/** One's own states, by room, as the server has taken them: each connection begins without. */
export class OwnStates {
  readonly #wire: Wire
  readonly #shown = new Map<string, Shown>()

  constructor(wire: Wire) {
    this.#wire = wire
  }

  /** Publishes a state; resolves with whether the server has taken it. Without a connection it waits, as a call does. */
  async publish(roomName: string, options: PresenceStateOptions): Promise<boolean> {
    const { state, expireAfter, silent } = options
    if (!state) return false // as the server has it
    const until = Number(expireAfter) > 0 ? Date.now() + Number(expireAfter) : undefined
    const took = (reply: unknown): void => {
      if (reply === true) this.#shown.set(roomName, { state, silent, until, on: this.#wire.id })
    }
    return this.#wire.call("mesh/publish-presence-state", { roomName, state, expireAfter, silent }, {}, false, took).then((reply) => reply === true, () => false)
  }

  /** Takes one's state away; resolves with whether it has gone, as it has with its connection. */
  clear(roomName: string): Promise<boolean> {
    const forget = (): void => this.forget(roomName)
    forget()
    // Once more when it is answered: a publish may have been under way.
    return this.#wire.call("mesh/clear-presence-state", { roomName }, {}, false, forget).then((reply) => reply === true, (error: MeshError) => error.code === "ECONNECTION")
  }

  forget(roomName: string): void {
    this.#shown.delete(roomName)
  }

  /** Publishes a room's state on this connection, with the rest of its time, unless that was done. */
  show(roomName: string): void {
    const wire = this.#wire
    const shown = this.#shown.get(roomName)
    if (!shown || shown.on === wire.id) return
    const { state, silent, until } = shown
    const expireAfter = until && Math.ceil(until - Date.now()) // a fraction would be 0, for ever
    if (expireAfter !== undefined && expireAfter <= 0) return this.forget(roomName)
    shown.on = wire.id
    askQuietly(wire, "mesh/publish-presence-state", { roomName, state, expireAfter, silent }, (reply) => {
      if (reply !== true) shown.on = ""
    })
  }

  /** Publishes all of them on a new connection. */
  restore(): void {
    for (const roomName of this.#shown.keys()) this.show(roomName)
  }

  closed(): void {
    this.#shown.clear()
  }
}
