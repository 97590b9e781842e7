// getConnectionMetadata and setConnectionMetadata.
import assert from "node:assert/strict"
import { test } from "node:test"
import { api, connect } from "./harness.js"

const set = (c, metadata) => api("connections.metadata.set", { connectionId: c.connectionId, metadata })

test("own metadata: what the server set, and what the client may", async (t) => {
  const c = await connect(t)
  assert.equal(await c.getConnectionMetadata(), null)
  await set(c, { role: "admin", nick: "old" })
  assert.deepEqual(await c.getConnectionMetadata(), { role: "admin", nick: "old" })
  assert.deepEqual(await c.getConnectionMetadata(c.connectionId), { role: "admin", nick: "old" })

  // What the server has set beside the writable keys stays.
  assert.equal(await c.setConnectionMetadata({ nick: "ann" }), true)
  assert.deepEqual(await c.getConnectionMetadata(), { role: "admin", nick: "ann" })
  assert.equal(await c.setConnectionMetadata({ color: { h: 1, s: 2 } }, { strategy: "merge" }), true)
  assert.equal(await c.setConnectionMetadata({ color: { s: 3 } }, { strategy: "deepMerge" }), true)
  assert.deepEqual(await c.getConnectionMetadata(), { role: "admin", nick: "ann", color: { h: 1, s: 3 } })
  assert.equal(await c.setConnectionMetadata({ color: 1 }), true)
  assert.deepEqual(await c.getConnectionMetadata(), { role: "admin", color: 1 })

  assert.equal(await c.setConnectionMetadata({ role: "god" }), undefined)
  assert.equal(await c.setConnectionMetadata({ nick: "x", role: "god" }), undefined)
  assert.equal(await c.setConnectionMetadata("text"), undefined)
  assert.deepEqual(await c.getConnectionMetadata(), { role: "admin", color: 1 })
})

test("others' metadata is for those who share a room", async (t) => {
  const [a, b] = [await connect(t), await connect(t)]
  await set(a, { nick: "ann" })
  assert.equal(await b.getConnectionMetadata(a.connectionId), undefined)
  await a.joinRoom("shared")
  await b.joinRoom("shared")
  assert.deepEqual(await b.getConnectionMetadata(a.connectionId), { nick: "ann" })
  assert.equal(await a.getConnectionMetadata(b.connectionId), null)
  await b.leaveRoom("shared")
  assert.equal(await b.getConnectionMetadata(a.connectionId), undefined)
  assert.equal(await a.getConnectionMetadata("nobody"), undefined)
})
