import type { Take } from "./calls"
import type { CollectionTopic } from "./collection-topic"
import { Topics } from "./feature"
import type { Version } from "./following"
import { isCount, isText, maybe, shape } from "./frames"
import { writeOf, type Strategy } from "./optimistic"
import type { Operation } from "./patch"
import { RecordTopic } from "./record-topic"
import type { Subscribed } from "./topic"
import type { Wire } from "./wire"

/** A change of a record. */
export interface RecordUpdate<T = any> {
  recordId: string
  /** The value, a copy that is the callback's own: in full mode always, in patch mode where there is no patch to it. Null for a record that was deleted. */
  full?: T | null
  /** In patch mode, what makes the value of the one before (RFC 6902). */
  patch?: Operation[]
  /** The value, in either mode, as the client keeps it: not to be changed. What is the same as before is the same object. */
  value: T | null
  /** The server's version. Of an optimistic update, the newest that the value is built on. */
  version: number
  epoch?: string
  /** The record was deleted. */
  deleted?: boolean
  /** This is no version of the server's: an optimistic write is shown, or what was shown is taken back. */
  optimistic?: boolean
}

/**
 * Called with each version of a record, once and in their order, from that of the result on; with
 * optimistic updates in between. Versions may be left out where the server does, after a reconnect
 * for example, but the last one never is.
 */
export type RecordCallback<T = any> = (update: RecordUpdate<T>) => unknown

/** How a record is subscribed to. */
export interface RecordOptions {
  /** Whether changes come as whole values or as patches. Default "full". */
  mode?: "full" | "patch"
  /** Called when the server ends the subscription. */
  onUnsubscribed?: (reason: string) => unknown
}

/** What subscribing to a record resolves with. */
export interface RecordSubscribed<T = any> extends Subscribed {
  /** The value, a copy that is the caller's own; null where there is none. */
  record: T | null
  /** The value as the client keeps it: not to be changed. */
  value: T | null
  version: number
  epoch?: string
}

/** How a record is written. */
export interface WriteOptions {
  /** replace (the default), merge (an object's members over those that are there) or deepMerge. */
  strategy?: Strategy
  /** Writes only at this version, 0 for none; otherwise ECONFLICT. */
  expectVersion?: number
  /** Shows the value at once to those who follow the record here, also in collections, and takes it back if the server refuses. Default false. */
  optimistic?: boolean
}

type Showing = RecordTopic | CollectionTopic

/** The records that a client follows. */
export class Records extends Topics<RecordTopic> {
  override readonly kind = "record"
  readonly #wire: Wire
  /** What shows records beside their own subscriptions. */
  beside: Topics<CollectionTopic> | undefined

  constructor(wire: Wire) {
    super((name, gone) => new RecordTopic(wire, name, gone))
    this.#wire = wire
  }

  subscribe<T>(recordId: string, callback: RecordCallback<T>, { mode = "full", onUnsubscribed }: RecordOptions = {}): Promise<RecordSubscribed<T>> {
    return this.of(recordId).subscribe({ callback, mode, onUnsubscribed })
  }

  /** Begins an optimistic write; what is returned ends it, once, with the reply, or the failure that came instead. */
  optimistic(recordId: string, value: unknown, strategy?: Strategy): Take {
    const write = writeOf(value, strategy)
    const ends = write && this.#showing(recordId).map((topic) => topic.show(recordId, write))
    return (reply, failure) => {
      if (!write || write.outcome) return
      const { version, epoch } = (reply ?? {}) as Version
      // What has data was answered, or never sent; without another connection nothing will tell.
      const unknown = failure?.code === "ECONNECTION" && !failure.data && this.#wire.settings.shouldReconnect
      write.outcome = unknown ? { version: Infinity } : { version, epoch }
      for (const end of ends!) end()
    }
  }

  override push(command: string, payload: unknown): void {
    const deleted = command === "record-deleted"
    if (!deleted && command !== "record-update") return
    const push = shape<Version & { recordId: string }>(payload, { recordId: isText, version: isCount, epoch: maybe(isText) })
    const { recordId, full, patch } = push
    if (!deleted && full === undefined && patch === undefined) throw new TypeError("it has no value")
    for (const topic of this.#showing(recordId)) topic.record(recordId, { ...push, deleted, full: deleted ? null : full })
  }

  override gap(recordId: string): void {
    for (const topic of this.#showing(recordId)) topic.gap()
  }

  // showing is what shows a record.
  #showing(recordId: string): Showing[] {
    return [this.get(recordId), ...(this.beside?.all() ?? [])].filter((topic) => topic?.kept(recordId)) as Showing[]
  }
}
