import { describe, expect, test } from "vitest"
import type { MeshClient } from "../src"
import { connected, newClient } from "./support/client"
import { recorded } from "./support/fakes"
import { scripted, type Scripted } from "./support/scripted"
import { until } from "./support/wait"

/** Waits until a client has dealt with all that its server has sent. */
async function settled(server: Scripted, client: MeshClient): Promise<void> {
  let seen = false
  client.once("mark", () => (seen = true))
  server.peer.push("mark", null)
  await until("the mark has come", () => seen)
}

const deep = "[".repeat(200_000) + "]".repeat(200_000)

describe("frames that are none are reported and passed over", () => {
  test.each<[string, string | Buffer]>([
    ["not JSON", "{"],
    ["nothing", ""],
    ["binary", Buffer.from([1, 2, 3])],
    ["binary JSON", Buffer.from('{"command":"x"}')],
    ["an array", '[{"command":"x"}]'],
    ["a number", "5"],
    ["null", "null"],
    ["a string", '"command"'],
    ["without a command", '{"payload":5}'],
    ["with a command that is no string", '{"command":{"toString":5}}'],
    ["deep", deep],
    ["huge", JSON.stringify({ payload: "x".repeat(5_000_000) })],
  ])("%s", async (_, frame) => {
    const server = await scripted(({ payload }) => payload)
    const client = await connected(server.url)
    const events = recorded(client, "error", "disconnect", "push")
    server.peer.socket.send(frame)
    await settled(server, client)
    expect(events).toEqual([["error", expect.objectContaining({ code: "EPROTOCOL" })], ["push", { command: "mark", payload: null }]])
    expect(await client.command("x", 5)).toBe(5)
  })
})

test("100,000 frames of rubbish are passed over, and 16 reported", async () => {
  const server = await scripted(({ payload }) => payload)
  const client = await connected(server.url)
  const errors = recorded(client, "error")
  for (let i = 0; i < 100_000; i++) server.peer.socket.send(i % 2 ? "{}" : "rubbish")
  await settled(server, client)
  expect(errors).toHaveLength(16)
  expect(await client.command("x", 5)).toBe(5)
})

describe("pushes of the server's own that make no sense change nothing", () => {
  const payloads = [undefined, null, 5, "x", [], {}, { kind: "channel" }, { kind: 5, name: "x" }, { kind: "__proto__", name: "constructor" },
    { kind: "channel", name: "x", reason: {}, epoch: 5, offset: "1" }, { channel: "x", message: 5 }, { recordId: "__proto__", full: 1, version: "x" }]
  test.each(["gap", "unsubscribed", "subscription-message", "presence-update", "record-update", "record-deleted", "collection-diff", "assign-id", "no-such-push", ""])("mesh/%s", async (name) => {
    const server = await scripted(({ payload }) => payload)
    const client = await connected(server.url)
    const errors = recorded(client, "error")
    for (const payload of payloads) server.peer.push(`mesh/${name}`, payload)
    await settled(server, client)
    for (const [, error] of errors) expect(error).toMatchObject({ code: "EPROTOCOL" })
    expect(await client.command("x", 5)).toBe(5)
    expect(client.connectionId).toBe("id-1")
  })
})

test("a deep payload reaches its listener", async () => {
  const server = await scripted()
  const client = await connected(server.url)
  const pushes = recorded(client, "deep")
  server.peer.socket.send(`{"command":"deep","payload":${deep}}`)
  await settled(server, client)
  expect(pushes).toHaveLength(1)
})

test("a server that never answers ends nothing but the calls", async () => {
  const server = await scripted()
  const client = await connected(server.url, { callTimeout: 50 })
  await expect(client.command("x")).rejects.toMatchObject({ code: "ETIMEOUT" })
  expect(await client.getRoomMetadata("x")).toBeNull()
  expect(await client.setConnectionMetadata({ a: 1 })).toBe(false)
  expect(await client.publishChannel("x", "y")).toMatchObject({ success: false, error: { code: "ETIMEOUT" } })
  expect(client.status).toBe("online")
})

test("a server that closes whenever a command comes is connected to again, with pauses", async () => {
  const server = await scripted((_, peer) => void peer.socket.terminate())
  const client = newClient(server.url, { reconnectInterval: 20, maxReconnectInterval: 20 })
  const events = recorded(client, "disconnect", "connect", "reconnect")
  for (let i = 0; i < 5; i++) await expect(client.command("x")).rejects.toMatchObject({ code: "ECONNECTION" })
  await until("it is online again", () => client.status === "online")
  expect(server.peers).toHaveLength(6)
  expect(events.filter(([name]) => name === "disconnect")).toHaveLength(5)
  expect(events.filter(([name]) => name === "connect").map(([, { isInitialConnection }]) => isInitialConnection)).toEqual([true, false, false, false, false, false])
  expect(events.filter(([name]) => name === "reconnect")).toHaveLength(5)
})

test("payloads that a channel's encode cannot make are a result", async () => {
  const server = await scripted()
  const client = await connected(server.url)
  expect(await client.publishChannel("x", undefined)).toMatchObject({ success: false, error: { code: "EPAYLOAD" } })
  expect(await client.publishChannel("x", 1n)).toMatchObject({ success: false, error: { code: "EPAYLOAD" } })
})
