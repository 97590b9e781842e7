// subscribePresence, unsubscribePresence, publishPresenceState,
// clearPresenceState and forcePresenceUpdate.
import assert from "node:assert/strict"
import { test } from "node:test"
import { api, changes, connect, inbox, until } from "./harness.js"

/** Two members of a room, and a subscriber to its presence. */
async function room(t, roomName) {
  const [a, b, watcher] = [await connect(t), await connect(t), await connect(t)]
  await a.joinRoom(roomName)
  await b.joinRoom(roomName)
  const seen = inbox()
  const begun = await watcher.subscribePresence(roomName, seen.put)
  assert.equal(begun.success, true)
  return { a, b, watcher, seen, begun, roomName }
}

/** Waits until n changes have been seen, and returns them. */
async function have(seen, n) {
  await until(`${n} changes; there are ${JSON.stringify(changes(seen))}`, () => changes(seen).length >= n)
  return changes(seen)
}

test("subscribePresence begins with all that is there", async (t) => {
  const { a, b, watcher, roomName } = await room(t, "tracked:begin")
  await a.publishPresenceState(roomName, { state: { status: "away" } })
  const seen = inbox()
  const begun = await watcher.subscribePresence(roomName, seen.put)
  assert.equal(begun.success, true)
  // The watcher is no member: it may not read the others' metadata.
  assert.deepEqual(begun.present.map((p) => p.id).sort(), [a.connectionId, b.connectionId].sort())
  assert.deepEqual(begun.present.map((p) => p.metadata), [null, null])
  assert.deepEqual(begun.states, { [a.connectionId]: { status: "away" } })
  assert.deepEqual(seen.all, [{ success: true, present: begun.present, states: begun.states }])
})

test("subscribePresence is refused where nothing is tracked", async (t) => {
  const c = await connect(t)
  const begun = await c.subscribePresence("untracked", () => assert.fail("there is nothing to see"))
  assert.equal(begun.success, false)
  assert.deepEqual(begun.present, [])
})

test("states are seen by subscribers", async (t) => {
  const { a, b, seen, roomName } = await room(t, "tracked:states")
  const states = [{ typing: true }, "text", 7, true, ["list"], { typing: false }]
  for (const state of states) assert.equal(await a.publishPresenceState(roomName, { state }), true)
  assert.equal(await b.clearPresenceState(roomName), true) // there was none
  assert.equal(await a.clearPresenceState(roomName), true)
  const of = (state) => ({ type: "state", connectionId: a.connectionId, roomName, state })
  assert.deepEqual((await have(seen, 7)).filter((u) => u.connectionId === a.connectionId), [...states, null].map(of))
})

test("falsy states and states of strangers are refused", async (t) => {
  const { a, watcher, seen, roomName } = await room(t, "tracked:refused")
  for (const state of [null, false, 0, "", undefined]) assert.equal(await a.publishPresenceState(roomName, { state }), false, `${state}`)
  assert.equal(await watcher.publishPresenceState(roomName, { state: 1 }), false)
  assert.equal(await a.publishPresenceState("untracked", { state: 1 }), false)
  await a.joinRoom("untracked")
  assert.equal(await a.publishPresenceState("untracked", { state: 1 }), false)
  assert.equal(await a.command("rt/noop"), true)
  assert.deepEqual(changes(seen), [])
})

test("a state expires by itself, once", async (t) => {
  const { a, seen, roomName } = await room(t, "tracked:expire")
  assert.equal(await a.publishPresenceState(roomName, { state: "typing", expireAfter: 100 }), true)
  const of = (state) => ({ type: "state", connectionId: a.connectionId, roomName, state })
  assert.deepEqual(await have(seen, 2), [of("typing"), of(null)])
  assert.deepEqual((await api("presence.list", { roomName })).states, {})
  // A newer state outlives the older one's end.
  await a.publishPresenceState(roomName, { state: "again", expireAfter: 500 })
  await a.publishPresenceState(roomName, { state: "stays" })
  await new Promise((resolve) => setTimeout(resolve, 700))
  assert.deepEqual((await have(seen, 4)).slice(2), [of("again"), of("stays")])
  assert.deepEqual((await api("presence.list", { roomName })).states, { [a.connectionId]: "stays" })
})

test("silent states are kept and not pushed", async (t) => {
  const { a, seen, roomName } = await room(t, "tracked:silent")
  assert.equal(await a.publishPresenceState(roomName, { state: "quiet", silent: true }), true)
  assert.deepEqual((await api("presence.list", { roomName })).states, { [a.connectionId]: "quiet" })
  await a.publishPresenceState(roomName, { state: "loud" })
  assert.deepEqual(await have(seen, 1), [{ type: "state", connectionId: a.connectionId, roomName, state: "loud" }])
})

test("unsubscribePresence ends it", async (t) => {
  const { a, watcher, seen, roomName } = await room(t, "tracked:unsubscribe")
  assert.equal(await watcher.unsubscribePresence(roomName), true)
  assert.equal(await watcher.unsubscribePresence(roomName), false)
  await a.publishPresenceState(roomName, { state: "unseen" })
  assert.equal(await watcher.command("rt/noop"), true)
  assert.deepEqual(changes(seen), [])
})

test("forcePresenceUpdate reads all anew", async (t) => {
  const { a, b, watcher, roomName } = await room(t, "tracked:force")
  const handler = Object.assign(() => {}, { init: (present, states) => { handler.got = { present, states } } })
  assert.equal(await watcher.forcePresenceUpdate("tracked:other"), false)
  await watcher.subscribePresence(roomName, handler)
  await a.publishPresenceState(roomName, { state: { n: 1 } })
  assert.equal(await watcher.forcePresenceUpdate(roomName), true)
  assert.deepEqual(handler.got, { present: [a.connectionId, b.connectionId].sort(), states: { [a.connectionId]: { n: 1 } } })
})

test("a state goes with its member", async (t) => {
  const { a, b, seen, roomName } = await room(t, "tracked:gone")
  await a.publishPresenceState(roomName, { state: 1 })
  await b.publishPresenceState(roomName, { state: 2 })
  await a.close()
  await b.leaveRoom(roomName)
  await have(seen, 4)
  assert.deepEqual(await api("presence.list", { roomName }), { present: [], states: {} })
  await b.joinRoom(roomName)
  assert.deepEqual(await api("presence.list", { roomName }), { present: [b.connectionId], states: {} })
})
