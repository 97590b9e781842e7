import type { MeshError } from "./errors"
import { Topics } from "./feature"
import { member, shape } from "./frames"
import { isIds, type Presence, type PresenceCallback, type PresenceFollower } from "./presence"
import type { OwnStates } from "./states"
import { Topic, type Begun, type Subscribed } from "./topic"
import type { Wire } from "./wire"

/** What joining a room resolves with. */
export interface Joined {
  /** Whether the room was joined and, with a callback, its presence subscribed to. Where only the latter was refused the room is joined: `present` is there, and `leaveRoom` ends it. */
  success: boolean
  /** Why not, where the server says. */
  error?: MeshError
  /** The ids of the connections in the room. */
  present: string[]
  /** Their states, by id, where the room's presence was subscribed to. */
  states?: Record<string, any>
}

/** What leaving a room resolves with. */
interface Left { success: boolean; error?: MeshError }

/** The membership in one room: a topic that pushes nothing, with a listener for each joinRoom that it began with. */
class Room extends Topic<object> {
  protected readonly kind = "room"
  readonly #states: OwnStates
  #present: string[] = []
  #left: Promise<Left> = Promise.resolve({ success: true })

  constructor(wire: Wire, name: string, gone: () => void, states: OwnStates) {
    super(wire, name, gone)
    this.#states = states
  }

  protected naming(): Record<string, string> {
    return { roomName: this.name }
  }

  protected override begin(): { command: string; payload: unknown } {
    return { command: "mesh/join-room", payload: this.naming() }
  }

  protected begun(reply: unknown): Begun {
    if (member(reply, "success") !== true) return "refused"
    this.#present = shape<{ present: string[] }>(reply, { present: isIds }).present
    this.#states.show(this.name) // which was refused where the room was
    return "begun"
  }

  protected over(): void {
    this.#states.forget(this.name)
  }

  protected override release(): Promise<boolean> {
    this.#left = new Promise((resolve) => {
      this.wire.ask("mesh/leave-room", this.naming(), (_, error) => {
        this.#states.forget(this.name) // once more: a publish may have been under way
        // Who has no connection is in no room.
        resolve(!error || error.code === "ECONNECTION" ? { success: true } : { success: false, error })
      })
    })
    return this.#left.then(({ success }) => success)
  }

  /** Joins, also again: who is present now is asked for each time. */
  join(): Promise<Subscribed & { present: string[] }> {
    if (this.active) this.ask()
    return this.enroll({}, () => ({ present: this.#present }), { present: [] })
  }

  /** Leaves; also a room that the server has put this client into. */
  leave(): Promise<Left> {
    if (this.wanted) void this.unlistenAll()
    else {
      void this.release()
      this.closed() // it was made for this only
    }
    return this.#left
  }
}

/** The rooms that a client is in. */
export class Rooms extends Topics<Room> {
  override readonly kind = "room"
  readonly #presence: Presence
  readonly #states: OwnStates
  readonly #watching = new Map<string, PresenceFollower>() // of joinRoom

  constructor(wire: Wire, presence: Presence, states: OwnStates) {
    super((name, gone) => new Room(wire, name, gone, states))
    this.#presence = presence
    this.#states = states
  }

  /** Joins; a further callback takes the place of the one before, and without one that stays. */
  async join(roomName: string, callback?: PresenceCallback): Promise<Joined> {
    const room = this.of(roomName)
    const { success, error, present } = await room.join()
    if (!success || !callback || !room.wanted) return { success, error, present }
    const follower = { callback }
    const began = this.#presence.follow(roomName, follower)
    this.#unwatch(roomName) // after the other began: they share what the wire has
    this.#watching.set(roomName, follower)
    const watched = await began
    return watched.success ? { success, present: watched.present, states: watched.states } : { success: false, error: watched.error, present }
  }

  leave(roomName: string): Promise<Left> {
    this.#states.forget(roomName)
    this.#unwatch(roomName)
    return this.of(roomName).leave()
  }

  /**
   * Joins all rooms again, and then publishes one's own states. Presence is restored after this, in
   * the same turn: its replies have one's own new id and state already, and the server need not
   * push them.
   */
  override restore(): Promise<unknown> {
    const joined = super.restore()
    this.#states.restore()
    return joined
  }

  override closed(): void {
    super.closed()
    this.#states.closed()
  }

  #unwatch(roomName: string): void {
    const follower = this.#watching.get(roomName)
    if (follower) void this.#presence.get(roomName)?.unlisten(follower)
    this.#watching.delete(roomName)
  }
}
