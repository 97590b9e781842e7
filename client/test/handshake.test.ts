import { createServer, type Server } from "node:http"
import { createServer as createTCP, type AddressInfo, type Socket } from "node:net"
import { expect, onTestFinished, test } from "vitest"
import { WebSocketServer } from "ws"
import { withToken } from "../src/urls"
import { newClient } from "./support/client"
import { freePort } from "./support/host"
import { scripted } from "./support/scripted"
import { until } from "./support/wait"

/** Serves TCP with what the test makes of a connection. */
async function serve(take: (socket: Socket) => void): Promise<string> {
  const open = new Set<Socket>()
  const server = createTCP((socket) => {
    open.add(socket)
    socket.on("error", () => {})
    take(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  onTestFinished(async () => {
    for (const socket of open) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

/** A server whose handshakes' addresses are kept. */
async function addresses(): Promise<{ url: string; asked: string[]; server: Server }> {
  const asked: string[] = []
  const server = createServer()
  const sockets = new WebSocketServer({ server })
  sockets.on("connection", (socket, request) => {
    asked.push(request.url!)
    socket.on("error", () => {})
    socket.send('{"command":"mesh/assign-id","payload":"x"}')
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  onTestFinished(async () => {
    for (const socket of sockets.clients) socket.terminate()
    await new Promise((resolve) => server.close(resolve))
  })
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, server }
}

test.each([
  ["ws://h/", "ws://h/?token=t%20%26"],
  ["ws://h", "ws://h?token=t%20%26"],
  ["ws://h/?a=1&b", "ws://h/?a=1&b&token=t%20%26"],
  ["ws://h/?a=b?c=%20+", "ws://h/?a=b?c=%20+&token=t%20%26"],
  ["ws://h/?token=old&a=1&t%6Fken=older", "ws://h/?a=1&token=t%20%26"],
  ["ws://h/?tokens=1", "ws://h/?tokens=1&token=t%20%26"],
  ["ws://h/?#part?x", "ws://h/?token=t%20%26"],
  ["ws://h/?a=1#part", "ws://h/?a=1&token=t%20%26"],
])("the token of %s is in the query", (url, with_) => {
  expect(withToken(url, "token", "t &")).toBe(with_)
  expect(withToken(url, "token", null)).toBe(url.split("#")[0])
})

test("getToken is asked at each attempt, sync, async, throwing or without an answer", async () => {
  const { url, asked } = await addresses()
  const tokens: (() => any)[] = [
    () => "first",
    () => { throw new Error("no token") },
    async () => { throw new Error("no token later") },
    () => new Promise(() => {}),
    async () => "second",
    () => null,
  ]
  const errors: string[] = []
  const client = newClient(`${url}/path?a=1#part`, { getToken: () => tokens.shift()!(), connectTimeout: 1_000, tokenParameter: "auth" })
  client.on("error", ({ message }) => errors.push(message))
  await client.connect()
  client.forceReconnect()
  await until("it is connected again", () => asked.length === 2 && client.status === "online")
  client.forceReconnect()
  await until("it is connected again", () => asked.length === 3 && client.status === "online")
  expect(asked).toEqual(["/path?a=1&auth=first", "/path?a=1&auth=second", "/path?a=1"])
  expect(errors).toEqual(["no token", "no token later", "It took too long: getToken"])
})

test("connect() rejects with what getToken threw", async () => {
  const client = newClient("ws://127.0.0.1:1/", { getToken: () => { throw new Error("log in first") } })
  await expect(client.connect()).rejects.toMatchObject({ code: "ECONNECTION", message: "No connection: log in first" })
})

test.each([401, 503])("a handshake refused with %i is a failed attempt, and says so", async (status) => {
  const server = createServer((_, response) => response.writeHead(status).end("no"))
  server.on("upgrade", (_, socket) => socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`))
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  onTestFinished(() => void server.close())
  const client = newClient(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  const errors: Error[] = []
  client.on("error", (error) => errors.push(error))
  await expect(client.connect()).rejects.toMatchObject({ code: "ECONNECTION", message: expect.stringContaining(String(status)) })
  expect(errors).toHaveLength(1)
})

test.each<[string, (socket: Socket) => void]>([
  ["does not answer the handshake", () => {}],
  ["closes without an answer", (socket) => void socket.destroy()],
  ["closes in the middle of its answer", (socket) => void socket.once("data", () => socket.end("HTTP/1.1 101 Switching"))],
  ["answers rubbish", (socket) => void socket.end("\0\x01\x02 what?\r\n\r\n")],
])("an attempt whose server %s ends, and the next address is tried", async (_, take) => {
  const bad = await serve(take)
  const good = await scripted()
  const client = newClient([bad, good.url], { connectTimeout: 1_000 })
  for (let i = 0; i < 4; i++) { // whichever comes first
    await client.connect()
    expect(client.status).toBe("online")
    await client.close()
  }
})

test("an attempt whose server assigns no id ends", async () => {
  const server = await scripted(() => undefined, false)
  const client = newClient(server.url, { connectTimeout: 500 })
  await expect(client.connect()).rejects.toMatchObject({ code: "ECONNECTION", message: "No connection: No answer in time" })
  for (const payload of ["", 5, null, { id: "x" }]) {
    const connecting = client.connect()
    connecting.catch(() => {})
    const before = server.peers.length
    await until("it has connected", () => server.peers.length > before)
    server.peer.push("mesh/assign-id", payload)
    await expect(connecting).rejects.toMatchObject({ code: "ECONNECTION" })
  }
})

test("one of several addresses that is up will do, and no one there is said by connect()", async () => {
  const server = await scripted()
  const nobody = await Promise.all([freePort(), freePort()])
  const urls = [...nobody.map((port) => `ws://127.0.0.1:${port}/`), server.url]
  for (let i = 0; i < 5; i++) {
    const client = newClient(urls)
    await Promise.all([client.connect(), client.connect(), client.connect()])
    expect(client.connectionId).toBe(`id-${i + 1}`)
    await client.close()
  }
  expect(server.peers).toHaveLength(5)
  const client = newClient(urls.slice(0, 2))
  const errors: Error[] = []
  client.on("error", (error) => errors.push(error))
  const outcomes = await Promise.allSettled([client.connect(), client.connect(), client.command("x")])
  expect(outcomes.map((outcome) => outcome.status === "rejected" && outcome.reason.code)).toEqual(["ECONNECTION", "ECONNECTION", "ECONNECTION"])
  expect(errors).toHaveLength(2)
  expect(client.status).toBe("offline")
})

test("close() resolves when the server has closed, too, and soon where it does not", async () => {
  const server = await scripted()
  const client = newClient(server.url)
  await client.connect()
  let closed = false
  server.peer.socket.on("close", () => (closed = true))
  await client.close()
  await until("the server has seen it", () => closed)
  await client.connect()
  ;(server.peer.socket as unknown as { _socket: Socket })._socket.pause() // it reads no close
  const begun = Date.now()
  await client.close()
  expect(Date.now() - begun).toBeLessThan(10_000)
})
