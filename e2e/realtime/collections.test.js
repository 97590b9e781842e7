// subscribeCollection and unsubscribeCollection.
import assert from "node:assert/strict"
import { test } from "node:test"
import { api, connect, event, inbox, until } from "./harness.js"

const set = (recordId, value) => api("records.set", { recordId, value })

/** What onDiff has made of what it got: the records of the collection, by id. */
function shown(box) {
  const all = new Map()
  for (const { added, removed, changed, reset } of box.all) {
    if (reset) all.clear()
    for (const { id } of removed) all.delete(id)
    for (const { id, record } of [...added, ...changed]) if (!changed.length || all.has(id)) all.set(id, record.id ? record : { ...record, id })
  }
  return Object.fromEntries([...all].sort(([a], [b]) => a.localeCompare(b)))
}

async function shows(box, want) {
  for (const [id, record] of Object.entries(want)) record.id = id
  await until(`it shows ${JSON.stringify(want)}, now ${JSON.stringify(shown(box))}`, () => {
    try {
      assert.deepEqual(shown(box), want)
      return true
    } catch {
      return false
    }
  })
}

test("a collection begins with its records, and follows them", async (t) => {
  const c = await connect(t), got = inbox()
  await set("open:1", { board: "a", rank: 1 })
  await set("read:2", { board: "a", rank: 0 })
  await set("open:3", { board: "b", rank: 1 })
  const begun = await c.subscribeCollection("board:a", { onDiff: got.put })
  assert.equal(begun.success, true)
  assert.equal(begun.version, 1)
  assert.deepEqual(begun.ids, ["read:2", "open:1"])
  assert.deepEqual(begun.records.map(({ id, record }) => ({ id, record })), [{ id: "read:2", record: { id: "read:2", board: "a", rank: 0 } }, { id: "open:1", record: { id: "open:1", board: "a", rank: 1 } }])
  await shows(got, { "open:1": { board: "a", rank: 1 }, "read:2": { board: "a", rank: 0 } })

  await c.writeRecord("open:1", { board: "a", rank: 1, text: "changed" })
  await shows(got, { "open:1": { board: "a", rank: 1, text: "changed" }, "read:2": { board: "a", rank: 0 } })
  await c.writeRecord("open:3", { board: "a" }, { strategy: "merge" })
  await shows(got, { "open:1": { board: "a", rank: 1, text: "changed" }, "open:3": { board: "a", rank: 1 }, "read:2": { board: "a", rank: 0 } })
  const added = got.all.find((d) => d.added.some((a) => a.id === "open:3"))
  assert.deepEqual(added.added, [{ id: "open:3", record: { id: "open:3", board: "a", rank: 1 } }])

  await api("records.delete", { recordId: "open:1" })
  await c.writeRecord("open:3", { board: "c", rank: 1 })
  await shows(got, { "read:2": { board: "a", rank: 0 } })
  await set("open:4", { board: "a", rank: 4, id: "its own" })
  await shows(got, { "open:4": { board: "a", rank: 4 }, "read:2": { board: "a", rank: 0 } })
  assert.equal(got.all.filter((d) => d.reset).length, 1, "the client found no desync")

  assert.equal(await c.unsubscribeCollection("board:a"), true)
  assert.equal(await c.unsubscribeCollection("board:a"), false)
  const n = got.all.length
  await set("open:5", { board: "a", rank: 5 })
  await set("read:2", { board: "a", rank: 2 })
  await new Promise((resolve) => setTimeout(resolve, 300)) // longer than changes wait for others
  assert.equal(got.all.length, n)
})

test("what is not exposed is refused", async (t) => {
  const c = await connect(t), got = inbox()
  for (const id of ["closed", "board:", "Board:a"]) {
    assert.deepEqual(await c.subscribeCollection(id, { onDiff: got.put }), { success: false, ids: [], records: [], version: 0 })
  }
  assert.deepEqual(got.all, [])
})

test("a record of a collection that is subscribed to, too, arrives at both once", async (t) => {
  const c = await connect(t), diffs = inbox(), updates = inbox()
  await set("open:both", { board: "both", rank: 0 })
  await c.subscribeCollection("board:both", { onDiff: diffs.put })
  await c.subscribeRecord("open:both", updates.put, { mode: "patch" })
  for (let i = 1; i <= 20; i++) await c.writeRecord("open:both", { rank: i }, { strategy: "merge" })
  await updates.have(21)
  await diffs.have(21)
  assert.equal(await c.command("rt/noop"), true)
  assert.deepEqual(updates.all.map((u) => [u.version, u.full.rank]), Array.from({ length: 21 }, (_, i) => [i + 1, i]))
  assert.deepEqual(diffs.all.slice(1).map((d) => d.changed[0].record.rank), Array.from({ length: 20 }, (_, i) => i + 1))
})

test("many changes make few diffs, and end where they should", async (t) => {
  const writers = await Promise.all([connect(t), connect(t)]), c = await connect(t), got = inbox()
  await c.subscribeCollection("board:many", { onDiff: got.put })
  await Promise.all(Array.from({ length: 60 }, (_, i) => writers[i % 2].writeRecord(`open:many ${i % 20}`, { board: i % 3 === 0 ? "few" : "many", rank: i })))
  const want = {}
  const all = (await api("records.list", { pattern: "/^open:many .*$/", values: true })).records
  for (const { recordId, value } of all.filter((r) => r.value.board === "many").sort((a, b) => a.value.rank - b.value.rank).slice(0, 3)) want[recordId] = value
  await shows(got, Object.fromEntries(Object.entries(want).sort(([a], [b]) => a.localeCompare(b))))
  assert.ok(got.all.filter((d) => d.added.length + d.removed.length > 0).length < 12, `${got.all.length} diffs`)
})

test("a plugin's resolver says what a collection has", async (t) => {
  const c = await connect(t), got = inbox()
  await set("read:x", { n: 1 })
  await set("read:y", { n: 2 })
  await set("list:mine", ["read:x", "closed", "read:none"])
  assert.deepEqual((await c.subscribeCollection("list:mine", { onDiff: got.put })).ids, ["read:x"])
  await set("list:mine", ["read:y"])
  await shows(got, { "read:y": { n: 2 } })
  await set("read:y", { n: 3 })
  await shows(got, { "read:y": { n: 3 } })
})

test("after a reconnection the collection is there again", async (t) => {
  const c = await connect(t), got = inbox()
  await set("open:back", { board: "back", rank: 0 })
  await c.subscribeCollection("board:back", { onDiff: got.put })
  const back = event(c, "reconnect")
  await api("connections.disconnect", { connectionId: c.connectionId, code: 4100 })
  await set("open:back", { board: "gone", rank: 0 })
  await set("open:back 2", { board: "back", rank: 2 })
  await back
  await shows(got, { "open:back 2": { board: "back", rank: 2 } })
  await set("open:back 3", { board: "back", rank: 3 })
  await shows(got, { "open:back 2": { board: "back", rank: 2 }, "open:back 3": { board: "back", rank: 3 } })
})
