import type { ChannelCallback, ChannelOptions, ChannelSubscribed } from "./channels"
import { failure, MeshError, senseless } from "./errors"
import { Keeper, type Tails } from "./keeper"
import { decodeAll, positionOf, readMessage, readPast, readReply, upTo, type Message, type Past, type Position, type Reply } from "./messages"
import type { StoredChannel } from "./store"
import { Topic, type Begun } from "./topic"
import type { Wire } from "./wire"

/** How many messages the server gives of a past, at most. */
const most = 10_000

/** One subscriber of a channel, and what it is to be told. */
export interface Subscription {
  readonly callback: ChannelCallback
  readonly options: ChannelOptions
  /** Whether it gets messages. */
  begun?: boolean | undefined
  /** The messages that came while its history was being asked for. */
  held?: Message[] | undefined
  /** Up to where it has had messages, also in its history. */
  after?: Partial<Position> | undefined
  /** What it has begun with, once that is there. */
  result?: { history: unknown[]; epoch?: string; offset?: number; recovered?: boolean | undefined }
}

/**
 * A channel, which knows the position of the last message that it has given to its subscribers: it
 * goes on from there after a reconnect, and whenever a push is not the next one.
 */
export class ChannelTopic extends Topic<Subscription> {
  protected readonly kind = "channel"
  readonly #keeper: Keeper | undefined
  #loaded: boolean | undefined // false: being loaded
  #stored: StoredChannel | undefined
  #at: Position | undefined
  /** What the subscribe under way has stated. */
  #stated: Position | undefined
  /** The first subscriber, until its result is there: the subscribe is made with its options. */
  #opener: Subscription | undefined

  constructor(wire: Wire, name: string, gone: () => void, tails: Tails) {
    super(wire, name, gone)
    const { store } = wire.settings
    if (store) this.#keeper = new Keeper(wire, store, name, tails)
    else this.#loaded = true
  }

  /** Adds a subscriber; resolves when it has begun and its history is there, or with why not. */
  join(listener: Subscription): Promise<ChannelSubscribed> {
    const late = this.active && !this.asking
    const joined = this.enroll<Omit<ChannelSubscribed, "success" | "unsubscribe">>(listener, () => listener.result as ChannelSubscribed, { history: [] })
    if (late) this.#start(listener)
    return joined
  }

  /** Takes a `subscription-message`; it throws for what is none. */
  push(payload: unknown): void {
    if (!this.active) return // of a subscription that was before
    const message = readMessage(payload)
    const { epoch, offset } = message
    const last = this.#at
    // Another stream is there from its first message on, or else nobody knows what was before.
    if (epoch && last && offset! > (epoch === last.epoch ? last.offset : 0) + 1) this.#again()
    else this.#take(message)
  }

  /** The server has left messages out, up to a position. */
  override gap(epoch?: string, offset?: number): void {
    if (!this.active) return
    if (!this.#at) this.#tellGap([])
    else if (!upTo({ epoch, offset }, this.#at)) this.#again()
  }

  protected naming(): Record<string, string> {
    return { channel: this.name }
  }

  protected override ask(): void {
    if (this.#loaded) return super.ask()
    if (this.#loaded === false) return
    this.#loaded = false
    void this.#keeper!.load().then((stored) => {
      this.#loaded = true
      this.#stored = stored
      super.ask()
    })
  }

  protected override begin(): { command: string; payload: unknown } {
    if (this.#begun().length === 0) {
      const [first] = this.listeners as Iterable<Subscription> as [Subscription]
      this.#opener = first
      first.begun = true
      this.#at = positionOf(this.#stored ?? first.options.recover)
    }
    this.#stated = this.#at
    const { since, sinceTime } = this.#opener?.options ?? {}
    const historyLimit = Math.max(...this.#begun().map(limitOf))
    return { command: "mesh/subscribe-channel", payload: { channel: this.name, historyLimit, since, sinceTime, recover: this.#at } }
  }

  protected begun(payload: unknown): Begun {
    const reply = readReply(payload)
    if (!reply.success) return "refused"
    const { epoch, offset, missed, more } = reply
    const stated = this.#stated
    const recovered = stated && reply.recovered === true && epoch === stated.epoch
    if (recovered) {
      if (more && offset! <= stated.offset) throw new TypeError("this page goes no further")
      for (const one of missed ?? []) this.#take({ ...one, epoch })
      if (!upTo(reply, this.#at)) this.#at = positionOf(reply)
      if (more) return "again"
    }
    this.#open(reply, recovered)
    return "begun"
  }

  protected override ready(listener: Subscription): boolean {
    return listener.result !== undefined
  }

  protected over(listener: Subscription, reason: string): void {
    if (listener.result) this.wire.tell(listener.options.onUnsubscribed, reason)
    else this.settle(listener, failure("EDENIED", `channel ${this.name}: ${reason}`))
  }

  // open begins what the last reply to a subscribe has begun; recovered is undefined where no
  // position was stated.
  #open(reply: Reply, recovered: boolean | undefined): void {
    const opener = this.#opener
    const stored = this.#stored
    this.#opener = this.#stored = undefined
    if (!recovered) this.#anew(reply, recovered === false)
    if (opener) {
      const limit = opener.options.historyLimit === undefined ? most : limitOf(opener)
      const history = recovered && stored ? [...stored.messages].reverse().slice(0, limit) : reply.history
      this.#fill(opener, { ...reply, ...this.#at, history }, recovered)
    }
    // Where there is no position nobody knows whether something was missed.
    if (recovered === false || (!recovered && !opener)) this.#tellGap(reply.history)
    for (const listener of [...this.listeners]) if (!listener.begun) this.#start(listener)
  }

  // anew takes the position, and what is kept, from a reply that goes on from nothing.
  #anew(reply: Reply, clear: boolean): void {
    this.#at = positionOf(reply)
    for (const listener of this.listeners) listener.after = undefined
    if (clear) this.#keeper?.clear()
    if (this.#at) this.#keeper?.append([...reply.history].reverse(), this.#at)
  }

  // start lets a further subscriber begin, with its history if it wants some, or with what it has
  // missed since its position.
  #start(listener: Subscription): void {
    const { since, sinceTime, recover } = listener.options
    const limit = limitOf(listener)
    listener.begun = true
    listener.after = this.#at
    if (limit === 0 && !recover) return this.#fill(listener, { ...this.#at, history: [] })
    const from = recover?.epoch === this.#at?.epoch ? recover : undefined
    const past = from ? { limit: most, since: from.offset } : { limit, since, sinceTime }
    listener.held = []
    this.wire.ask("mesh/get-channel-history", { channel: this.name, ...past }, (reply, failed) => {
      if (failed?.code === "ECONNECTION") {
        // It is asked for again on the next connection, or is what that subscribes for.
        return void (listener.begun = listener.held = listener.after = undefined)
      }
      try {
        if (failed) throw failed
        this.#answered(listener, readPast(reply, this.name), from)
      } catch (thrown) {
        this.settle(listener, thrown instanceof MeshError ? thrown : senseless(`history of ${this.name}`, thrown))
      }
    })
  }

  #answered(listener: Subscription, past: Past, from: Position | undefined): void {
    const { epoch, offset, history } = past
    // Offsets have no holes: as many as there are between the two positions are all of them.
    const recovered = from && from.epoch === epoch && offset! - from.offset === history.length
    const held = listener.held!
    listener.held = undefined
    listener.after = recovered ? from : positionOf(past)
    this.#fill(listener, { ...past, history: recovered ? [] : history.slice(0, limitOf(listener)) }, listener.options.recover && Boolean(recovered))
    if (recovered) held.unshift(...history.map((message, i) => ({ message, epoch, offset: offset! - i })).reverse())
    else if (listener.options.recover) this.#tellGap(history, [listener])
    for (const message of held) this.#give(listener, message)
  }

  // fill makes a subscriber's result.
  #fill(listener: Subscription, past: Omit<Past, "success">, recovered?: boolean): void {
    listener.result = { history: decodeAll(past.history, this.wire), ...positionOf(past), recovered }
    this.settle(listener)
  }

  // take gives a message to the subscribers, unless they have had it. It is kept before it is
  // given: a callback may begin another subscription, which goes on from there.
  #take(message: Message): void {
    if (!this.wanted || upTo(message, this.#at)) return
    this.#at = positionOf(message)
    if (this.#at) this.#keeper?.append([message.message], this.#at)
    for (const listener of this.#begun()) {
      if (listener.held) listener.held.push(message)
      else this.#give(listener, message)
    }
  }

  #give(listener: Subscription, message: Message): void {
    if (!this.listeners.has(listener) || upTo(message, listener.after)) return
    listener.after = message
    for (const decoded of decodeAll([message.message], this.wire)) this.wire.tell(listener.callback, decoded, { channel: this.name, ...positionOf(message) })
  }

  #tellGap(history: string[], listeners = this.#begun()): void {
    for (const listener of listeners) {
      const { onGap } = listener.options
      if (onGap) this.wire.tell(onGap, { channel: this.name, history: decodeAll(history.slice(0, limitOf(listener)), this.wire), ...this.#at })
    }
  }

  #begun(): Subscription[] {
    return [...this.listeners].filter((listener) => listener.begun)
  }

  // again subscribes once more, from where it was. A reply that is under way has what is missing.
  #again(): void {
    if (!this.asking) this.ask()
  }
}

function limitOf({ options }: Subscription): number {
  return Math.min(Math.max(Number(options.historyLimit) || 0, 0), most)
}
