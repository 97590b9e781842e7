import { spawn, type ChildProcess } from "node:child_process"
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { request } from "node:http"
import { createServer, type AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { onTestFinished } from "vitest"
import { patience, until } from "./wait"

const root = join(import.meta.dirname, "..", "..", "..")

/** What most tests expect of a host: a pattern of each kind. */
export const everything = `
[metadata]
client_writable = ["nick", "color"]
[[channels]]
pattern = "/^plain:.+$/"
publish = true
[[channels]]
pattern = "/^kept:.+$/"
history = 100000
publish = true
[[channels]]
pattern = "/^short:.+$/"
history = 3
publish = true
[[presence]]
pattern = "/^tracked:.+$/"
[[records]]
pattern = "/^open:.+$/"
writable = true
[[records]]
pattern = "/^read:.+$/"
[[collections]]
pattern = "/^board:(.+)$/"
records = "/^(open|read):.+$/"
filter = {board = "$1"}
sort = "rank"
limit = 1000
`

/** How a host is started. */
export interface HostOptions {
  config?: string
  /** Files of build/plugins. */
  plugins?: string[]
  /** Where its Redis is, "redis://…". */
  redis?: string
  /** Keeps records and histories over restarts, in a folder of the test. */
  store?: boolean
  /** A folder of the project whose files are served. */
  files?: string
}

/** The real binary, running. */
export class Host {
  readonly #folder = mkdtempSync(join(tmpdir(), "mesh-client-"))
  readonly #options: HostOptions
  #process: ChildProcess | undefined
  #log: string[] = []
  listen = "127.0.0.1:0"
  admin = ""

  constructor(options: HostOptions) {
    this.#options = options
    const files = options.files ? `\n[static]\ndir = ${JSON.stringify(join(root, options.files))}\n` : ""
    writeFileSync(join(this.#folder, "config.toml"), (options.config ?? everything) + files)
    for (const plugin of options.plugins ?? []) symlinkSync(join(root, "build", "plugins", plugin), join(this.#folder, plugin.split("/").pop()!))
  }

  get url(): string {
    return `ws://${this.listen}/`
  }

  /** Starts it, again at the address that it had; resolves when it is ready. */
  async start(): Promise<void> {
    const { redis, store } = this.#options
    const args = ["serve", "--config", join(this.#folder, "config.toml"), "--listen", this.listen, "--admin", "127.0.0.1:0", "--plugins", this.#folder]
    if (store) args.push("--store", join(this.#folder, "store"))
    const env: NodeJS.ProcessEnv = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("MESH_")))
    if (redis) env.MESH_REDIS_URL = redis
    const child = (this.#process = spawn(join(root, "build", "mesh-host"), args, { env, stdio: ["ignore", "pipe", "pipe"] }))
    const ended = new Promise<never>((_, reject) => child.once("exit", (code) => reject(new Error(`mesh-host ended with ${code}:\n${this.#log.join("\n")}`))))
    ended.catch(() => {})
    createInterface(child.stderr!).on("line", (line) => {
      this.#log.push(line)
      if (this.#log.length > 200) this.#log.shift()
    })
    const ready = new Promise<void>((resolve) => {
      createInterface(child.stdout!).on("line", (line) => {
        const found = readyLine.exec(line)
        if (!found) return
        ;[, this.listen, this.admin] = found as unknown as [string, string, string]
        resolve()
      })
    })
    await Promise.race([ready, ended])
  }

  /** Ends it: with SIGTERM, as an operator does, or with SIGKILL. */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const exit = new Promise<void>((resolve) => child.once("exit", () => resolve()))
    child.kill(signal)
    const late = setTimeout(() => child.kill("SIGKILL"), 15_000)
    await exit
    clearTimeout(late)
  }

  /** Ends it for good, and removes its folder. */
  async remove(): Promise<void> {
    await this.stop("SIGKILL")
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** Calls an operation of the admin API, as the server side does. */
  async op(operation: string, payload: object = {}): Promise<any> {
    const { result, error } = (await post(`http://${this.admin}/api/${operation}`, payload)) as { result?: unknown; error?: { message: string; code: string } }
    if (error) throw new Error(`${operation}: ${error.message} (${error.code})`)
    return result
  }

  /** The end of its log. */
  get log(): string {
    return this.#log.join("\n")
  }
}

// post sends JSON and reads JSON. It is no fetch, since where tests have a page's environment that
// is a page's, with an Origin.
function post(url: string, body: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: "POST", headers: { "Content-Type": "application/json" }, timeout: patience }, (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (part: string) => (text += part)).on("error", reject)
      response.on("end", () => {
        try {
          resolve(JSON.parse(text))
        } catch {
          reject(new Error(`${url}: ${response.statusCode} ${text}`))
        }
      })
    })
    sent.on("timeout", () => sent.destroy(new Error(`${url}: no answer within ${patience} ms`))).on("error", reject)
    sent.end(JSON.stringify(body))
  })
}

// What serve prints once it accepts clients.
const readyLine = /^mesh-host ready listen=(\S+) admin=(\S+)$/

/** Starts a host that ends with the test (or call it in a hook: with what afterwards is given). */
export async function startHost(options: HostOptions = {}, afterwards: (end: () => Promise<void>) => void = onTestFinished): Promise<Host> {
  const host = new Host(options)
  afterwards(() => host.remove())
  await host.start()
  return host
}

/** Starts a redis-server on a free port, that ends with the test; resolves with its address. */
export async function startRedis(afterwards: (end: () => Promise<void>) => void = onTestFinished): Promise<string> {
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), "mesh-client-redis-"))
  const child = spawn("redis-server", ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder], { stdio: ["ignore", "pipe", "inherit"] })
  let ready = false
  createInterface(child.stdout).on("line", (line) => (ready ||= line.includes("Ready to accept connections")))
  afterwards(async () => {
    const exit = new Promise((resolve) => child.once("exit", resolve))
    if (child.exitCode === null && child.kill("SIGKILL")) await exit
    rmSync(folder, { recursive: true, force: true })
  })
  await until("redis-server is ready", () => ready)
  return `redis://127.0.0.1:${port}`
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
