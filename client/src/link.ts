import { failure, type MeshError } from "./errors"
import { readFrame, type Frame } from "./frames"
import type { Settings, WebSocketLike } from "./options"
import { after } from "./timers"

/** Is told what comes of a link, each in the order of its frames. */
export interface Reader {
  frame(frame: Frame): void
  /** Something came that is no frame of the protocol; it is passed over. Said of the first 16 of a link. */
  failed(error: MeshError): void
}

/** Is told of a link's life. */
export interface LinkOwner {
  /** The server has assigned this connection's id: it can be used. */
  opened(id: string): void
  /** It is over, for the close code's reason; called once, and nothing after it. */
  ended(code: number, reason: string): void
}

/** The close code for a server that does not answer, here and in the protocol. */
export const pingTimeoutCode = 4101

/** How long a server may take to answer a close, in ms; then the socket is torn down, where the platform can. */
const closeTime = 1_000

/** How many frames that are none are reported of a link. */
const reported = 16

/** One WebSocket connection, from the attempt to its end. */
export class Link {
  /** Resolves once the socket is closed, too, or closeTime after the end. */
  readonly gone: Promise<void>
  readonly #socket: WebSocketLike
  readonly #reader: Reader
  readonly #owner: LinkOwner
  readonly #settings: Settings
  #stop: () => void // ends the timer: of the handshake, then of pings, then of closing
  #bad = 0
  #open = false
  #over = false
  #trouble = "" // what the platform says of an error, which is more than its close does
  #isGone!: () => void

  /** It throws where the address is none. */
  constructor(url: string, settings: Settings, reader: Reader, owner: LinkOwner) {
    this.#reader = reader
    this.#owner = owner
    this.#settings = settings
    this.gone = new Promise((resolve) => (this.#isGone = resolve))
    const socket = (this.#socket = new settings.WebSocket(url, "mesh.v1"))
    socket.onmessage = ({ data }) => this.#take(data)
    // An error is followed by a close, save on Node 22 where the handshake failed.
    socket.onerror = (event) => {
      const { message } = event as { message?: unknown }
      if (typeof message === "string") this.#trouble = message
      this.#wait(this.#open ? closeTime : 0, () => this.#tearDown())
    }
    socket.onclose = ({ code, reason }) => this.#close(code, reason)
    this.#stop = after(settings.connectTimeout, () => this.end(1006, "No answer in time"))
  }

  /** Whether frames can be sent. */
  get ready(): boolean {
    return !this.#over && this.#socket.readyState === 1
  }

  /** Sends a frame; false where that is no longer possible. */
  send(text: string): boolean {
    try {
      if (!this.ready) return false
      this.#socket.send(text)
      return true
    } catch {
      return false
    }
  }

  /** Ends the connection; its owner is told at once, without waiting for the server. */
  end(code: number, reason: string): void {
    if (this.#over) return
    this.#ended(code, reason)
    this.#wait(closeTime, () => this.#tearDown())
    try {
      this.#socket.close(code === 1000 || code >= 3000 ? code : 1000, reason)
    } catch {} // it was ending by itself
  }

  #wait(time: number, then: () => void): void {
    this.#stop()
    this.#stop = after(time, then)
  }

  #ended(code: number, reason: string): void {
    if (this.#over) return
    this.#over = true
    this.#stop()
    this.#owner.ended(code, reason)
  }

  #close(code: number, reason: string): void {
    this.#ended(code, reason || this.#trouble)
    this.#stop()
    this.#isGone()
  }

  #tearDown(): void {
    this.#close(1006, "")
    this.#socket.terminate?.()
  }

  #take(data: unknown): void {
    if (this.#over) return
    this.#alive()
    const frame = readFrame(data)
    if (!frame) {
      if (this.#bad++ < reported) this.#reader.failed(failure("EPROTOCOL", "this is no frame"))
      return
    }
    if (frame.id === undefined) this.#answer(frame)
    if (!this.#over) this.#reader.frame(frame)
  }

  // answer does what the protocol asks of a client's connection.
  #answer({ command, payload }: Frame): void {
    if (command === "ping") this.send('{"id":0,"command":"pong","payload":{}}')
    else if (command === "latency:request") this.send('{"id":0,"command":"latency:response","payload":{}}')
    else if (command === "mesh/assign-id" && !this.#open && payload && typeof payload === "string") {
      this.#open = true
      this.#alive()
      this.#owner.opened(payload)
    }
  }

  // alive counts from now on what the server misses.
  #alive(missed = 0): void {
    const { pingTimeout, maxMissedPings } = this.#settings
    if (!this.#open) return
    this.#stop()
    if (pingTimeout > 0) this.#stop = after(pingTimeout, () => {
      if (missed < maxMissedPings) this.#alive(missed + 1)
      else this.end(pingTimeoutCode, "No sign of life")
    })
  }
}
