import type { Topic } from "./topic"

/** A part of the client that follows what the server pushes, over all connections. */
export interface Feature {
  /** The kind of its topics in `gap` and `unsubscribed`. */
  readonly kind?: string
  /** Takes a push, by its name without prefix; others' too. What it throws is reported: the push made no sense. */
  push(command: string, payload: unknown): void
  /** Brings everything back on a new connection: what it asks it asks before it returns. Resolves when all is answered. */
  restore(): Promise<unknown> | void
  /** The connection is over. */
  disconnected(): void
  /** The server has ended this subscription. */
  unsubscribed(name: string, reason: string): void
  /** The server has left out pushes of this topic, up to this position where it has one. */
  gap(name: string, epoch?: string, offset?: number): void
  /** The client was closed: waiting calls are answered, and nothing is told to anyone any more. */
  closed(): void
}

/** The topics of a kind, by their name: what most features are, which then override what they do otherwise. */
export class Topics<T extends Topic<any>> implements Feature {
  readonly kind?: string
  readonly #byName = new Map<unknown, T>()
  readonly #make: (name: string, gone: () => void) => T

  constructor(make: (name: string, gone: () => void) => T) {
    this.#make = make
  }

  /** The topic of this name, which is made if there is none: to be listened to in the same turn. */
  of(name: string): T {
    const there = this.#byName.get(name)
    if (there) return there
    const made = this.#make(name, () => {
      if (this.#byName.get(name) === made) this.#byName.delete(name)
    })
    this.#byName.set(name, made)
    return made
  }

  get(name: unknown): T | undefined {
    return this.#byName.get(name)
  }

  all(): T[] {
    return [...this.#byName.values()]
  }

  /** Takes out the listeners with this callback, or all; resolves with whether there was one. */
  async unsubscribe(name: string, callback?: unknown): Promise<boolean> {
    return this.get(name)?.unlistenAll(callback) ?? false
  }

  push(_command: string, _payload: unknown): void {}

  restore(): Promise<unknown> {
    return Promise.all(this.all().map((topic) => topic.restore()))
  }

  disconnected(): void {
    for (const topic of this.all()) topic.disconnected()
  }

  unsubscribed(name: string, reason: string): void {
    this.get(name)?.unsubscribed(reason)
  }

  gap(name: string, epoch?: string, offset?: number): void {
    this.get(name)?.gap(epoch, offset)
  }

  closed(): void {
    for (const topic of this.all()) topic.closed()
  }
}
