// joinRoom, leaveRoom, getRoomMetadata and what rooms are for.
import assert from "node:assert/strict"
import { test } from "node:test"
import { api, changes, connect, event, inbox, until } from "./harness.js"

test("joinRoom answers who is there, leaveRoom ends it", async (t) => {
  const [a, b] = [await connect(t), await connect(t)]
  assert.deepEqual(await a.joinRoom("den"), { success: true, present: [{ id: a.connectionId, metadata: null }] })
  await api("connections.metadata.set", { connectionId: a.connectionId, metadata: { nick: "ann" } })
  const joined = await b.joinRoom("den")
  assert.equal(joined.success, true)
  assert.deepEqual(joined.present.toSorted(byId), [{ id: a.connectionId, metadata: { nick: "ann" } }, { id: b.connectionId, metadata: null }].toSorted(byId))
  assert.equal((await b.joinRoom("den")).present.length, 2)
  assert.deepEqual((await api("rooms.members", { roomName: "den" })).members, [a.connectionId, b.connectionId].sort())

  const pushed = event(a, "hello")
  assert.deepEqual(await api("rooms.send", { roomName: "den", command: "hello", payload: 1, exclude: [b.connectionId] }), { sent: 1 })
  assert.equal(await pushed, 1)

  assert.deepEqual(await b.leaveRoom("den"), { success: true })
  assert.deepEqual(await b.leaveRoom("den"), { success: true })
  assert.deepEqual((await api("rooms.members", { roomName: "den" })).members, [a.connectionId])
})

test("joinRoom with a callback follows the presence", async (t) => {
  const [a, b] = [await connect(t), await connect(t)]
  const seen = inbox()
  const joined = await a.joinRoom("tracked:join", seen.put)
  assert.deepEqual(joined, { success: true, present: [{ id: a.connectionId, metadata: null }] })
  const [first] = await seen.have(1)
  assert.deepEqual(first.present, [{ id: a.connectionId, metadata: null }])
  assert.deepEqual(first.states, {})

  await b.joinRoom("tracked:join")
  await b.joinRoom("tracked:join")
  await b.leaveRoom("tracked:join")
  await b.joinRoom("tracked:join")
  await b.close()
  await until("four changes", () => changes(seen).length >= 4)
  const of = { connectionId: b.connectionId, roomName: "tracked:join" }
  assert.deepEqual(changes(seen), ["join", "leave", "join", "leave"].map((type) => ({ type, ...of })))

  assert.deepEqual(await a.leaveRoom("tracked:join"), { success: true })
  assert.equal(a.presenceSubscriptions.has("tracked:join"), false)
  assert.deepEqual((await api("presence.list", { roomName: "tracked:join" })).present, [])
})

test("a callback on a room that is not tracked", async (t) => {
  const c = await connect(t)
  const joined = await c.joinRoom("untracked", () => assert.fail("there is nothing to see"))
  assert.equal(joined.success, false) // of the subscription; the room is joined
  assert.equal(joined.present.length, 1)
})

test("getRoomMetadata is for members", async (t) => {
  const c = await connect(t)
  await api("rooms.metadata.set", { roomName: "meta", metadata: { topic: "tea" } })
  assert.equal(await c.getRoomMetadata("meta"), undefined)
  await c.joinRoom("meta")
  assert.deepEqual(await c.getRoomMetadata("meta"), { topic: "tea" })
  await c.joinRoom("bare")
  assert.equal(await c.getRoomMetadata("bare"), null)
})

const byId = (a, b) => (a.id < b.id ? -1 : 1)
