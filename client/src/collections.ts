import { CollectionTopic } from "./collection-topic"
import { Topics } from "./feature"
import { member } from "./frames"
import type { Records } from "./records"
import type { Subscribed } from "./topic"
import type { Wire } from "./wire"

/** A member of a collection. */
export interface Member<T = any> {
  id: string
  /** Its value, a copy that is the callback's own. */
  record: T
  /** Its value as the client keeps it: not to be changed. What is the same as before is the same object. */
  value: T
  /** The record's version; with an optimistic write over it, the one that is built on. */
  version: number
}

/** A change of a collection. */
export interface CollectionDiff<T = any> {
  added: Member<T>[]
  removed: { id: string }[]
  /** Members that have another version now, or show an optimistic write or show it no longer. */
  changed: Member<T>[]
  /** Counts the changes of membership, on each connection from 1. */
  version: number
  /** No server's version: an optimistic write is shown, or what was shown is taken back. */
  optimistic?: boolean
}

/** What a subscription to a collection calls. */
export interface CollectionOptions<T = any> {
  /** Called with each change of membership, and with each version of a member, once. After a reconnect with all that is different, if anything is. */
  onDiff?: (diff: CollectionDiff<T>) => unknown
  /** Called when the server ends the subscription. */
  onUnsubscribed?: (reason: string) => unknown
}

/** What subscribing to a collection resolves with. */
export interface CollectionSubscribed<T = any> extends Subscribed {
  /** The members' ids, in the collection's order; those that came later are at the end. */
  ids: string[]
  records: Member<T>[]
  version: number
}

/** The collections that a client follows. */
export class Collections extends Topics<CollectionTopic> {
  override readonly kind = "collection"

  constructor(wire: Wire, records: Records) {
    super((name, gone) => new CollectionTopic(wire, name, gone))
    records.beside = this
  }

  subscribe<T>(collectionId: string, { onDiff, onUnsubscribed }: CollectionOptions<T> = {}): Promise<CollectionSubscribed<T>> {
    return this.of(collectionId).follow({ callback: onDiff, onUnsubscribed }, { ids: [], records: [], version: 0 })
  }

  override push(command: string, payload: unknown): void {
    if (command === "collection-diff") this.get(member(payload, "collectionId"))?.diff(payload)
  }
}
