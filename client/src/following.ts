import type { Kept, Write } from "./optimistic"
import { patched } from "./patch"
import { Topic, type Subscribed } from "./topic"

/** Who follows a topic of which the present state is kept. */
export interface Follower {
  callback?: (update: never) => unknown
  onUnsubscribed?: (reason: string) => unknown
  /** It knows what it begins with, and is told what comes after. */
  begun?: boolean
}

/** A version of a record: its value, or what makes it of the one before. */
export interface Version {
  version: number
  epoch?: string
  full?: unknown
  patch?: unknown
  deleted?: boolean
}

/** What is told of a record beside its value. */
export interface Change {
  /** Whether it was deleted before; as it is now without this. */
  was?: boolean
  /** What made the value of the one before. */
  patch?: unknown
  optimistic?: boolean
}

/** The server is asked no more often for the whole, because of what did not fit, in ms. */
const spacing = 5_000

/**
 * A topic that keeps the values of records, so that a further follower begins with them, and that
 * notices when something is missing in between.
 */
export abstract class Following<View extends object, F extends Follower> extends Topic<F> {
  /** What is kept does not go together with what came: only the whole will do. */
  protected lost = false
  #queue: (() => unknown)[] = []
  #next = 0 // when the whole may be asked for again

  /** What is kept of a record, if it is shown here. */
  abstract kept(id: string): Kept | undefined
  /** Tells that a record shows something else. */
  protected abstract changed(id: string, kept: Kept, change: Change): void
  /** What a follower begins with. */
  protected abstract present(): View

  /** Adds a follower; resolves with what it begins with, or with why it has not begun. It never rejects. */
  follow(follower: F, none: View): Promise<Subscribed & View> {
    // What was pushed in the turn of the reply is in what it begins with, and is not told: a callback that
    // is called before its subscription is known to have begun would see the newer value first.
    return this.enroll(follower, () => {
      follower.begun = true
      return this.present()
    }, none)
  }

  /** Takes a version of a record, if it is shown here: each once, and in their order. */
  record(id: string, { version, epoch, full, patch, deleted }: Version): void {
    const kept = this.kept(id)
    // Of the same epoch a higher version is news; another epoch is the server's truth, whatever the version.
    if (!kept || (version <= kept.version && kept.shares(epoch))) return
    const { overlaid, deleted: was } = kept
    if (full !== undefined) patch = undefined
    else {
      if (version !== kept.version + 1 || !kept.shares(epoch)) return this.resync()
      try {
        full = patched(kept.value, patch)
      } catch {
        return this.resync()
      }
    }
    kept.take(full, version, epoch ?? kept.epoch, deleted)
    this.changed(id, kept, { was, patch: overlaid ? undefined : patch })
  }

  /** Shows a write to a record that is shown here; what is returned is called when its outcome is known. */
  show(id: string, write: Write): () => void {
    const kept = this.kept(id)!
    const tell = (shows: boolean): void => {
      if (shows && this.kept(id) === kept) this.changed(id, kept, { optimistic: true })
    }
    tell(kept.add(write))
    return () => {
      tell(kept.lay())
      // Nothing says that its version will still come.
      if (!kept.shares(write.outcome!.epoch)) this.ask()
    }
  }

  protected override over(follower: F, reason: string): void {
    this.wire.tell(follower.onUnsubscribed, reason)
  }

  /**
   * Tells those who have begun what update makes for each of them. One that a callback causes, by
   * an optimistic write for example, comes after the one that is being told, for everyone.
   */
  protected tellAll(update: (follower: F) => unknown): void {
    const telling = this.#queue.length > 0
    for (const follower of this.listeners) {
      if (follower.begun) this.#queue.push(() => this.listeners.has(follower) && follower.callback?.(update(follower) as never))
    }
    if (telling) return
    for (const tell of this.#queue) this.wire.tell(tell) // also those that come meanwhile
    this.#queue = []
  }

  /** Asks the server for the whole: at once, but not too often. */
  protected resync(): void {
    if (this.lost) return
    this.lost = true
    const now = Date.now()
    this.later(this.#next - now)
    this.#next = Math.max(this.#next, now) + spacing
  }
}
