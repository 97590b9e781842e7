// subscribeRecord, unsubscribeRecord and writeRecord.
import assert from "node:assert/strict"
import { test } from "node:test"
import { applyPatch } from "@prsm/realtime/client"
import { api, connect, event, inbox, until } from "./harness.js"

const set = (recordId, value) => api("records.set", { recordId, value })

/** What a callback of subscribeRecord has made of what it got: the value after each update. */
function values(box) {
  let value
  return box.all.map((u) => {
    if (u.patch) value = applyPatch(value, structuredClone(u.patch)).newDocument
    else value = u.deleted ? "deleted" : u.full
    return [u.version, structuredClone(value)]
  })
}

for (const mode of ["full", "patch"]) {
  test(`every version arrives, in order, in ${mode} mode`, async (t) => {
    const c = await connect(t), id = `open:order ${mode}`
    const got = inbox()
    assert.deepEqual(await c.subscribeRecord(id, got.put, { mode }), { success: true, record: null, version: 0 })
    assert.deepEqual(got.all, [{ recordId: id, full: null, version: 0 }])
    const want = [[0, null]]
    for (let i = 1; i <= 50; i++) {
      const value = { n: i, list: [i, "x", { deep: i % 3 }], rest: "the same in all of them, so that a patch is shorter" }
      assert.equal(await c.writeRecord(id, value), true)
      want.push([i, value])
    }
    await got.have(51)
    assert.deepEqual(values(got), want)
    assert.equal(got.all.slice(2).every((u) => (mode === "patch" ? u.patch : u.full)), true)
  })
}

test("values of every kind are values", async (t) => {
  const c = await connect(t), full = inbox(), patch = inbox(), d = await connect(t)
  await c.subscribeRecord("open:kinds", full.put)
  await d.subscribeRecord("open:kinds", patch.put, { mode: "patch" })
  const all = [0, "", false, null, [], {}, "text", 1.5, true, [null], { "": null, "a/b~c": 1 }, { "": null, "a/b~c": 2, __proto: [] }]
  for (const value of all) assert.equal(await c.writeRecord("open:kinds", value), true)
  await full.have(all.length + 1)
  await patch.have(all.length + 1)
  assert.deepEqual(values(full), [[0, null], ...all.map((v, i) => [i + 1, v])])
  assert.deepEqual(values(patch), values(full))
  const late = inbox()
  assert.deepEqual(await (await connect(t)).subscribeRecord("open:kinds", late.put), { success: true, record: all.at(-1), version: all.length })
})

test("an equal value is accepted and changes nothing", async (t) => {
  const c = await connect(t), got = inbox()
  await c.subscribeRecord("open:equal", got.put)
  for (const value of [{ a: 1, b: 2 }, { b: 2, a: 1 }, { a: 1, b: 2 }]) assert.equal(await c.writeRecord("open:equal", value), true)
  assert.equal(await c.writeRecord("open:equal", 7), true)
  await got.have(3)
  assert.deepEqual(values(got).map(([version]) => version), [0, 1, 2])
})

test("strategies and expected versions", async (t) => {
  const c = await connect(t)
  assert.equal(await c.writeRecord("open:options", { a: { b: 1 }, c: 1 }, { expectVersion: 0 }), true)
  assert.equal(await c.writeRecord("open:options", { a: { d: 2 } }, { strategy: "deepMerge" }), true)
  assert.deepEqual((await api("records.get", { recordId: "open:options" })).value, { a: { b: 1, d: 2 }, c: 1 })
  assert.equal(await c.writeRecord("open:options", { a: { d: 3 } }, { strategy: "merge", expectVersion: 2 }), true)
  assert.deepEqual((await api("records.get", { recordId: "open:options" })).value, { a: { d: 3 }, c: 1 })
  assert.equal(await c.writeRecord("open:options", 1, { expectVersion: 2 }), false)
  assert.equal(await c.writeRecord("open:options", 1, { strategy: "append" }), false)
  const reply = await c.command("rt/publish-record-update", { recordId: "open:options", newValue: 1, options: { expectVersion: 0 } })
  assert.equal(reply.code, "ECONFLICT")
  assert.deepEqual(reply.data, { version: 3 })
})

test("what is not exposed is refused, what is not writable says so", async (t) => {
  const c = await connect(t), got = inbox()
  assert.deepEqual(await c.subscribeRecord("closed", got.put), { success: false, record: null, version: 0 })
  assert.equal(await c.writeRecord("closed", 1), false)
  assert.equal((await c.subscribeRecord("read:x", got.put)).success, true)
  assert.equal(await c.writeRecord("read:x", 1), false)
  assert.deepEqual(await c.command("rt/publish-record-update", { recordId: "read:x", newValue: 1 }),
    { error: 'Record "read:x" is not writable by this connection.', code: "ESERVER", name: "Error" })
  await set("read:x", "from the server")
  await got.have(2)
  assert.deepEqual(values(got), [[0, null], [1, "from the server"]])
})

test("deletion and expiry arrive once, and a record can be had again", async (t) => {
  const c = await connect(t)
  for (const id of ["open:deleted", "short:deleted"]) {
    const got = inbox()
    await c.subscribeRecord(id, got.put)
    assert.equal(await c.writeRecord(id, { n: 1 }), true)
    await got.have(2)
    if (id.startsWith("open:")) await api("records.delete", { recordId: id })
    await got.have(3)
    assert.deepEqual(got.all[2], { recordId: id, deleted: true, version: 2 })
    const again = inbox()
    assert.deepEqual(await c.subscribeRecord(id, again.put), { success: true, record: null, version: 2 })
    assert.equal(await c.writeRecord(id, { n: 2 }), true)
    await again.have(2)
    assert.deepEqual(values(again), [[2, null], [3, { n: 2 }]])
    assert.equal(got.all.length, 3)
  }
})

test("unsubscribeRecord ends it", async (t) => {
  const c = await connect(t), got = inbox()
  await c.subscribeRecord("open:end", got.put)
  await c.writeRecord("open:end", 1)
  await got.have(2)
  assert.equal(await c.unsubscribeRecord("open:end"), true)
  assert.equal(await c.unsubscribeRecord("open:end"), false)
  await c.writeRecord("open:end", 2)
  assert.equal(await c.command("rt/noop"), true)
  assert.equal(got.all.length, 2)
})

test("a record that others write all the time: the frames join, and the callback is never told wrong", async (t) => {
  const writers = await Promise.all([connect(t), connect(t), connect(t)])
  let writing = true
  const storm = writers.map(async (c, i) => {
    for (let n = 0; writing; n++) assert.equal(await c.writeRecord("open:busy", { [`w${i}`]: n + 1 }, { strategy: "merge" }), true)
  })
  for (let round = 0; round < 6; round++) {
    const c = await connect(t), got = inbox(), mode = ["patch", "full"][round % 2]
    const frames = []
    c.on("message", (frame) => frames.push(frame))
    await c.subscribeRecord("open:busy", got.put, { mode })
    await got.have(30)
    let at, replies = 0
    for (const { id, command, payload } of frames) {
      if (command === "rt/record-update") assert.equal(payload.version, ++at)
      if (command === "rt/subscribe-record" && id !== undefined) {
        at = payload.version
        replies++
      }
    }
    // A client whose event loop stalls takes pushes before the reply that they follow
    // in the same piece of what it reads; then it subscribes again, several times at
    // once, and may take a push before a reply of these.
    const seen = values(got)
    for (const [i, [version, value]] of seen.entries()) {
      assert.ok(i === 0 || replies > 1 || version >= seen[i - 1][0], `version ${version} after ${seen[i - 1]?.[0]}`)
      assert.equal(Object.values(value ?? {}).reduce((a, b) => a + b, 0), version, "every write is a version of its own")
    }
  }
  writing = false
  await Promise.all(storm)
})

test("after a reconnection the record is there again", async (t) => {
  const c = await connect(t), got = inbox(), patched = inbox()
  await c.subscribeRecord("open:back", got.put)
  await c.subscribeRecord("open:back too", patched.put, { mode: "patch" })
  const back = event(c, "reconnect"), pushed = new Set()
  c.on("message", ({ command, payload }) => { if (command === "rt/record-update") pushed.add(payload.recordId) })
  await api("connections.disconnect", { connectionId: c.connectionId, code: 4100 })
  await set("open:back", { missed: 1 })
  await set("open:back too", { missed: 2 })
  await back
  // A push that comes in one piece with the reply to subscribing this client takes
  // first, and then what the reply has, which is older.
  await until("both are there", () => (values(got).at(-1)[0] === 1 || pushed.has("open:back"))
    && (values(patched).at(-1)[0] === 1 || pushed.has("open:back too")))
  await set("open:back too", { missed: 2, seen: 3 })
  await until("it goes on", () => values(patched).at(-1)[0] === 2)
  assert.deepEqual(values(patched).at(-1), [2, { missed: 2, seen: 3 }])
})
