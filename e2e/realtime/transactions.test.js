// transaction.
import assert from "node:assert/strict"
import { test } from "node:test"
import { api, connect, inbox } from "./harness.js"

const write = (recordId, value, options) => ({ op: "write", recordId, value, options })
const remove = (recordId) => ({ op: "delete", recordId })
const get = async (recordId) => {
  const { value, version } = await api("records.get", { recordId })
  return [value, version]
}

test("several records change at once", async (t) => {
  const c = await connect(t), watcher = await connect(t), got = inbox()
  await c.writeRecord("open:b", { n: 1 })
  for (const id of ["open:a", "open:b", "open:c"]) await watcher.subscribeRecord(id, got.put)
  const { id, results } = await c.transaction([write("open:a", { n: 2 }), write("open:b", { m: 1 }, { strategy: "merge" }), remove("open:c")])
  assert.equal(typeof id, "string")
  assert.deepEqual(results, [
    { op: "write", recordId: "open:a", success: true, version: 1 },
    { op: "write", recordId: "open:b", success: true, version: 2 },
    { op: "delete", recordId: "open:c", success: true, version: 0 },
  ])
  const updates = (await got.have(5)).slice(3).sort((x, y) => x.recordId.localeCompare(y.recordId))
  assert.deepEqual(updates, [{ recordId: "open:a", full: { n: 2 }, version: 1 }, { recordId: "open:b", full: { n: 1, m: 1 }, version: 2 }])
  assert.equal((await c.transaction([remove("open:a"), remove("open:b")])).results[1].version, 3)
  await got.have(7)
  assert.deepEqual(got.all.slice(5).map((u) => u.deleted), [true, true])
})

test("one operation that fails undoes all", async (t) => {
  const c = await connect(t), fine = write("open:fine", 1)
  await c.writeRecord("open:there", 1)
  for (const [operations, code, part] of [
    [[fine, write("read:x", 1)], "ESERVER", 'Record "read:x" is not writable by this connection.'],
    [[fine, write("open:there", 2, { expectVersion: 7 })], "ECONFLICT", "7"],
    [[fine, fine], "ETXN", "open:fine"],
    [[fine, { op: "append", recordId: "open:x", value: 1 }], "ETXN", "op"],
    [[fine, { op: "write", recordId: "open:x" }], "ETXN", "value"],
    [[fine, write("open:x", 1, { strategy: "append" })], "EPAYLOAD", "strategy"],
    [Array.from({ length: 101 }, (_, i) => write(`open:many ${i}`, 1)), "ETXN", "limits.transaction"],
    [[], "ETXN", "non-empty"],
  ]) {
    await assert.rejects(c.transaction(operations), (e) => e.code === code && e.message.includes(part))
  }
  assert.deepEqual(await get("open:fine"), [null, 0])
  assert.deepEqual(await get("open:there"), [1, 1])
})

test("what many move at once is neither lost nor doubled", async (t) => {
  const clients = await Promise.all([connect(t), connect(t), connect(t)])
  await api("records.transaction", { operations: [write("open:left", { have: 100 }), write("open:right", { have: 0 })] })
  const move = async (c) => {
    for (let tries = 0; tries < 1000; tries++) {
      const [left, right] = [await api("records.get", { recordId: "open:left" }), await api("records.get", { recordId: "open:right" })]
      try {
        return await c.transaction([
          write("open:left", { have: left.value.have - 1 }, { expectVersion: left.version }),
          write("open:right", { have: right.value.have + 1 }, { expectVersion: right.version }),
        ])
      } catch (e) {
        if (e.code !== "ECONFLICT") throw e
      }
    }
    assert.fail("too many conflicts")
  }
  await Promise.all(clients.map(async (c) => { for (let i = 0; i < 10; i++) await move(c) }))
  assert.deepEqual(await get("open:left"), [{ have: 70 }, 31])
  assert.deepEqual(await get("open:right"), [{ have: 30 }, 31])
})
