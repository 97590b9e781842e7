import { failure, senseless, type MeshError } from "./errors"
import { after } from "./timers"
import type { Wire } from "./wire"

/** What subscribing resolves with. */
export interface Subscribed {
  /** Whether the server allows it. */
  success: boolean
  /** Why not, where it says. */
  error?: MeshError
  /** Ends this subscription, and that of the wire with the last one; false where it had ended. */
  unsubscribe: () => Promise<boolean>
}

/** What a reply to a subscription meant. */
export type Begun = "begun" | "refused" | "again"

/** The pauses between attempts to get back what the server refuses after a reconnect, in ms. */
const retries = [1_000, 2_000, 4_000, 8_000]

/** What is tried again for ever: it may pass, on the same connection. */
const passing = ["EUNAVAILABLE", "ERATELIMIT", "ETIMEOUT", "EPLUGIN"]

/** How many pages a subscription may take to begin; a server that goes on has gone wrong. */
const maxPages = 10_000

/**
 * A subscription of the wire, shared by all listeners of one name. It begins with the first of
 * them, ends with the last, and is begun again on each new connection, by what the kind of topic
 * remembers of where it was.
 *
 * Its states: resting (no connection, or nothing asked yet), asking (a subscribe is under way) and
 * active; an active one may ask again, and stays active meanwhile. What is pushed while asking
 * belongs to what was before; begun() is called in the turn in which the reply came.
 *
 * A topic that its last listener has left is out of its registry, and does not come back: listen()
 * is called in the turn in which the topic was got from there.
 */
export abstract class Topic<Listener extends object> {
  readonly name: string
  protected readonly wire: Wire
  protected readonly listeners = new Set<Listener>()
  /** Whether the server pushes for this topic. */
  protected active = false
  #asking = false
  #askAgain = false
  #held = false // whether the server has the subscription, or may have it
  #pages = 0
  #refused = 0 // in a row, while restoring
  readonly #waiting = new Map<Listener, (error?: MeshError) => void>() // who is told when it has begun, or not
  #restored = (): void => {} // ends what restore() returned
  #endRetry = (): void => {}
  readonly #gone: () => void // takes it out of its registry

  constructor(wire: Wire, name: string, gone: () => void) {
    this.wire = wire
    this.name = name
    this.#gone = gone
  }

  /** channel, presence, record or collection. */
  protected abstract readonly kind: string
  /** The payload that names the topic. */
  protected abstract naming(): Record<string, string>
  /** What asks the server for the topic, from where it is now. */
  protected begin(): { command: string; payload: unknown } {
    return { command: `mesh/subscribe-${this.kind}`, payload: this.naming() }
  }
  /** Takes the reply; what it throws is a reply that makes no sense. "again" asks again at once, for the next page. */
  protected abstract begun(reply: unknown): Begun
  /** What a listener that is told that its topic has ended calls. */
  protected abstract over(listener: Listener, reason: string): void

  // about names it in errors.
  get #about(): string {
    return `${this.kind} ${this.name}`
  }

  /** Whether a subscribe is under way. */
  protected get asking(): boolean {
    return this.#asking
  }

  /** Whether anything listens. */
  get wanted(): boolean {
    return this.listeners.size > 0
  }

  /**
   * Adds a listener; resolves when the server pushes for it, or rejects with why not, and then it
   * is gone again. A further listener of a topic that is active or asking changes nothing on the
   * wire, unless the kind of topic asks again by itself.
   */
  protected listen(listener: Listener): Promise<void> {
    this.listeners.add(listener)
    if (this.active && !this.#asking && this.ready(listener)) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const { callTimeout } = this.wire.settings
      const settle = (error?: MeshError): void => {
        stop()
        end?.()
        this.#waiting.delete(listener)
        if (!error) return resolve()
        void this.#drop(listener)
        reject(error)
      }
      const stop = after(callTimeout, () => settle(failure("ETIMEOUT", `${this.#about}, ${callTimeout} ms`)))
      let end: (() => void) | undefined
      this.#waiting.set(listener, settle)
      end = this.wire.hopeless(settle)
      if (!this.active && !this.#asking) this.ask()
    })
  }

  /** Whether a listener of an active topic has all that it begins with; where not, settle() is called later. */
  protected ready(_listener: Listener): boolean {
    return true
  }

  /** Answers a listener that waits: it has begun, or why it has not; then it is gone. */
  protected settle(listener: Listener, error?: MeshError): void {
    this.#waiting.get(listener)?.(error)
  }

  /** Takes a listener out; resolves with whether it was there, once the server knows. */
  unlisten(listener: Listener): Promise<boolean> {
    const ended = this.#drop(listener)
    this.settle(listener, failure("EABORTED", this.#about))
    return ended
  }

  /** Takes all listeners out, or those with this callback; resolves with whether there were any, and, where they were the last ones, the server had it. */
  async unlistenAll(callback?: unknown): Promise<boolean> {
    const those = [...this.listeners].filter((listener) => !callback || (listener as { callback?: unknown }).callback === callback)
    return (await Promise.all(those.map((listener) => this.unlisten(listener)))).pop() ?? false
  }

  /** Adds a listener; resolves with what view gives once it has begun, or with why it has not, and none. It never rejects. */
  protected async enroll<View extends object>(listener: Listener, view: () => View, none: View): Promise<Subscribed & View> {
    const unsubscribe = (): Promise<boolean> => this.unlisten(listener)
    try {
      await this.listen(listener)
      return { success: true, ...view(), unsubscribe }
    } catch (error) {
      return { success: false, error: error as MeshError, ...none, unsubscribe }
    }
  }

  /** Subscribes on the wire, if there is one; again, if it is active; once more, if it is being done. */
  protected ask(): void {
    if (!this.wire.connected || !this.wanted) return
    if (this.#asking) {
      this.#askAgain = true
      return
    }
    this.#asking = this.#held = true
    this.#askAgain = false
    this.#endRetry()
    const { command, payload } = this.begin()
    this.wire.ask(command, payload, (reply, failure) => this.#replied(reply, failure))
  }

  /** Begins anew on a new connection; resolves when that has been answered, whatever the answer. */
  restore(): Promise<void> {
    if (!this.wanted) return Promise.resolve()
    this.#refused = 0
    return new Promise((resolve) => {
      this.#restored = resolve
      if (!this.#asking) this.ask()
    })
  }

  /** The connection is over; or the topic is, since nobody listens any more. */
  disconnected(): void {
    this.active = this.#held = false
    this.#endRetry()
    this.#restored()
  }

  /** The server has left out pushes, up to this position where there is one. */
  gap(_epoch?: string, _offset?: number): void {
    if (this.active) this.ask()
  }

  /** The server has ended the subscription. While asking that is the former one: the reply says what is now. */
  unsubscribed(reason: string): void {
    if (!this.active) return
    this.active = false
    if (this.#asking) return
    this.#held = false
    this.#end(reason)
  }

  /** The client is closed: nothing is told to anyone, and who waits is answered. */
  closed(): void {
    this.listeners.clear()
    this.disconnected()
    this.#gone()
    this.#answer(failure("ECLOSED"))
  }

  #replied(reply: unknown, failed?: MeshError): void {
    let begun: Begun = "refused"
    try {
      if (!failed && this.wanted) begun = this.begun(reply) // still asking: what is asked for meanwhile is asked afterwards
    } catch (thrown) { // the reply is none
      failed = senseless(this.#about, thrown)
    }
    this.#asking = false
    if (!this.wanted) return this.#restored()
    if (begun === "again" && !failed) {
      if (++this.#pages < maxPages) return this.ask()
      failed = failure("EPROTOCOL", `${this.#about} has no end of pages`)
    }
    if (begun === "refused") failed ??= failure("EDENIED", this.#about)
    this.#pages = 0
    if (failed) return this.#failed(failed)
    this.active = true
    this.#refused = 0
    this.#answer()
    if (this.#askAgain) this.ask()
  }

  // failed deals with a subscription that did not begin: one that is new is refused, one that was
  // there is tried again for a while, since a server that has just come back may still be loading
  // what allows it. Without a connection the next one restores it.
  #failed(failed: MeshError): void {
    const { code } = failed
    if (code === "ECONNECTION") return
    // What was there may go on, and what is not known may have begun.
    this.#held = this.active || code === "ETIMEOUT" || code === "EPROTOCOL"
    this.active = false
    this.#answer(failed)
    if (!this.wanted) return
    const pause = retries[this.#refused++] ?? (passing.includes(code) ? retries.at(-1) : undefined)
    if (pause === undefined) this.#end(code === "EDENIED" ? "refused" : failed.message)
    else this.later(pause * (0.5 + Math.random()))
  }

  /** Asks after a pause in ms, unless that is done before for another reason. */
  protected later(pause: number): void {
    this.#endRetry()
    this.#endRetry = after(pause, () => this.ask())
  }

  // answer tells those who wait.
  #answer(error?: MeshError): void {
    for (const [listener, settle] of [...this.#waiting]) if (error || this.ready(listener)) settle(error)
    this.#restored()
  }

  // end tells all listeners that it is over.
  #end(reason: string): void {
    const listeners = [...this.listeners]
    this.listeners.clear()
    void this.#leave()
    for (const listener of listeners) this.over(listener, reason)
    this.wire.ended(this.kind, this.name, reason)
  }

  // drop takes a listener out, and ends the subscription with the last one; resolves with whether
  // it was there, where it was the last one with whether the server had it.
  #drop(listener: Listener): Promise<boolean> {
    if (!this.listeners.delete(listener)) return Promise.resolve(false)
    return this.wanted ? Promise.resolve(true) : this.#leave()
  }

  // leave takes the topic out of its registry: who subscribes next makes another. Commands of a
  // connection run in their order, so the two do not meet.
  #leave(): Promise<boolean> {
    const held = this.#held && this.wire.connected
    this.disconnected()
    this.#gone()
    return held ? this.release() : Promise.resolve(true)
  }

  /** Ends it on the wire; resolves with whether the server had it. */
  protected release(): Promise<boolean> {
    return new Promise((resolve) => {
      this.wire.ask(`mesh/unsubscribe-${this.kind}`, this.naming(), (reply) => resolve(reply === true))
    })
  }
}
