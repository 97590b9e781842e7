import { createServer, type AddressInfo } from "node:net"
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest"
import { Built, buildTime, newerNode } from "./support/built"
import { freePort, startHost } from "./support/host"
import { scripted } from "./support/scripted"

const built = new Built()
let newer: string

beforeAll(async () => {
  await built.build()
  newer = await newerNode()
}, 2 * buildTime)
afterAll(() => built.remove())

/** The ways in which a program gets at the package, and the Nodes it runs by. */
const ways = [
  ["ESM, the package ws", "mjs", false],
  ["CommonJS, the package ws", "cjs", false],
  ["ESM, Node's own WebSocket", "mjs", true],
  ["CommonJS, Node's own WebSocket", "cjs", true],
] as const

describe.each(ways)("a program of Node: %s", (_, kind, own) => {
  /** Runs the body of an async function, which has MeshClient, options and url; it says what it has seen. */
  async function run(body: string, url: string): Promise<{ code: number | null; output: string[] }> {
    const imports = kind === "mjs"
      ? `import { MeshClient } from "@mesh-host/client"\n${own ? "" : 'import WebSocket from "ws"'}`
      : `const { MeshClient } = require("@mesh-host/client")\n${own ? "" : 'const WebSocket = require("ws")'}`
    const program = `${imports}
const [url] = process.argv.slice(2)
const options = { ${own ? "" : "WebSocket"} }
const say = (...what) => console.log(...what)
const code = (error) => error.code
async function main() {${body}}
main()
`
    const { code, output } = await built.run(own ? newer : process.execPath, `program-${Math.random().toString(36).slice(2)}.${kind}`, program, url)
    return { code, output: output.trim().split("\n") }
  }

  test("calls a command of the real server, is closed, and ends by itself", async () => {
    const host = await startHost({ plugins: ["conformance-go.wasm"], config: "[plugins.conformance]\nhttp = [\"http://127.0.0.1:9\"]\n" })
    expect(await run(`
      const client = new MeshClient(url, options)
      client.on("disconnect", (code) => say("disconnect", code))
      say(JSON.stringify(await client.command("echo", { hello: "world" })))
      await client.command("no.such").catch((error) => say(error.name, error.code))
      await client.close()
      say(client.status)
    `, host.url)).toEqual({ code: 0, output: ['{"hello":"world"}', "CommandError ENOTFOUND", "disconnect 1000", "offline"] })
  })

  test("ends by itself when no one answers, without close()", async () => {
    expect(await run(`
      const client = new MeshClient([url, url + "other"], options)
      client.on("error", (error) => say("error", error.code))
      await client.connect().catch((error) => say(error.code))
      say(await client.command("x").catch(code))
    `, `ws://127.0.0.1:${await freePort()}/`)).toEqual({ code: 0, output: ["error ECONNECTION", "error ECONNECTION", "ECONNECTION", "error ECONNECTION", "error ECONNECTION", "ECONNECTION"] })
  })

  test("ends by itself when it is closed while it connects, pauses, asks for a token, or calls wait", async () => {
    const silent = createServer((socket) => void socket.on("error", () => {}).resume())
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve))
    onTestFinished(() => void silent.close())
    const address = `ws://127.0.0.1:${(silent.address() as AddressInfo).port}/`
    const begun = Date.now()
    expect(await run(`
      const long = { reconnectInterval: 600000, maxReconnectInterval: 600000, connectTimeout: 600000, callTimeout: 600000, retryConnect: true, ...options }
      const clients = [
        new MeshClient(url, long),
        new MeshClient("ws://127.0.0.1:1/", long),
        new MeshClient(url, { ...long, getToken: () => new Promise(() => {}) }),
      ]
      const outcomes = clients.flatMap((client) => [client.connect().catch(code), client.command("x").catch(code)])
      await new Promise((resolve) => setTimeout(resolve, 200))
      say(clients.map(({ status }) => status).join())
      await Promise.all(clients.map((client) => client.close()))
      say((await Promise.all(outcomes)).join())
    `, address)).toEqual({ code: 0, output: ["connecting,connecting,connecting", Array(6).fill("ECLOSED").join()] })
    expect(Date.now() - begun).toBeLessThan(15_000)
  })

  test("no rejection is left, whatever the server and the program's own functions do", async () => {
    const server = await scripted(({ command, payload }, peer) => {
      if (command === "rubbish") for (const data of ["{", "[]", "5", '{"command":"mesh/gap"}', '{"command":"error","payload":1}', '{"command":"__proto__"}', '{"command":"mesh/record-update","payload":5}', '{"id":99,"command":"x"}']) peer.socket.send(data)
      if (command === "close") return void peer.socket.close(4100, "slow")
      if (command === "kick") return void peer.socket.close(4003, "kicked")
      return payload
    })
    expect(await run(`
      let tokens = 0
      const client = new MeshClient(url, { ...options, reconnectInterval: 10, maxReconnectInterval: 10, callTimeout: 2000, getToken: async () => {
        if (++tokens === 2) throw new Error("no token")
      } })
      for (const name of ["status", "connect", "disconnect", "reconnect", "reconnectfailed", "message", "push", "error"]) {
        client.on(name, () => { throw new Error("thrown") })
        client.on(name, () => Promise.reject(new Error("rejected")))
      }
      console.error = () => {}
      say(await client.command("rubbish", 1))
      say(await client.command("close").catch(code))
      say(await client.command("x", 2))
      say(await client.command("kick").catch(code))
      say(await client.command("x", 3).catch(code))
      say(await client.connect(), await client.command("x", 4))
      const waits = client.command("never", undefined, 100000).catch(code)
      await client.close()
      say(await waits)
    `, server.url)).toEqual({ code: 0, output: ["1", "ECONNECTION", "2", "ECONNECTION", "ECONNECTION", "undefined 4", "ECONNECTION"] })
  })

  test("a handshake that is refused is a failed attempt", async () => {
    const refuses = createServer((socket) => void socket.on("error", () => {}).once("data", () => socket.end("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")))
    await new Promise<void>((resolve) => refuses.listen(0, "127.0.0.1", resolve))
    onTestFinished(() => void refuses.close())
    expect(await run(`
      const client = new MeshClient(url, { ...options, reconnectInterval: 10, maxReconnectInterval: 10, retryConnect: true, maxReconnectAttempts: 3 })
      let errors = 0
      client.on("error", () => errors++)
      client.on("reconnectfailed", () => say("failed"))
      say(await client.connect().catch(code), errors)
      await client.close()
    `, `ws://127.0.0.1:${(refuses.address() as AddressInfo).port}/`)).toEqual({ code: 0, output: ["failed", "ECONNECTION 3"] })
  })
})
