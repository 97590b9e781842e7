import { asError, failure, MeshError } from "./errors"
import type { Frame } from "./frames"
import { Link, pingTimeoutCode } from "./link"
import type { Settings } from "./options"
import { after, inTime } from "./timers"
import { shuffled, withToken } from "./urls"

/** Where a client is: `connecting` and `reconnecting` last until all is restored. */
export type Status = "offline" | "connecting" | "online" | "reconnecting"

/** Who has a connection is told what becomes of it. */
export interface ConnectionOwner {
  /** Connected under this id, and not online until what is returned is settled; it is never rejected. */
  restore(id: string): Promise<unknown>
  /** Connected and restored. */
  online(first: boolean): void
  frame(frame: Frame): void
  /** A connection that had an id is over. */
  lost(code: number, reason: string): void
  /** There will be no further attempt; said before the status changes. */
  gaveUp(error: MeshError): void
  /** Nor were there none: it had been connected, or tried again and again. */
  reconnectFailed(error: MeshError): void
  /** An attempt failed, or the server sent what it should not. */
  failed(error: Error): void
  moved(status: Status): void
}

/** How an attempt ended: whether it had an id, and since when it was online, 0 for not. */
interface End {
  code: number
  reason: string
  opened: boolean
  online: number
}

/** A connection that has been online for so long starts again with short pauses, in ms. */
const settled = 5_000

/**
 * The connection to one of several servers, made again when it is lost. Its addresses are tried in
 * random order; between attempts it pauses for a random time up to a bound that doubles (AWS calls
 * it full jitter), so that the clients of a server that went away do not come back together.
 */
export class Connection {
  /** Where it is; owner.moved is told of each change. */
  status: Status = "offline"
  /** Why there is to be no other connection, until connect() is called again: the server wants none, or close() was called. */
  barred: MeshError | undefined
  readonly #urls: string[]
  readonly #settings: Settings
  readonly #owner: ConnectionOwner
  #round: string[] = [] // of the addresses, those to try before they come round again
  #last = "" // the address that was tried last
  #link: Link | undefined
  #gone: Promise<unknown> = Promise.resolve() // all sockets so far are closed
  #run = 0 // each connect() and close() begins another; what belongs to an earlier one stops
  #everOnline = false // since it was made, or closed
  #waiting: ((error?: MeshError) => void)[] = [] // for being online
  #endPause: (() => void) | undefined
  #endToken = (): void => {}
  #hurried = -Infinity // when a pause was ended last
  #atOnce = false // the present one is given up for the next

  constructor(urls: string[], settings: Settings, owner: ConnectionOwner) {
    this.#urls = urls
    this.#settings = settings
    this.#owner = owner
  }

  /** Whether calls can be made: it is online, and its socket is not about to close. */
  get ready(): boolean {
    return this.status === "online" && this.#link?.ready === true
  }

  /** Connects, unless it is being done; resolves when it is online. */
  connect(): Promise<void> {
    if (this.status === "online") return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#waiting.push((error) => (error ? reject(error) : resolve()))
      if (this.status !== "offline") return
      this.barred = undefined
      void this.#keep(++this.#run)
    })
  }

  /** Ends the connection, and all attempts; resolves when all sockets are closed, after 1 s at most. */
  close(): Promise<unknown> {
    const link = this.#link
    this.#run++
    this.#everOnline = this.#atOnce = false
    this.#endPause?.()
    this.#endToken()
    this.#settle((this.barred = failure("ECLOSED")))
    this.#move("offline")
    link?.end(1000, "")
    return this.#gone
  }

  /** Sends a frame on the present connection, restored or not. */
  send(text: string): boolean {
    return this.#link?.send(text) ?? false
  }

  /** Gives the present connection, or attempt, or pause up for an attempt at once; asked says that this is so also where a lost connection is not made again. */
  renew(asked: boolean): void {
    if (this.#endPause) return this.#endPause()
    if (!this.#link) return
    this.#atOnce = asked
    this.#link.end(pingTimeoutCode, "forceReconnect")
  }

  /** Ends a pause between attempts, at most once in a reconnectInterval: called often, it makes no loop without pauses. */
  hurry(): void {
    const now = Date.now()
    if (!this.#endPause || Math.abs(now - this.#hurried) < this.#settings.reconnectInterval) return
    this.#hurried = now
    this.#endPause()
  }

  // keep connects, and connects again, until that is not wanted any more.
  async #keep(run: number): Promise<void> {
    const { retryConnect, reconnectInterval, maxReconnectInterval } = this.#settings
    let patient = retryConnect // before it is, each address is tried once, without a pause
    let attempts = 0 // that failed, in a row
    let step = 0 // how often the bound of the pause has doubled
    while (run === this.#run) {
      this.#move(this.#trying)
      const end = await this.#attempt(run)
      if (run !== this.#run) return
      attempts = end.online ? 0 : attempts + 1
      if (end.online) patient = true
      if (end.online && Date.now() - end.online >= settled) step = 0
      if (this.#atOnce) { // it has not failed, nor come to an end
        this.#atOnce = false
        continue
      }
      const why = this.#final(end, attempts, patient)
      if (why) return this.#giveUp(this.barred ?? unconnected(why, end), patient)
      if (!patient) continue
      // A server that goes away says so: the others are there.
      const away = end.online > 0 && end.code === 1001
      const bound = away ? Math.min(reconnectInterval, 1_000) : Math.min(reconnectInterval * 2 ** step++, maxReconnectInterval)
      await this.#pause(Math.random() * bound)
    }
  }

  // final says why there is no further attempt after this one; "" where there is.
  #final(end: End, attempts: number, patient: boolean): string {
    const { shouldReconnect, maxReconnectAttempts } = this.#settings
    if (this.barred || (end.online && !shouldReconnect)) return "It is over"
    return attempts < (patient ? maxReconnectAttempts : this.#urls.length) ? "" : `No connection${patient ? ` after ${attempts} attempts` : ""}`
  }

  // attempt makes one connection and resolves when it is over.
  async #attempt(run: number): Promise<End> {
    const end: End = { code: 1006, reason: "", opened: false, online: 0 }
    let error: Error | undefined
    try {
      const token = await this.#token()
      if (run === this.#run) await this.#live(run, end, token)
    } catch (thrown) {
      error = asError(thrown)
      end.reason = error.message
    }
    if (!end.opened && run === this.#run) this.#owner.failed(error ?? unconnected("No connection", end))
    return end
  }

  // live makes a link and resolves when it is over; it rejects where the address is none.
  #live(run: number, end: End, token: string | null | undefined): Promise<void> {
    return new Promise((resolve) => {
      const owner = this.#owner
      const link = new Link(withToken(this.#next(), this.#settings.tokenParameter, token), this.#settings, owner, {
        opened: (id) => {
          end.opened = true
          void owner.restore(id).then(() => {
            if (this.#link !== link) return
            end.online = Date.now()
            this.#goOnline(link)
          })
        },
        ended: (code, reason) => {
          if (this.#link === link) this.#link = undefined
          Object.assign(end, { code, reason })
          if (run === this.#run) this.#over(end)
          if (end.opened) owner.lost(code, reason)
          resolve()
        },
      })
      this.#link = link
      const before = this.#gone
      this.#gone = link.gone.then(() => before) // all of them together would be kept for as long as the client is
    })
  }

  // over settles what the end of an attempt means, before anyone is told of it.
  #over(end: End): void {
    if (end.code >= 4000 && end.code < 4100) this.barred = unconnected("The server wants no more", end)
    if (!end.opened) return
    const stays = this.barred || (end.online && !this.#settings.shouldReconnect && !this.#atOnce)
    this.#move(stays ? "offline" : this.#trying)
  }

  get #trying(): Status {
    return this.#everOnline ? "reconnecting" : "connecting"
  }

  #goOnline(link: Link): void {
    const first = !this.#everOnline
    this.#everOnline = true
    this.#settle()
    this.#move("online")
    if (this.#link === link && this.status === "online") this.#owner.online(first)
  }

  // token asks the application for its token, for a bounded time.
  #token(): Promise<string | null | undefined> {
    const { getToken, connectTimeout } = this.#settings
    const [token, end] = inTime(connectTimeout, "getToken", () => getToken?.())
    this.#endToken = end
    return token
  }

  // next is the next address: all come in random order before any comes again, and none twice in a row.
  #next(): string {
    if (this.#round.length === 0) {
      this.#round = shuffled(this.#urls)
      if (this.#round.at(-1) === this.#last) this.#round.reverse()
    }
    return (this.#last = this.#round.pop()!)
  }

  async #pause(time: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const stop = after(time, resolve)
      this.#endPause = () => {
        stop()
        resolve()
      }
    })
    this.#endPause = undefined
  }

  #giveUp(error: MeshError, patient: boolean): void {
    this.#run++
    this.#settle(error)
    this.#owner.gaveUp(error)
    this.#move("offline")
    if (patient && this.#settings.shouldReconnect) this.#owner.reconnectFailed(error)
  }

  #settle(error?: MeshError): void {
    for (const settle of this.#waiting.splice(0)) settle(error)
  }

  #move(status: Status): void {
    if (status === this.status) return
    this.status = status
    this.#owner.moved(status)
  }
}

function unconnected(why: string, { code, reason }: End): MeshError {
  return new MeshError(`${why}: ${reason || `closed with ${code}`}`, "ECONNECTION", undefined, { code })
}
