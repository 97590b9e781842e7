import { asError, failure, failureOf, type MeshError } from "./errors"
import type { Frame } from "./frames"
import { after } from "./timers"

/** Takes a reply's payload, or the failure that came instead; in the order of the frames. */
export type Take = (payload: unknown, failure?: MeshError) => void

/** How one call is made. */
export interface CallOptions {
  /** How long it may take from now on, the wait for a connection included, in milliseconds. Default `callTimeout`. */
  timeout?: number
  /** Ends the wait with `EABORTED`, whose data is the signal's reason; the command may run nevertheless. */
  signal?: AbortSignal
  /** Without a connection: wait for one, or fail at once with `EOFFLINE`. Default "queue". */
  offline?: "queue" | "fail"
}

interface Call {
  settle: Take
  /** Sends it; missing once that is done. */
  start?: (() => void) | undefined
}

/** What is to be sent, if it is a text: JSON makes none of functions, for example. */
export function asText(made: unknown): string {
  if (typeof made !== "string") throw new TypeError("it is no text")
  return made
}

/**
 * The calls under way, and those that wait for a connection, in their order. Each has an id, and
 * takes its reply in the very turn in which it came, so that what was pushed after it is dealt with
 * after it.
 */
export class Calls {
  readonly #send: (text: string) => boolean
  readonly #bound: number
  readonly #calls = new Map<unknown, Call>()
  #last = 0

  /** bound is how many may wait. */
  constructor(send: (text: string) => boolean, bound: number) {
    this.#send = send
    this.#bound = bound
  }

  /** Makes a call, now if ready, or else when flushed. take is called once, perhaps before this returns. */
  make(ready: boolean, command: string, payload: unknown, timeout: number, take: Take, { signal, offline }: CallOptions = {}): void {
    const id = ++this.#last
    const end = Date.now() + timeout
    const settle: Take = (reply, failed) => {
      if (!this.#calls.delete(id)) return
      stop()
      signal?.removeEventListener("abort", abort)
      take(reply, failed)
    }
    const fail = (...why: Parameters<typeof failure>): void => settle(undefined, failure(...why))
    const late = (): void => fail("ETIMEOUT", `${command}, ${timeout} ms`)
    const abort = (): void => fail("EABORTED", command, signal!.reason)
    const stop = after(timeout, late)
    const call: Call = { settle }
    this.#calls.set(id, call)
    try {
      const text = `{"id":${id},"command":${JSON.stringify(command)},"payload":${asText(JSON.stringify(payload === undefined ? {} : payload))}}`
      call.start = () => {
        call.start = undefined
        if (Date.now() > end) late() // a machine that slept has slept over its timers
        else if (!this.#send(text)) fail("ECONNECTION")
      }
    } catch (thrown) {
      return fail("EPAYLOAD", `${command}: ${asError(thrown).message}`)
    }
    if (signal?.aborted) return abort()
    signal?.addEventListener("abort", abort)
    if (ready) call.start()
    else if (offline === "fail" || this.#those(true).length > this.#bound) fail("EOFFLINE", command)
  }

  /** Hands a reply to its call. One that is no one's is passed over: its call may have timed out. */
  reply({ id, payload }: Frame): void {
    const call = this.#calls.get(id)
    if (!call?.start) call?.settle(payload, failureOf(payload))
  }

  /** There is a connection: makes the calls that wait, as long as it can be sent on. */
  flush(ready: () => boolean): void {
    for (const { start } of this.#those(true)) if (ready()) start?.()
  }

  /** Fails the calls that wait, or those that were sent: their connection is over. */
  fail(waiting: boolean, error: MeshError): void {
    for (const { settle } of this.#those(waiting)) settle(undefined, error)
  }

  #those(waiting: boolean): Call[] {
    return [...this.#calls.values()].filter(({ start }) => waiting === !!start)
  }
}
