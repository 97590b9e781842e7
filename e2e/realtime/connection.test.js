// connect, close, reconnect, command, ping and latency.
import assert from "node:assert/strict"
import { test } from "node:test"
import { applyPatch } from "@prsm/realtime/client"
import { api, client, connect, event, inbox, publish, until } from "./harness.js"

const online = 3, offline = 0

test("connect assigns an id, close ends the connection", async (t) => {
  const c = client(t)
  assert.equal(c.connectionId, undefined)
  assert.equal(c.status, offline)
  const connected = event(c, "connect")
  await Promise.all([c.connect(), c.connect()])
  await connected
  assert.equal(c.status, online)
  assert.match(c.connectionId, /^.{16,}$/)
  assert.equal(await c.connect(), undefined)

  const listed = async () => (await api("connections.list", { limit: 1000 })).connections.map((x) => x.connectionId)
  assert.ok((await listed()).includes(c.connectionId))
  const disconnected = event(c, "disconnect")
  await c.close()
  await disconnected
  assert.equal(c.status, offline)
  await until("the server has let go", async () => !(await listed()).includes(c.connectionId))
})

test("a closed client can connect again", async (t) => {
  const c = await connect(t)
  const first = c.connectionId
  await c.close()
  await c.connect()
  await until("another id", () => c.connectionId !== first)
  assert.deepEqual(await c.command("echo", { n: 1 }), { n: 1 })
})

test("connect rejects where nobody listens", async (t) => {
  const c = client(t, { shouldReconnect: false }, "ws://127.0.0.1:1")
  await assert.rejects(c.connect(), { code: "ECONNECTION" })
})

test("commands are answered, in order and with errors", async (t) => {
  const c = await connect(t)
  assert.equal(await c.command("rt/noop"), true)
  assert.deepEqual(await c.command("echo", { a: [1, null, "ü"] }), { a: [1, null, "ü"] })
  assert.deepEqual(await c.command("add", { a: 1, b: 2 }), { sum: 3 })
  const many = await Promise.all(Array.from({ length: 200 }, (_, i) => c.command("echo", { i })))
  assert.deepEqual(many.map((reply) => reply.i), [...many.keys()])
  assert.deepEqual(await c.command("no.such"), { error: 'Command "no.such" not found', code: "ENOTFOUND", name: "CommandError" })
  assert.deepEqual(await c.command("fail", { message: "no tea", code: "ETEA", name: "TeaError" }), { error: "no tea", code: "ETEA", name: "TeaError" })
})

test("a command connects first", async (t) => {
  const c = client(t)
  assert.deepEqual(await c.command("echo", { n: 2 }), { n: 2 })
})

test("pushes of the application arrive", async (t) => {
  const c = await connect(t)
  const pushed = event(c, "greeting")
  assert.deepEqual(await api("connections.send", { to: [c.connectionId], command: "greeting", payload: { text: "hello" } }), { sent: 1 })
  assert.deepEqual(await pushed, { text: "hello" })
})

test("pings and latency are measured", async (t) => {
  const c = await connect(t)
  await event(c, "ping")
  const measured = inbox()
  c.on("latency", measured.put)
  for (const ms of await measured.have(3)) assert.ok(Number.isFinite(ms) && ms >= 0, `${ms}`)
  assert.equal(c.status, online)
})

test("a client that is kicked comes back with everything", async (t) => {
  const [c, other] = [await connect(t), await connect(t)]
  const news = inbox(), presence = inbox()
  await publish("kept:kick", "before")
  await c.subscribeChannel("kept:kick", news.put, { historyLimit: 10 })
  assert.deepEqual(await news.have(1), ["before"])
  await other.joinRoom("tracked:kick")
  assert.equal((await c.joinRoom("tracked:kick", presence.put)).success, true)
  const first = c.connectionId
  assert.deepEqual(await c.setConnectionMetadata({ nick: "ann" }), true)

  const back = event(c, "reconnect"), gone = event(c, "disconnect")
  assert.deepEqual(await api("connections.disconnect", { connectionId: first, code: 4100, reason: "test" }), { disconnected: true })
  await gone
  await back
  assert.notEqual(c.connectionId, first)
  await until("the old member is gone", async () => {
    const { members } = await api("rooms.members", { roomName: "tracked:kick" })
    return members.length === 2 && members.includes(c.connectionId)
  })
  await publish("kept:kick", "after")
  assert.deepEqual((await news.have(3)).slice(1), ["before", "after"]) // it asks for the history again
  const seen = presence.all.length
  await other.publishPresenceState("tracked:kick", { state: { here: true } })
  await until("presence flows again", () => presence.all.slice(seen).some((u) => u.type === "state" && u.connectionId === other.connectionId))
})

test("shouldReconnect: false stays away", async (t) => {
  const c = await connect(t, { shouldReconnect: false })
  const gone = event(c, "close")
  await api("connections.disconnect", { connectionId: c.connectionId })
  await gone
  assert.equal(c.status, offline)
  await c.connect()
  assert.equal(await c.command("rt/noop"), true)
})

test("applyPatch is there", () => {
  assert.deepEqual(applyPatch({ a: 1 }, [{ op: "replace", path: "/a", value: 2 }]).newDocument, { a: 2 })
})
