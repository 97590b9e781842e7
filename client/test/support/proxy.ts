import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net"
import { onTestFinished } from "vitest"

/** A TCP proxy whose connections the test may cut. */
export class Proxy {
  readonly #server: Server
  readonly #open = new Set<Socket>()
  readonly #freeze = new Set<() => void>()
  readonly #pairs = new Set<Socket[]>()
  #paused = false
  /** Whether new connections are refused. */
  closed = false

  constructor(to: () => string) {
    this.#server = createServer((client) => {
      if (this.closed) return void client.destroy()
      const [host, port] = to().split(":") as [string, string]
      const server = connect(Number(port), host)
      const pair = [client, server]
      this.#open.add(client)
      const freeze = (): void => {
        client.unpipe(server)
        server.unpipe(client)
        client.on("data", () => {}) // what comes is lost, and so is the end of either
        server.on("data", () => {})
        client.off("close", end)
        server.off("close", end)
        this.#open.add(server)
        this.#pairs.delete(pair)
      }
      this.#pairs.add(pair)
      const end = (): void => {
        this.#freeze.delete(freeze)
        client.destroy()
        server.destroy()
        this.#open.delete(client)
        this.#pairs.delete(pair)
      }
      client.on("error", end).on("close", end)
      server.on("error", end).on("close", end)
      this.#freeze.add(freeze)
      client.pipe(server).pipe(client)
      if (this.#paused) for (const socket of pair) socket.pause()
    })
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve))
  }

  /** Where it listens, "host:port". */
  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get url(): string {
    return `ws://${this.address}/`
  }

  /** Cuts all connections, or those that which picks. */
  cut(which: () => boolean = () => true): void {
    for (const socket of [...this.#open]) if (which()) socket.destroy()
  }

  /** Lets nothing through any more on the connections that there are, and does not end them either: as a network does that is gone. */
  freeze(): void {
    for (const freeze of [...this.#freeze]) freeze()
  }

  /** Holds back what clients and server send, or lets it through again. */
  pause(paused: boolean): void {
    this.#paused = paused
    for (const pair of this.#pairs) for (const socket of pair) if (paused) socket.pause(); else socket.resume()
  }

  async end(): Promise<void> {
    this.closed = true
    this.cut()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

/** Starts a proxy to an address, "host:port"; it ends with the test. */
export async function startProxy(to: () => string): Promise<Proxy> {
  const proxy = new Proxy(to)
  await proxy.listen()
  onTestFinished(() => proxy.end())
  return proxy
}
