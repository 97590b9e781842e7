/** Called with what an event carries. */
export type Listener = (...values: never[]) => unknown

interface Entry {
  listener: Listener
  once: boolean
}

/**
 * Listeners by the name of their event. A listener that throws, or whose promise is rejected, is
 * reported to the one that made the emitter, with the event's name, and the others still run.
 */
export class Emitter {
  readonly #entries = new Map<string, Set<Entry>>()
  readonly #failed: (thrown: unknown, name: string) => void

  constructor(failed: (thrown: unknown, name: string) => void) {
    this.#failed = failed
  }

  /** Adds a listener, once more if it is there; what is returned takes this one out. */
  on(name: string, listener: Listener, once = false): () => void {
    const entry = { listener, once }
    const entries = this.#entries.get(name) ?? new Set()
    this.#entries.set(name, entries.add(entry))
    return () => entries.delete(entry)
  }

  /** Takes a listener out, however often and in whatever way it was added; without one, all of the name; without a name, all. */
  off(name?: string, listener?: Listener): void {
    if (name === undefined) this.#entries.clear()
    else for (const entry of this.#of(name)) if (!listener || entry.listener === listener) this.#entries.get(name)!.delete(entry)
  }

  /** How many listeners there are. */
  count(name: string): number {
    return this.#of(name).length
  }

  /** Calls an event's listeners, those that were there when it began; reports whether there were any. */
  emit(name: string, ...values: unknown[]): boolean {
    const entries = this.#of(name)
    for (const entry of entries) {
      // One that is gone was for an event within the event.
      if (!entry.once || this.#entries.get(name)?.delete(entry)) void guarded((thrown) => this.#failed(thrown, name), entry.listener, ...values)
    }
    return entries.length > 0
  }

  #of(name: string): Entry[] {
    return [...(this.#entries.get(name) ?? [])]
  }
}

/**
 * Calls a function of the application, in this turn. What it throws, or rejects with, goes to
 * failed and nowhere else; resolves after that.
 */
export async function guarded(failed: (thrown: unknown) => void, call: Listener, ...values: unknown[]): Promise<void> {
  try {
    await call(...(values as never[]))
  } catch (thrown) {
    failed(thrown)
  }
}
