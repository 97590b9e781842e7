import { Following, type Change, type Follower, type Version } from "./following"
import { isCount, isText, maybe, member, shape } from "./frames"
import { Kept } from "./optimistic"
import type { Operation } from "./patch"
import type { RecordSubscribed, RecordUpdate } from "./records"
import type { Begun, Subscribed } from "./topic"
import { clone } from "./values"

type View = Omit<RecordSubscribed, keyof Subscribed>

interface Listener extends Follower {
  mode: "full" | "patch"
}

interface Reply {
  version: number
  epoch?: string
  record?: unknown
  recovered?: unknown
  patches?: Version[]
}

/** A record that is followed, by all who do. */
export class RecordTopic extends Following<View, Listener> {
  protected readonly kind = "record"
  #kept: Kept | undefined
  #mode = "full"

  subscribe(listener: Listener): Promise<Subscribed & View> {
    const begun = this.follow(listener, { record: null, value: null, version: 0 })
    if (listener.mode === "patch" && this.#mode === "full") this.ask()
    return begun
  }

  override kept(): Kept | undefined {
    return this.#kept
  }

  protected naming(): Record<string, string> {
    return { recordId: this.name }
  }

  protected override begin(): { command: string; payload: unknown } {
    this.#mode = [...this.listeners].some(({ mode }) => mode === "patch") ? "patch" : "full"
    const { epoch, version } = this.#kept ?? {}
    return { command: "mesh/subscribe-record", payload: { ...this.naming(), mode: this.#mode, ...(epoch && !this.lost && { epoch, version }) } }
  }

  protected begun(reply: unknown): Begun {
    if (member(reply, "success") !== true) return "refused"
    const { version, epoch, record = null, recovered, patches } = shape<Reply>(reply, { version: isCount, epoch: maybe(isText) })
    if (recovered === true) {
      for (const one of patches!) this.record(this.name, { ...one, full: undefined, epoch })
      const kept = this.#kept! // or the reply makes no sense
      if (kept.version < version) this.resync()
      if (!this.lost && kept.settled()) this.changed(this.name, kept, { optimistic: true })
      return "begun"
    }
    this.lost = false
    const kept = (this.#kept ??= new Kept(record, version, epoch))
    const shows = kept.settled()
    const isNews = version > kept.version || epoch !== kept.epoch
    if (isNews) kept.take(record, version, epoch, !epoch && record === null)
    if (isNews || shows) this.changed(this.name, kept, { optimistic: !isNews })
    return "begun"
  }

  protected changed(recordId: string, { shown: value, version, epoch, overlaid, deleted }: Kept, { patch, optimistic }: Change): void {
    this.tellAll(({ mode }): RecordUpdate => ({
      recordId,
      ...(patch && mode === "patch" ? { patch: clone(patch as Operation[]) } : { full: clone(value) }),
      value,
      version,
      epoch,
      ...(optimistic ? { optimistic } : deleted && !overlaid && { deleted }),
    }))
  }

  protected present(): View {
    const { shown: value, version, epoch } = this.#kept!
    return { record: clone(value), value, version, epoch }
  }
}
