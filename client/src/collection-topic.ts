import type { CollectionSubscribed, Member } from "./collections"
import { Following, type Change, type Follower } from "./following"
import { isCount, isText, listOf, member, shape } from "./frames"
import { Kept } from "./optimistic"
import type { Begun, Subscribed } from "./topic"
import { clone } from "./values"

type View = Omit<CollectionSubscribed, keyof Subscribed>

interface Arrival { id: string; record?: unknown; version: number }

/** The ids that a difference is about, of members as they are then. */
interface Difference { added?: string[]; removed?: string[]; changed?: string[]; optimistic?: boolean }

/** A collection that is followed, by all who do. */
export class CollectionTopic extends Following<View, Follower> {
  protected readonly kind = "collection"
  /** The members; those whose record is deleted stay until the collection has noticed. */
  #members = new Map<string, Kept>()
  #version = 0

  override kept(id: string): Kept | undefined {
    return this.#members.get(id)
  }

  protected naming(): Record<string, string> {
    return { collectionId: this.name }
  }

  protected begun(reply: unknown): Begun {
    if (member(reply, "success") !== true) return "refused"
    const { records, version } = shape<{ records: Arrival[]; version: number }>(reply, { records: listOf(isArrival), version: isCount })
    this.lost = false
    this.#version = version
    const before = this.#members
    this.#members = new Map()
    const difference = this.#arrive(records, before)
    this.#tell({ ...difference, removed: [...before.keys()].filter((id) => !this.kept(id) && !before.get(id)!.deleted) })
    return "begun"
  }

  /** Takes a change of membership. */
  diff(payload: unknown): void {
    const { version, added, removed } = shape<{ version: number; added: Arrival[]; removed: { id: string }[] }>(payload, { version: isCount, added: listOf(isArrival), removed: listOf(isNamed) })
    if (version !== this.#version + 1) return this.resync()
    this.#version = version
    const gone = removed.map(({ id }) => id).filter((id) => {
      const kept = this.kept(id)
      return this.#members.delete(id) && !kept!.deleted
    })
    this.#tell({ ...this.#arrive(added, this.#members), removed: gone })
  }

  // arrive takes members that the server names, with what was kept of them before.
  #arrive(arrivals: Arrival[], before: Map<string, Kept>): Difference {
    const [added, changed]: string[][] = [[], []]
    for (const { id, record = null, version } of arrivals) {
      const old = before.get(id)
      const kept = old ?? new Kept(record, version)
      const { shown, version: was, deleted } = kept
      this.#members.set(id, kept)
      if (before !== this.#members) kept.settled()
      // What was pushed since may be newer than what the collection has found. On another
      // connection the epoch may be another one, which the next push says.
      if (!this.active) kept.take(record, version)
      else if (version > was) kept.take(record, version, kept.epoch)
      if (kept.deleted) continue
      if (!old || deleted) added!.push(id)
      else if (kept.shown !== shown || kept.version !== was) changed!.push(id)
    }
    return { added, changed }
  }

  protected changed(id: string, { deleted }: Kept, { was = deleted, optimistic }: Change): void {
    if (!deleted) this.#tell({ [was ? "added" : "changed"]: [id], optimistic })
    else if (!was) this.#tell({ removed: [id] })
  }

  #tell({ added = [], removed = [], changed = [], optimistic }: Difference): void {
    if (added.length + removed.length + changed.length === 0) return
    const version = this.#version
    const [isAdded, isChanged] = [added, changed].map((ids) => ids.map((id) => this.#member(id)))
    this.tellAll(() => ({
      added: isAdded!.map(handed),
      removed: removed.map((id) => ({ id })),
      changed: isChanged!.map(handed),
      version,
      optimistic,
    }))
  }

  #member(id: string): Omit<Member, "record"> {
    const { shown: value, version } = this.kept(id)!
    return { id, value, version }
  }

  protected present(): View {
    const ids = [...this.#members.keys()].filter((id) => !this.kept(id)!.deleted)
    return { ids, records: ids.map((id) => handed(this.#member(id))), version: this.#version }
  }
}

// handed is a member for the application, which may change its record.
function handed(member: Omit<Member, "record">): Member {
  return { ...member, record: clone(member.value) }
}

const isNamed = (one: unknown): boolean => isText(member(one, "id"))
const isArrival = (one: unknown): boolean => isNamed(one) && isCount(member(one, "version"))
