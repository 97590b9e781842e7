import { Topics } from "./feature"
import { isText, listOf, maybe, member, shape } from "./frames"
import { Topic, type Begun, type Subscribed } from "./topic"
import { equal, isContainer } from "./values"
import type { Wire } from "./wire"

/** A change of who is in a room, or of what one of them shows; `state` is null once it shows nothing any more. `timestamp` is in ms since 1970. */
export type PresenceUpdate =
  | { type: "join" | "leave"; connectionId: string; roomName: string; timestamp: number }
  | { type: "state"; connectionId: string; roomName: string; state: any; timestamp: number }

/**
 * Called with each change of a room's presence, in their order. Applied to what the subscription
 * has resolved with they give what is now, over all connections: what has changed while there was
 * none is told after a reconnect, as leaves, joins and states with the time at which it was found.
 * One's own connection has another id then.
 */
export type PresenceCallback = (update: PresenceUpdate) => unknown

/** Who is in a room, and what they show. */
export interface PresenceView {
  /** The ids of the connections in the room. */
  present: string[]
  /** Their states, by id. */
  states: Record<string, any>
}

/** What subscribing to a room's presence resolves with. */
export interface PresenceSubscribed extends Subscribed, PresenceView {}

/** Who follows the presence of a room. */
export interface PresenceFollower {
  callback: PresenceCallback
  /** It knows what it begins with, and is told what comes after. */
  begun?: boolean
}

/** The presence of one room, as the server has told it last. */
class Watched extends Topic<PresenceFollower> {
  protected readonly kind = "presence"
  #members = new Map<string, unknown>() // the states of those who are present, null for none

  protected naming(): Record<string, string> {
    return { roomName: this.name }
  }

  protected begun(reply: unknown): Begun {
    if (member(reply, "success") !== true) return "refused"
    const { present, states } = shape<PresenceView>(reply, { present: isIds, states: maybe(isContainer) })
    const members = new Map<string, unknown>(present.map((id) => [id, null]))
    for (const [id, state] of Object.entries(states ?? {})) if (members.has(id)) members.set(id, state)
    this.#become(members)
    return "begun"
  }

  protected over(): void {}

  /**
   * Adds a follower. Its view is that of the moment in which this resolves: what is pushed in the
   * turn of the reply is in it, so that no change is told to those who have no view yet.
   */
  follow(follower: PresenceFollower): Promise<PresenceSubscribed> {
    return this.enroll(follower, () => {
      follower.begun = true
      const members = [...this.#members]
      return { present: members.map(([id]) => id), states: Object.fromEntries(members.filter(([, state]) => state !== null)) }
    }, { present: [], states: {} })
  }

  /** Takes a push. What comes before the reply is of an earlier subscription. */
  changed(update: PresenceUpdate): void {
    const { type, connectionId, roomName, timestamp } = update
    const members = this.#members
    const state = members.get(connectionId)
    if (!this.active) return
    if (type === "join" && state !== undefined) {
      // A slow reader is not told that one has left who has come again; what it showed has gone.
      if (state !== null) this.changed({ type: "state", connectionId, roomName, state: null, timestamp })
      return
    }
    // Nor is it told that those came who left again.
    if (type !== "join" && state === undefined) return
    if (type === "leave") members.delete(connectionId)
    else members.set(connectionId, type === "state" ? update.state : null)
    this.#tell(update)
  }

  // become tells the difference to what is now: who has left goes first, so that there is never
  // more than there was or will be, and states come after those who show them.
  #become(members: Map<string, unknown>): void {
    const before = this.#members
    const timestamp = Date.now()
    const tell = (type: "join" | "leave" | "state", connectionId: string, state?: unknown): void => this.#tell({ type, connectionId, roomName: this.name, state, timestamp })
    this.#members = members
    for (const id of before.keys()) if (!members.has(id)) tell("leave", id)
    for (const id of members.keys()) if (!before.has(id)) tell("join", id)
    for (const [id, state] of members) if (!equal(state, before.get(id) ?? null)) tell("state", id, state)
  }

  #tell(update: PresenceUpdate): void {
    for (const follower of this.listeners) if (follower.begun) this.wire.tell(follower.callback, update)
  }
}

/** The rooms whose presence a client follows. */
export class Presence extends Topics<Watched> {
  override readonly kind = "presence"

  constructor(wire: Wire) {
    super((name, gone) => new Watched(wire, name, gone))
  }

  subscribe(roomName: string, callback: PresenceCallback): Promise<PresenceSubscribed> {
    return this.follow(roomName, { callback })
  }

  /** Subscribes; the follower is also what ends it, at any time. */
  follow(roomName: string, follower: PresenceFollower): Promise<PresenceSubscribed> {
    return this.of(roomName).follow(follower)
  }

  override push(command: string, payload: unknown): void {
    if (command !== "presence-update") return
    const update = shape<Extract<PresenceUpdate, { type: "state" }>>(payload, {
      type: (type) => ["join", "leave", "state"].includes(type as string),
      connectionId: isText,
      roomName: isText,
      timestamp: (time) => typeof time === "number",
      state: (state) => state !== undefined || member(payload, "type") !== "state",
    })
    this.get(update.roomName)?.changed(update)
  }
}

/** Is it a list of connections' ids? */
export const isIds = listOf(isText)
