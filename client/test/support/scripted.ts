import type { AddressInfo } from "node:net"
import { onTestFinished } from "vitest"
import { WebSocketServer, type WebSocket } from "ws"

/** A request as a client sends it. */
export interface Request {
  id?: number
  command: string
  payload: any
}

/** A connection to a server of which the test says what it answers. */
export class Peer {
  readonly requests: Request[] = []
  constructor(readonly socket: WebSocket) {}

  /** Sends anything as a frame. */
  send(frame: unknown): void {
    this.socket.send(typeof frame === "string" ? frame : JSON.stringify(frame))
  }

  /** Pushes. */
  push(command: string, payload: unknown): void {
    this.send({ command, payload })
  }
}

/** What a scripted server does with a request; what it returns is the reply's payload, undefined for none. */
export type Script = (request: Request, peer: Peer) => unknown

/** A server that does as it is told; it ends with the test. */
export class Scripted {
  readonly peers: Peer[] = []
  readonly #server: WebSocketServer
  #ids = 0

  constructor(script: Script, greets: boolean, port = 0) {
    this.#server = new WebSocketServer({ port, host: "127.0.0.1" })
    this.#server.on("connection", (socket) => {
      const peer = new Peer(socket)
      this.peers.push(peer)
      socket.on("error", () => {})
      socket.on("message", (data) => {
        const request = JSON.parse(String(data)) as Request
        peer.requests.push(request)
        const payload = script(request, peer)
        if (payload !== undefined && request.id !== undefined) peer.send({ id: request.id, command: request.command, payload })
      })
      if (greets) peer.push("mesh/assign-id", `id-${++this.#ids}`)
    })
  }

  /** Resolves when it accepts connections. */
  async listening(): Promise<void> {
    if (!this.#server.address()) await new Promise((resolve) => this.#server.once("listening", resolve))
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`
  }

  /** The newest connection. */
  get peer(): Peer {
    return this.peers[this.peers.length - 1]!
  }

  async end(): Promise<void> {
    for (const { socket } of this.peers) socket.terminate()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

/** Starts a scripted server. It assigns ids to those that connect, unless greets is false. */
export async function scripted(script: Script = () => undefined, greets = true): Promise<Scripted> {
  const server = new Scripted(script, greets)
  onTestFinished(() => server.end())
  await server.listening()
  return server
}
