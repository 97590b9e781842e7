import { describe, expect, test } from "vitest"
import WebSocket from "ws"
import type { MeshClient } from "../src"
import { connected, newClient } from "./support/client"
import { everything, startHost, startRedis } from "./support/host"
import { recorded } from "./support/fakes"
import { startProxy } from "./support/proxy"
import { until } from "./support/wait"

const conformance = { plugins: ["conformance-go.wasm"], config: `${everything}\n[plugins.conformance]\nhttp = ["http://127.0.0.1:9"]\n` }

/** Waits until a client is online. */
const online = (client: MeshClient): Promise<void> => until("the client is online", () => client.status === "online")

test("a command is called, and its error is thrown", async () => {
  const host = await startHost(conformance)
  const client = await connected(host.url)
  expect(await client.command("echo", { hello: "world" })).toEqual({ hello: "world" })
  await expect(client.command("no.such")).rejects.toMatchObject({ code: "ENOTFOUND", name: "CommandError" })
})

test("a server that goes away and comes back: events, and the calls made meanwhile", async () => {
  const host = await startHost(conformance)
  const client = newClient(host.url)
  const events = recorded(client, "status", "connect", "disconnect", "reconnect", "reconnectfailed")
  const first = await client.connect().then(() => client.connectionId)
  await host.stop()
  await until("the client knows", () => client.status === "reconnecting")
  const calls = [1, 2, 3].map((n) => client.command("echo", n))
  await host.start()
  expect(await Promise.all(calls)).toEqual([1, 2, 3])
  expect(client.connectionId).not.toBe(first)
  await client.close()
  expect(events).toEqual([
    ["status", "connecting"], ["status", "online"], ["connect", { isInitialConnection: true }],
    ["status", "reconnecting"], ["disconnect", 1001, expect.any(String)],
    ["status", "online"], ["connect", { isInitialConnection: false }], ["reconnect"],
    ["status", "offline"], ["disconnect", 1000, ""],
  ])
})

test("pushes of the server side are events", async () => {
  const host = await startHost()
  const client = await connected(host.url)
  const pushes = recorded(client, "news", "push")
  await host.op("connections.send", { to: [client.connectionId], command: "news", payload: { title: "Hello" } })
  await until("they have come", () => pushes.length === 2)
  expect(pushes).toEqual([["push", { command: "news", payload: { title: "Hello" } }], ["news", { title: "Hello" }]])
})

test("who is kicked stays away until connect()", async () => {
  const host = await startHost()
  const client = await connected(host.url)
  const events = recorded(client, "disconnect", "reconnectfailed", "status")
  await host.op("connections.disconnect", { connectionId: client.connectionId, code: 4003, reason: "go" })
  await until("it has given up", () => events.some(([name]) => name === "reconnectfailed"))
  expect(events.slice(0, 2)).toEqual([["status", "offline"], ["disconnect", 4003, "go"]])
  await expect(client.command("mesh/noop")).rejects.toMatchObject({ code: "ECONNECTION", data: { code: 4003 } })
  await client.connect()
  expect(await client.command("mesh/noop")).toBe(true)
})

describe.each(["memory", "Redis"])("two hosts with %s", (backplane) => {
  test("a client whose host dies goes to the other", async () => {
    const options = backplane === "Redis" ? { redis: await startRedis() } : {}
    const hosts = await Promise.all([startHost(options), startHost(options)])
    let at = ""
    class Noting extends WebSocket {
      constructor(url: string, protocol: string) {
        super(url, protocol)
        at = url
      }
    }
    const client = await connected(hosts.map(({ url }) => url), { WebSocket: Noting })
    const [its, other] = hosts[0]!.url === at ? hosts : [hosts[1]!, hosts[0]!]
    const losses = recorded(client, "disconnect")
    await its!.stop("SIGKILL")
    await until("the client knows", () => losses.length > 0)
    expect(await client.command("mesh/noop")).toBe(true)
    expect(at).toBe(other!.url)
  })
})

test("a connection that is cut is made again, and one that goes silent is given up", async () => {
  const host = await startHost({ config: `${everything}\n[liveness]\nping_interval = "100ms"\nlatency_interval = "50ms"\n` })
  const proxy = await startProxy(() => host.listen)
  const client = await connected(proxy.url, { pingTimeout: 2_000, maxMissedPings: 0 })
  let latencies = 0
  client.on("latency", () => latencies++)
  const events = recorded(client, "disconnect")
  await until("the server has measured", () => latencies > 2)
  proxy.cut()
  await until("it is lost", () => events.length === 1)
  expect(events[0]![1]).toBe(1006)
  await online(client)
  proxy.pause(true)
  await until("it is given up", () => events.length === 2)
  expect(events[1]![1]).toBe(4101)
  proxy.pause(false)
  await online(client)
})

test("its own metadata, and a room's, are read; a channel is published on and read", async () => {
  const host = await startHost()
  const client = await connected(host.url)
  expect(await client.getConnectionMetadata()).toBeNull()
  expect(await client.setConnectionMetadata({ nick: "n" })).toBe(true)
  expect(await client.setConnectionMetadata({ secret: "n" })).toBe(false)
  expect(await client.getConnectionMetadata()).toEqual({ nick: "n" })
  client.forceReconnect()
  await until("it has another id", () => client.status === "online")
  expect(await client.getConnectionMetadata()).toEqual({ nick: "n" })
  expect(await client.getRoomMetadata("nowhere")).toBeNull()
  expect(await client.publishChannel("kept:x", "one")).toEqual({ success: true, offset: 1 })
  expect(await client.getChannelHistory("kept:x")).toMatchObject({ success: true, history: ["one"], offset: 1 })
})
