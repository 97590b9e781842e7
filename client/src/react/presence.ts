import type { MeshClient, PresenceCallback, PresenceStateOptions, PresenceUpdate } from "@mesh-host/client"
import { useMemo } from "react"
import { useMeshClient, type ClientOption } from "./context"
import { ended, following, ignore, isName, nameless, Source, useSource, type Following, type Turn } from "./source"

/** What `usePresence` takes. */
export interface UsePresenceOptions extends ClientOption {
  /** Whether to be in the room while the component is there; with false it only looks. Default true. */
  join?: boolean
}

/** What `usePresence` returns. */
export interface PresenceHook<S = any> extends Following {
  /** The ids of the connections in the room, in the order of their coming. */
  present: string[]
  /** Their states, by id. */
  states: Record<string, S>
  /** Shows a state to those who follow the room; resolves with whether the server has taken it. */
  setState: (state: S, options?: Omit<PresenceStateOptions, "state">) => Promise<boolean>
  /** Takes one's state away. */
  clearState: () => Promise<boolean>
}

interface PresenceState<S> extends Following {
  present: string[]
  states: Record<string, S>
}

/**
 * Follows who is in a room, and what they show of themselves; it joins the room, and leaves it when
 * the last component that joined it goes. Without a name it does nothing; with another one it begins
 * anew.
 */
export function usePresence<S = any>(roomName: string | null | undefined, options: UsePresenceOptions = {}): PresenceHook<S> {
  const client = useMeshClient(options.client)
  const join = options.join ?? true
  const source = useMemo(() => new PresenceSource<S>(client, roomName, join), [client, roomName, join])
  const state = useSource(source)
  return useMemo(() => ({ ...state, setState: source.setState, clearState: source.clearState }), [state, source])
}

class PresenceSource<S> extends Source<PresenceState<S>> {
  readonly #room: string | null | undefined
  readonly #join: boolean

  constructor(client: MeshClient, room: string | null | undefined, join: boolean) {
    super(client, { ...following(room), present: [], states: {} })
    this.#room = room
    this.#join = join
  }

  readonly setState: PresenceHook<S>["setState"] = (state, options) =>
    isName(this.#room) ? this.client.publishPresenceState(this.#room, { ...options, state }) : nameless("room")

  readonly clearState: PresenceHook<S>["clearState"] = () =>
    isName(this.#room) ? this.client.clearPresenceState(this.#room) : nameless("room")

  protected begin(turn: Turn): () => void {
    const room = this.#room!
    const leave = this.#join ? this.#enter(room, turn) : undefined
    let early: PresenceUpdate[] | undefined = [] // what came before who was there is known
    const callback: PresenceCallback = (update) => {
      if (!turn.live) return
      early?.push(update)
      this.set(after(this.state(), update))
    }
    ignore(this.client.subscribePresence(room, callback).then((begun) => {
      if (!turn.live) return
      if (!begun.success) return this.fail(begun.error)
      const there = { present: begun.present, states: begun.states as Record<string, S> }
      this.set({ ...early!.reduce(after, there), status: "subscribed" })
      early = undefined
    }))
    const off = this.client.on("unsubscribed", ({ kind, name, reason }) => {
      if (turn.live && (kind === "presence" || (kind === "room" && this.#join)) && name === room) this.fail(ended(`${kind} ${room}`, reason))
    })
    return () => {
      off()
      ignore(this.client.unsubscribePresence(room, callback))
      leave?.()
    }
  }

  // enter joins a room; what it returns leaves it.
  #enter(room: string, turn: Turn): () => void {
    ignore(this.client.joinRoom(room).then((joined) => {
      if (turn.live && !joined.success) this.set({ error: joined.error })
    }))
    return enter(this.client, room)
  }
}

// after is who is there after an update.
function after<S>(there: Pick<PresenceState<S>, "present" | "states">, update: PresenceUpdate): Pick<PresenceState<S>, "present" | "states"> {
  const { connectionId: id } = update
  const states = { ...there.states }
  const others = there.present.filter((other) => other !== id)
  switch (update.type) {
    case "join":
      return there.present.includes(id) ? there : { present: [...there.present, id], states }
    case "leave":
      delete states[id]
      return { present: others, states }
    case "state":
      if (update.state === null) delete states[id]
      else states[id] = update.state
      return { present: there.present, states }
  }
}

const rooms = new WeakMap<MeshClient, Map<string, number>>() // how many components are in which

// enter counts a component into a room; what it returns counts it out, and leaves the room with the last.
function enter(client: MeshClient, room: string): () => void {
  let counts = rooms.get(client)
  if (!counts) rooms.set(client, (counts = new Map()))
  const mine = counts
  mine.set(room, (mine.get(room) ?? 0) + 1)
  return () => {
    const left = mine.get(room)! - 1
    if (left > 0) return void mine.set(room, left)
    mine.delete(room)
    ignore(client.leaveRoom(room))
  }
}
