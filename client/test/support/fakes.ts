import { settingsOf, type MeshClientOptions, type WebSocketLike } from "../../src/options"
import { MeshClient } from "../../src"

/** A WebSocket without a network: the test says what happens to it. */
export class FakeSocket implements WebSocketLike {
  /** All that were made since forget(). */
  static made: FakeSocket[] = []
  /** Called with each that is made, in a later turn. */
  static script: (socket: FakeSocket) => void = () => {}

  readyState = 0
  onmessage: ((event: { data: unknown }) => void) | null = null
  onclose: ((event: { code: number; reason: string }) => void) | null = null
  onerror: ((event: unknown) => void) | null = null
  readonly sent: { id: number; command: string; payload: any }[] = []
  readonly at = Date.now()

  constructor(readonly url: string) {
    FakeSocket.made.push(this)
    queueMicrotask(() => FakeSocket.script(this))
  }

  static forget(): void {
    FakeSocket.made = []
    FakeSocket.script = () => {}
  }

  static get last(): FakeSocket {
    return FakeSocket.made[FakeSocket.made.length - 1]!
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text))
  }

  close(code = 1005, reason = ""): void {
    this.end(code, reason)
  }

  /** The server ends it, or refuses it. */
  end(code = 1006, reason = ""): void {
    if (this.readyState === 3) return
    this.readyState = 3
    queueMicrotask(() => this.onclose?.({ code, reason }))
  }

  /** The server accepts it. */
  open(id = `id-${FakeSocket.made.length}`): void {
    this.readyState = 1
    this.receive({ command: "mesh/assign-id", payload: id })
  }

  /** A frame comes. */
  receive(frame: unknown): void {
    this.onmessage?.({ data: typeof frame === "string" ? frame : JSON.stringify(frame) })
  }

  /** The commands that were sent, without what liveness is about. */
  get commands(): string[] {
    return this.sent.map(({ command }) => command)
  }
}

/** A client of fake sockets. */
export function fakeClient(options: MeshClientOptions = {}, url: string | string[] = "ws://fake/"): MeshClient {
  return new MeshClient(url, { WebSocket: FakeSocket, ...options })
}

/** The settings that options make, for what is tested without a client. */
export function fakeSettings(options: MeshClientOptions = {}): ReturnType<typeof settingsOf> {
  return settingsOf({ WebSocket: FakeSocket, ...options })
}

/** What an emitter's listener was called with, each time. */
export function recorded(client: MeshClient, ...names: string[]): any[][] {
  const calls: any[][] = []
  for (const name of names) client.on(name, (...values: any[]) => void calls.push([name, ...values]))
  return calls
}
