import { expect, test } from "vitest"
import type { MeshClient } from "../src"
import { connected, newClient } from "./support/client"
import { reconnected, sent, settled, usual } from "./support/frames"
import { scripted, type Peer, type Request, type Script, type Scripted } from "./support/scripted"
import { View } from "./support/views"
import { until } from "./support/wait"

const at = 1

async function watching(script: Script, room = "r"): Promise<{ server: Scripted; client: MeshClient; view: View; errors: Error[] }> {
  const server = await scripted(script)
  const client = newClient(server.url)
  const errors: Error[] = []
  client.on("error", (error) => errors.push(error))
  await client.connect()
  const view = new View()
  const subscribed = await client.subscribePresence(room, view.take)
  expect(subscribed).toMatchObject({ success: true })
  view.began(subscribed)
  return { server, client, view, errors }
}

const push = (peer: Peer, type: string, connectionId: string, more: object = {}): void =>
  peer.push("mesh/presence-update", { type, connectionId, roomName: "r", timestamp: at, ...more })

test("what is pushed in the turn of the reply is in the first view, and is not told", async () => {
  const { view } = await watching(({ id, command, payload }: Request, peer) => {
    if (command !== "mesh/subscribe-presence") return true
    push(peer, "join", "before") // belongs to no subscription
    peer.send({ id, command, payload: { success: true, present: ["a"], states: {} } })
    push(peer, "join", "b")
    push(peer, "state", "b", { state: payload.roomName })
    return undefined
  })
  // The socket may deliver the pushes in the turn of the reply, or in later ones.
  await until("b is seen", () => view.now.states.b === "r")
  expect(view.now).toEqual({ present: ["a", "b"], states: { b: "r" } })
})

test("a second subscriber has the present view without a call, also who subscribes while the first is asked for", async () => {
  const { server, client, view } = await watching(usual(() => ({ present: ["a"], states: { a: 1 } })))
  push(server.peer, "join", "b")
  push(server.peer, "state", "a", { state: [2] })
  await settled(client, server.peer)
  expect(view.short).toEqual(["join:b", "state:a:[2]"])
  const second = new View()
  expect(await client.subscribePresence("r", second.take)).toMatchObject({ success: true, present: ["a", "b"], states: { a: [2] } })
  expect(sent(server.peer)).toHaveLength(1)

  const both = await Promise.all([client.subscribePresence("s", () => {}), client.subscribePresence("s", () => {})])
  expect(both.map(({ present }) => present)).toEqual([["a"], ["a"]])
  expect(sent(server.peer)).toHaveLength(2)
  expect(await both[0]!.unsubscribe()).toBe(true)
  expect(await both[0]!.unsubscribe()).toBe(false)
  expect(await both[1]!.unsubscribe()).toBe(true)
  expect(sent(server.peer).slice(2)).toEqual([["unsubscribe-presence", { roomName: "s" }]])
  push(server.peer, "leave", "b")
  await settled(client, server.peer)
  expect([view.short.at(-1), second.short]).toEqual(["leave:b", ["leave:b"]])
})

test("pushes of those who are not there, and joins of those who are, change nothing", async () => {
  const { server, client, view, errors } = await watching(usual(() => ({ present: ["a", "c"], states: { a: "x", nobody: "y" } })))
  for (const [type, id, more] of [["state", "b", { state: 1 }], ["leave", "b"], ["join", "c"], ["state", "__proto__", { state: 1 }]] as const) push(server.peer, type, id, more)
  await settled(client, server.peer)
  expect(view.short).toEqual([])
  // A slow reader is not told that one has left who has come again; what it showed has gone.
  push(server.peer, "join", "a")
  await settled(client, server.peer)
  expect(view.short).toEqual(["state:a:null"])
  expect(view.now).toEqual({ present: ["a", "c"], states: {} })
  expect(errors).toEqual([])
})

test("after a gap the difference is told: leaves, joins, states, each once", async () => {
  let now: { present: string[]; states: object } = { present: ["a", "b", "c"], states: { a: 1, b: 2, c: { x: 1 } } }
  const { server, client, view } = await watching(usual(() => now))
  now = { present: ["d", "c", "b", "e"], states: { b: 3, c: { x: 1 }, d: "new" } }
  const before = Date.now()
  server.peer.push("mesh/gap", { kind: "presence", name: "r" })
  server.peer.push("mesh/gap", { kind: "presence", name: "another" })
  server.peer.push("mesh/gap", { kind: "channel", name: "r" })
  await until("the difference", () => view.updates.length >= 5)
  await settled(client, server.peer)
  expect(view.short).toEqual(["leave:a", "join:d", "join:e", 'state:d:"new"', "state:b:3"])
  for (const { timestamp, roomName } of view.updates) {
    expect(roomName).toBe("r")
    expect(timestamp).toBeGreaterThanOrEqual(before)
  }
  now = { present: ["b", "c", "d", "e"], states: { c: { x: 1 }, d: "new" } }
  server.peer.push("mesh/gap", { kind: "presence", name: "r" })
  await until("b shows nothing", () => view.short.at(-1) === "state:b:null")
  expect(view.updates).toHaveLength(6)
  expect(sent(server.peer)).toHaveLength(3)
})

test("what is of the wrong shape is reported and passed over", async () => {
  const { server, client, view, errors } = await watching(usual(() => ({ present: ["a"] })))
  const good = { type: "join", connectionId: "b", roomName: "r", timestamp: at }
  const bad = [null, 1, "x", [], {}, { ...good, type: "jump" }, { ...good, connectionId: 1 }, { ...good, roomName: null }, { ...good, timestamp: "now" }, { ...good, type: "state" }]
  for (const payload of bad) server.peer.push("mesh/presence-update", payload)
  await settled(client, server.peer)
  expect(errors.map((error) => (error as { code?: string }).code)).toEqual(bad.map(() => "EPROTOCOL"))
  expect(view.updates).toEqual([])
  server.peer.push("mesh/presence-update", good)
  await settled(client, server.peer)
  expect(view.short).toEqual(["join:b"])
})

test.each([
  [{ success: false, present: [] }, "EDENIED"],
  [{ error: "No.", code: "ELIMIT", name: "LimitError" }, "ELIMIT"],
  [{ success: true }, "EPROTOCOL"],
  [{ success: true, present: "a" }, "EPROTOCOL"],
  [{ success: true, present: [{ id: "a" }] }, "EPROTOCOL"],
  [null, "EDENIED"],
  ["yes", "EDENIED"],
])("a subscription answered with %j resolves with why there is none", async (reply, code) => {
  const server = await scripted(() => reply)
  const client = await connected(server.url)
  expect(await client.subscribePresence("r", () => {})).toMatchObject({ success: false, error: { code }, present: [], states: {} })
  expect(await client.joinRoom("r")).toMatchObject({ success: false, error: { code }, present: [] })
  expect(await client.unsubscribePresence("r")).toBe(false)
})

test("states that are no object are no reply", async () => {
  const server = await scripted(() => ({ success: true, present: [], states: "none" }))
  const client = await connected(server.url)
  expect(await client.subscribePresence("r", () => {})).toMatchObject({ success: false, error: { code: "EPROTOCOL" }, present: [], states: {} })
})

test("what is pushed on a new connection before the reply is of no subscription; then the difference is told", async () => {
  let subscribes = 0
  const { server, client, view } = await watching((request, peer) => {
    if (++subscribes > 1) push(peer, "join", "b")
    return usual(() => ({ present: [`id-${subscribes}`] }))(request, peer)
  })
  await reconnected(client, server)
  expect(view.short).toEqual(["leave:id-1", "join:id-2"])
})

test("a subscription that the server ends is over: the event says so, and nothing is restored", async () => {
  const { server, client, view } = await watching(usual(() => ({ present: ["a"] })))
  const ended: unknown[] = []
  client.on("unsubscribed", (event) => ended.push(event))
  server.peer.push("mesh/unsubscribed", { kind: "presence", name: "r", reason: "closed" })
  push(server.peer, "join", "b")
  await settled(client, server.peer)
  expect(ended).toEqual([{ kind: "presence", name: "r", reason: "closed" }])
  expect(view.updates).toEqual([])
  expect(sent(await reconnected(client, server))).toEqual([])
})

test("a callback that throws, and one that ends everything, leave the others in order", async () => {
  let now = { present: ["a"] }
  const server = await scripted(usual(() => now))
  const client = newClient(server.url)
  const errors: string[] = []
  client.on("error", (error) => errors.push(error.message))
  await client.connect()
  const seen: string[] = []
  await client.subscribePresence("r", () => { throw new Error("thrown") })
  await client.subscribePresence("r", ({ type }) => {
    seen.push(type)
    void client.unsubscribePresence("r")
  })
  await client.subscribePresence("r", () => seen.push("after"))
  now = { present: ["b"] }
  server.peer.push("mesh/gap", { kind: "presence", name: "r" })
  await until("it is ended", () => sent(server.peer).length === 3)
  expect([seen, errors]).toEqual([["leave"], ["thrown"]])
  expect(sent(server.peer).map(([command]) => command)).toEqual(["subscribe-presence", "subscribe-presence", "unsubscribe-presence"])
})
