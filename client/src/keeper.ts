import { asError, MeshError } from "./errors"
import { readStored, type Position } from "./messages"
import type { ChannelStore, StoredChannel } from "./store"
import { inTime } from "./timers"
import type { Wire } from "./wire"

/** How long a store may take, in ms. */
const patience = 5_000

/** What a store does last, by channel: also for a subscription that has ended meanwhile. */
export type Tails = Map<string, Promise<unknown>>

/**
 * Reads a channel's messages from the store, and writes them, one call after the other. A store
 * that fails is not used any more: what it has is what there was up to then, and the position that
 * goes with it.
 */
export class Keeper {
  readonly #wire: Wire
  readonly #store: ChannelStore
  readonly #channel: string
  readonly #tails: Tails
  #over = false

  constructor(wire: Wire, store: ChannelStore, channel: string, tails: Tails) {
    this.#wire = wire
    this.#store = store
    this.#channel = channel
    this.#tails = tails
  }

  /** Reads what is kept; resolves with undefined for nothing. */
  load(): Promise<StoredChannel | undefined> {
    return this.#run(async () => {
      const stored = await this.#store.load(this.#channel)
      return stored ? readStored(stored) : undefined
    })
  }

  /** Adds messages, oldest first, and the position after them. */
  append(texts: string[], { epoch, offset }: Position): void {
    void this.#run(() => this.#store.append(this.#channel, texts, epoch, offset))
  }

  /** Forgets what is kept. */
  clear(): void {
    void this.#run(() => this.#store.clear(this.#channel))
  }

  #run<T>(call: () => T | Promise<T>): Promise<T | undefined> {
    const done = Promise.resolve(this.#tails.get(this.#channel)).then(async () => {
      if (this.#over) return undefined
      const time = Math.min(patience, this.#wire.settings.callTimeout / 2)
      try {
        return await inTime(time, `${time} ms`, call)[0]
      } catch (thrown) {
        this.#over = true
        this.#wire.failed(new MeshError(`The store has failed for the channel ${this.#channel}: ${asError(thrown).message}`, "ESTORE", undefined, thrown))
        return undefined
      }
    })
    this.#tails.set(this.#channel, done)
    return done
  }
}
