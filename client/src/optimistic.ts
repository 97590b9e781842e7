import { clone, equal, isMembers } from "./values"

/** How a write goes together with what is there. */
export type Strategy = "replace" | "merge" | "deepMerge"

/** A write that is shown before the server has answered. */
export interface Write {
  readonly value: unknown
  readonly strategy: Strategy
  /** The version that has it, once that is known: none if it was refused, Infinity if nobody knows. */
  outcome?: { version: number; epoch?: string }
}

/** Makes a write of what the application gives, which may change later; undefined for what JSON does not know. */
export function writeOf(value: unknown, strategy: Strategy = "replace"): Write | undefined {
  try {
    return { value: clone(value), strategy }
  } catch {
    return undefined // the call says why
  }
}

/**
 * What is kept of a record: the server's value, and over it the writes of this client that it does
 * not have yet. None of the values that it gives is changed ever after, and what is equal to what
 * was shown before is the same object, for those who compare identities.
 */
export class Kept {
  /** What those who follow the record see: the value with the writes laid over it, in their order. */
  shown: unknown
  /** The record is deleted. */
  deleted = false
  #writes: Write[] = []

  /** Makes it of the server's value, version and epoch, undefined where that is unknown. */
  constructor(public value: unknown, public version: number, public epoch?: string) {
    this.shown = value
  }

  /** Whether a write is laid over the value. */
  get overlaid(): boolean {
    return this.#writes.length > 0
  }

  /** Is that the epoch in which versions are counted here, as far as is known? */
  shares(epoch?: string): boolean {
    return !epoch || !this.epoch || epoch === this.epoch
  }

  /** Takes a version of the server. Writes that it contains, or that another epoch had, are laid over it no longer. */
  take(value: unknown, version: number, epoch?: string, deleted = false): void {
    Object.assign(this, { value, version, epoch, deleted })
    this.lay(true)
  }

  /** Lays a further write over the value; reports whether that shows. */
  add(write: Write): boolean {
    this.#writes.push(write)
    return this.lay()
  }

  /** The server has been asked anew: what it has not got now it will not get by writes that were answered, or lost. Reports whether that shows. */
  settled(): boolean {
    this.#writes = this.#writes.filter(({ outcome }) => !outcome)
    return this.lay()
  }

  /**
   * Lays those writes over the value whose version has not come, or whose outcome is unknown;
   * reports whether what is shown is another value.
   */
  lay(foreignIsOver = false): boolean {
    this.#writes = this.#writes.filter(({ outcome }) => !outcome || (this.shares(outcome.epoch) ? outcome.version > this.version : !foreignIsOver))
    const next = this.#writes.reduce((value, write) => laid(value, write.value, write.strategy), this.value)
    const shows = !equal(next, this.shown)
    if (shows) this.shown = next
    else if (!this.overlaid) this.value = this.shown
    return shows
  }
}

/** What the server makes of a write: where either side is no object, the new value replaces. */
export function laid(base: unknown, value: unknown, strategy: Strategy): unknown {
  if (strategy === "replace" || !isMembers(base) || !isMembers(value)) return value
  if (strategy === "merge") return { ...base, ...value }
  return { ...base, ...Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, laid(base[name], inner, strategy)])) }
}
