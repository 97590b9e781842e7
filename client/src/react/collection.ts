import type { CollectionDiff, Member, MeshClient } from "@mesh-host/client"
import { useMemo } from "react"
import { useMeshClient, type ClientOption } from "./context"
import { ended, following, ignore, isName, Source, useSource, type Following, type Turn } from "./source"

/** A member of a collection. */
export interface CollectionRecord<T = any> {
  id: string
  /** The value. It is the same object as long as nothing in it differs, and must not be changed. */
  record: T
  version: number
}

/** What `useCollection` takes. */
export interface UseCollectionOptions<T = any> extends ClientOption {
  /** The order of the records; keep it the same function. Default: as the server had them, with new ones at the end. */
  sort?: (a: CollectionRecord<T>, b: CollectionRecord<T>) => number
}

/** What `useCollection` returns. */
export interface CollectionHook<T = any> extends Following {
  /** The members. */
  records: CollectionRecord<T>[]
  /** Their ids, in the same order. */
  ids: string[]
  /** Whether the members are not known yet. */
  loading: boolean
}

interface CollectionState<T> extends Following {
  members: ReadonlyMap<string, CollectionRecord<T>>
  loading: boolean
}

/** Follows a collection and the records in it. Without an id it follows nothing; with another one it begins anew. */
export function useCollection<T = any>(collectionId: string | null | undefined, options: UseCollectionOptions<T> = {}): CollectionHook<T> {
  const client = useMeshClient(options.client)
  const { sort } = options
  const source = useMemo(() => new CollectionSource<T>(client, collectionId), [client, collectionId])
  const { members, ...state } = useSource(source)
  const { status, error, loading } = state
  const records = useMemo(() => {
    const all = [...members.values()]
    return sort ? all.sort(sort) : all
  }, [members, sort])
  return useMemo(() => ({ status, error, loading, records, ids: records.map(({ id }) => id) }), [status, error, loading, records])
}

class CollectionSource<T> extends Source<CollectionState<T>> {
  readonly #id: string | null | undefined

  constructor(client: MeshClient, id: string | null | undefined) {
    super(client, { ...following(id), members: new Map(), loading: isName(id) })
    this.#id = id
  }

  protected begin(turn: Turn): () => void {
    const id = this.#id!
    let early: CollectionDiff<T>[] | undefined = [] // what came before the members are known
    const onDiff = (diff: CollectionDiff<T>): void => {
      if (!turn.live) return
      early?.push(diff)
      this.set({ members: after(this.state().members, diff) })
    }
    const onUnsubscribed = (reason: string): void => {
      if (turn.live) this.fail(ended(`collection ${id}`, reason))
    }
    const subscribed = this.client.subscribeCollection<T>(id, { onDiff, onUnsubscribed })
    ignore(subscribed.then((begun) => {
      if (!turn.live) return
      if (!begun.success) return this.set({ status: "failed", error: begun.error, loading: false })
      this.set({ status: "subscribed", error: undefined, loading: false, members: early!.reduce(after<T>, new Map(begun.records.map((member) => [member.id, shown(member)]))) })
      early = undefined
    }))
    return () => ignore(subscribed.then(({ unsubscribe }) => unsubscribe()))
  }
}

// after are the members after a change.
function after<T>(members: ReadonlyMap<string, CollectionRecord<T>>, { added, changed, removed }: CollectionDiff<T>): ReadonlyMap<string, CollectionRecord<T>> {
  const now = new Map(members)
  for (const { id } of removed) now.delete(id)
  for (const member of [...added, ...changed]) now.set(member.id, shown(member))
  return now
}

function shown<T>({ id, value, version }: Member<T>): CollectionRecord<T> {
  return { id, record: value, version }
}
