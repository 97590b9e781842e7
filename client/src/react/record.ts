import { MeshError, type MeshClient, type RecordCallback, type RecordOptions, type WriteOptions } from "@mesh-host/client"
import { useMemo } from "react"
import { useMeshClient, type ClientOption } from "./context"
import { ended, following, ignore, isName, nameless, Source, useSource, type Following, type Turn } from "./source"

/** What `useRecord` takes. */
export interface UseRecordOptions extends ClientOption {
  /** Whether `set` shows the value at once, and takes it back if the server refuses. Default false. */
  optimistic?: boolean
  /** Whether changes come as patches or as whole values; the record is the same. Default "patch". */
  mode?: RecordOptions["mode"]
}

/** What `useRecord` returns. */
export interface RecordHook<T = any> extends Following {
  /** The value, as it is on the server, or will be by optimistic writes; null where there is none. What is the same as before is the same object; it must not be changed. */
  record: T | null
  /** The version that the server has last told of. */
  version: number
  /** Whether the value is not known yet. */
  loading: boolean
  /**
   * Writes the record; resolves with its version, or rejects with why not. A function makes the new
   * value of the present one, once writes of hooks before it are answered, and is called again when
   * someone else was faster, so that no one's
   * change is lost.
   */
  set: (value: T | ((record: T | null) => T), options?: WriteOptions) => Promise<{ version: number }>
}

interface RecordState<T> extends Following {
  record: T | null
  version: number
  loading: boolean
}

/** Follows a record. Without an id it follows nothing; with another one it begins anew. */
export function useRecord<T = any>(recordId: string | null | undefined, options: UseRecordOptions = {}): RecordHook<T> {
  const client = useMeshClient(options.client)
  const { optimistic = false, mode = "patch" } = options
  const source = useMemo(() => new RecordSource<T>(client, recordId, optimistic, mode), [client, recordId, optimistic, mode])
  const state = useSource(source)
  return useMemo(() => ({ ...state, set: source.write }), [state, source])
}

/** How often a function is called again for one write, and how long it waits for the value that was faster, in ms. */
const attempts = 20
const patience = 10_000

class RecordSource<T> extends Source<RecordState<T>> {
  readonly #id: string | null | undefined
  readonly #optimistic: boolean
  readonly #mode: RecordOptions["mode"]
  readonly #waiting = new Set<() => void>() // for a version

  constructor(client: MeshClient, id: string | null | undefined, optimistic: boolean, mode: RecordOptions["mode"]) {
    super(client, { ...following(id), record: null, version: 0, loading: isName(id) })
    this.#id = id
    this.#optimistic = optimistic
    this.#mode = mode
  }

  readonly write: RecordHook<T>["set"] = async (value, options) => {
    if (!isName(this.#id)) return nameless("record id")
    const all = { optimistic: this.#optimistic, ...options }
    // What a function is given is followed until it is written, also when the component has gone.
    const leave = typeof value === "function" ? this.subscribe(() => {}) : undefined
    try {
      const written = await inTurn(this.client, this.#id, typeof value === "function", () =>
        typeof value === "function" ? this.#apply(this.#id!, value as (record: T | null) => T, all) : this.client.setRecord(this.#id!, value, all))
      if (this.state().status === "subscribed" && this.state().error) this.set({ error: undefined })
      return written
    } catch (error) {
      if (error instanceof MeshError && this.state().status === "subscribed") this.set({ error })
      throw error
    } finally {
      leave?.()
    }
  }

  // apply writes what a function makes of the record, at the version that it was made of.
  async #apply(id: string, make: (record: T | null) => T, options: WriteOptions): Promise<{ version: number }> {
    await this.#known(() => !this.state().loading)
    for (let attempt = 1; ; attempt++) {
      const { record, version } = this.state()
      try {
        return await this.client.setRecord(id, make(record), { expectVersion: version, ...options })
      } catch (error) {
        const now = error instanceof MeshError && error.code === "ECONFLICT" ? (error.data as { version?: unknown } | undefined)?.version : undefined
        if (typeof now !== "number" || options.expectVersion !== undefined || attempt === attempts) throw error
        await this.#known(() => this.state().version >= now)
      }
    }
  }

  // known resolves once a condition of the state holds.
  #known(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const look = (late?: boolean): void => {
        if (!late && !holds()) return
        clearTimeout(timer)
        this.#waiting.delete(look)
        if (late) reject(new MeshError(`The record ${this.#id} was not read within ${patience} ms.`, "ETIMEOUT", "TimeoutError"))
        else resolve()
      }
      const timer = setTimeout(look, patience, true)
      this.#waiting.add(look)
    })
  }

  protected override set(change: Partial<RecordState<T>>): void {
    super.set(change)
    for (const look of [...this.#waiting]) look()
  }

  protected begin(turn: Turn): () => void {
    const id = this.#id!
    let newest = -1 // the version of the newest update
    const callback: RecordCallback<T> = ({ value, version, optimistic }) => {
      if (!turn.live) return
      if (!optimistic) newest = version
      this.set({ record: value ?? null, ...(optimistic ? {} : { version }) })
    }
    const onUnsubscribed = (reason: string): void => {
      if (turn.live) this.fail(ended(`record ${id}`, reason))
    }
    ignore(this.client.subscribeRecord<T>(id, callback, { mode: this.#mode, onUnsubscribed }).then((begun) => {
      if (!turn.live) return
      if (!begun.success) return this.set({ status: "failed", error: begun.error, loading: false })
      const { value: record, version } = begun
      this.set({ status: "subscribed", error: undefined, loading: false, ...(version > newest ? { record, version } : {}) })
    }))
    return () => ignore(this.client.unsubscribeRecord(id, callback))
  }
}

const writes = new WeakMap<MeshClient, Map<string, Promise<unknown>>>() // under way, by record

// inTurn makes a write, which waits for those before it if it builds on the value: what they show
// optimistically may be refused, and must not get into the record by way of this one.
function inTurn<R>(client: MeshClient, id: string, builds: boolean, write: () => Promise<R>): Promise<R> {
  let ofClient = writes.get(client)
  if (!ofClient) writes.set(client, (ofClient = new Map()))
  const all = ofClient
  const before = all.get(id)
  const written = builds && before ? before.then(write) : write()
  const done = Promise.allSettled([before, written]).then(() => {
    if (all.get(id) === done) all.delete(id)
  })
  all.set(id, done)
  return written
}
