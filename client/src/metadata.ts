import { laid, type Strategy } from "./optimistic"
import { askQuietly, type Wire } from "./wire"

/** How many writes are made again, at most. */
const most = 16

/** What a client has set of its own metadata: the writes that make the same of what the server sets beside it on a new connection. */
export class OwnMetadata {
  readonly #wire: Wire
  #writes: { metadata: unknown; strategy: Strategy }[] = []

  constructor(wire: Wire) {
    this.#wire = wire
  }

  /** Notes a write that the server has taken; one that does no more than another does is one with it. */
  note(metadata: unknown, strategy: Strategy = "replace"): void {
    const last = this.#writes.at(-1)
    if (strategy === "replace") this.#writes = [{ metadata, strategy }]
    else if (last?.strategy === "replace" || last?.strategy === strategy) last.metadata = laid(last.metadata, metadata, strategy)
    else this.#writes = [...this.#writes, { metadata, strategy }].slice(-most)
  }

  /** Forgets all of it: the client is closed. */
  closed(): void {
    this.#writes = []
  }

  /** Makes all of it again on a new connection, before anything else is asked. */
  restore(): void {
    for (const { metadata, strategy } of this.#writes) askQuietly(this.#wire, "mesh/set-my-connection-metadata", { metadata, options: { strategy } })
  }
}
