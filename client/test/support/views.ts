import type { PresenceUpdate, PresenceView } from "../../src"

/** What a client has been told of a room's presence: applied to its first view, that is its view. */
export class View {
  readonly updates: PresenceUpdate[] = []
  #first: PresenceView = { present: [], states: {} }

  /** The callback to subscribe with. */
  readonly take = (update: PresenceUpdate): void => void this.updates.push(update)

  /** Sets the view that the subscription began with. */
  began(first: Partial<PresenceView>): void {
    this.#first = { present: first.present ?? [], states: first.states ?? {} }
  }

  /** What it is now, sorted. It throws for an update that changes nothing, or one of who is not there. */
  get now(): { present: string[]; states: Record<string, unknown> } {
    const members = new Map<string, unknown>(this.#first.present.map((id) => [id, this.#first.states[id] ?? null]))
    for (const update of this.updates) {
      const { type, connectionId } = update
      if (members.has(connectionId) === (type === "join")) throw new Error(`${type} of ${connectionId}, who is ${type === "join" ? "there" : "not there"}`)
      if (type === "leave") members.delete(connectionId)
      else members.set(connectionId, type === "state" ? update.state : null)
    }
    return sorted([...members.keys()], Object.fromEntries([...members].filter(([, state]) => state !== null)))
  }

  /** Its updates in short: `join:<id>`, `state:<id>:<JSON>`. */
  get short(): string[] {
    return this.updates.map((update) => [update.type, update.connectionId, ...(update.type === "state" ? [JSON.stringify(update.state)] : [])].join(":"))
  }
}

/** A view in an order in which it can be compared. */
export function sorted(present: string[], states: Record<string, unknown>): { present: string[]; states: Record<string, unknown> } {
  return { present: [...present].sort(), states: Object.fromEntries(Object.entries(states).sort(([a], [b]) => (a < b ? -1 : 1))) }
}
