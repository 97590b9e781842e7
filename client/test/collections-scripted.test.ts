import { expect, test } from "vitest"
import type { CollectionDiff, MeshClient } from "../src"
import { connected } from "./support/client"
import { scripted, type Scripted } from "./support/scripted"
import { rest, until } from "./support/wait"

const subscribe = "mesh/subscribe-collection"

interface Has { records: { id: string; record: unknown; version: number }[]; version: number }

const one = (id: string, record: unknown, version = 1): Has["records"][number] => ({ id, record, version })

/** A client that follows the collection c of a scripted server. */
async function following(has: Has): Promise<{ server: Scripted; client: MeshClient; diffs: CollectionDiff[]; asked: () => number; flushed: () => Promise<void> }> {
  const server = await scripted(({ command }) => (command === subscribe ? { success: true, ids: has.records.map(({ id }) => id), ...has } : true))
  const client = await connected(server.url)
  const diffs: CollectionDiff[] = []
  expect(await client.subscribeCollection("c", { onDiff: (diff) => void diffs.push(diff) })).toMatchObject({ success: true, version: has.version })
  const asked = (): number => server.peers.flatMap(({ requests }) => requests).filter(({ command }) => command === subscribe).length
  const flushed = async (): Promise<void> => {
    const came = new Promise<void>((resolve) => void client.once("mark", () => resolve()))
    server.peer.push("mark", null)
    await came
  }
  return { server, client, diffs, asked, flushed }
}

const diff = (version: unknown, added: unknown = [], removed: unknown = []): object => ({ collectionId: "c", added, removed, version })
const member = (id: string, record: unknown, version = 1): object => ({ id, record, value: record, version })

test("a member's version comes once, and no older one after it", async () => {
  const { server, diffs, flushed } = await following({ records: [one("a", 0, 3)], version: 1 })
  for (const [full, version] of [["old", 2], ["same", 3], ["new", 4], ["new", 4]]) server.peer.push("mesh/record-update", { recordId: "a", full, version, epoch: "e" })
  server.peer.push("mesh/collection-diff", diff(2, [one("b", false, 5), one("a", "late", 3)]))
  for (const [full, version] of [[false, 5], [null, 6]]) server.peer.push("mesh/record-update", { recordId: "b", full, version, epoch: "e" })
  server.peer.push("mesh/record-update", { recordId: "b", full: "", version: 1, epoch: "f" })
  server.peer.push("mesh/record-update", { recordId: "b", patch: [{ op: "replace", path: "", value: 1 }], version: 2, epoch: "f" })
  await flushed()
  expect(diffs).toEqual([
    { added: [], removed: [], changed: [member("a", "new", 4)], version: 1 },
    { added: [member("b", false, 5)], removed: [], changed: [], version: 2 },
    { added: [], removed: [], changed: [member("b", null, 6)], version: 2 },
    { added: [], removed: [], changed: [member("b", "", 1)], version: 2 },
    { added: [], removed: [], changed: [member("b", 1, 2)], version: 2 },
  ])
})

test("a record that is deleted is removed once, and added when it is written again", async () => {
  const { server, diffs, client, flushed } = await following({ records: [one("a", 1), one("b", 1)], version: 1 })
  server.peer.push("mesh/record-deleted", { recordId: "a", version: 2, epoch: "e" })
  server.peer.push("mesh/collection-diff", diff(2, [], [{ id: "a" }]))
  server.peer.push("mesh/record-deleted", { recordId: "b", version: 2, epoch: "e" })
  await flushed()
  expect(await client.subscribeCollection("c")).toMatchObject({ ids: [], records: [] })
  server.peer.push("mesh/record-update", { recordId: "b", full: 3, version: 3, epoch: "e" })
  await flushed()
  expect(diffs).toEqual([
    { added: [], removed: [{ id: "a" }], changed: [], version: 1 },
    { added: [], removed: [{ id: "b" }], changed: [], version: 2 },
    { added: [member("b", 3, 3)], removed: [], changed: [], version: 2 },
  ])
})

test("a diff that is not the next has the collection asked for; the difference is told", async () => {
  const has: Has = { records: [one("a", 1), one("b", 1), one("c", 1)], version: 1 }
  const { server, diffs, asked, flushed } = await following(has)
  has.records = [one("a", 1), one("b", 2, 2), one("d", 1)]
  server.peer.push("mesh/collection-diff", diff(3, [one("x", 1)]))
  server.peer.push("mesh/collection-diff", diff(4, [one("y", 1)]))
  await until("the difference is told", () => diffs.length > 0)
  await flushed()
  expect(diffs).toEqual([{ added: [member("d", 1)], removed: [{ id: "c" }], changed: [member("b", 2, 2)], version: 1 }])
  expect(asked()).toBe(2)
  server.peer.push("mesh/collection-diff", diff(2, [], [{ id: "d" }]))
  await flushed()
  expect(diffs.at(-1)).toEqual({ added: [], removed: [{ id: "d" }], changed: [], version: 2 })
})

test("diffs that never fit are bounded", async () => {
  const server = await scripted((request, peer) => {
    if (request.command !== subscribe) return true
    peer.send({ id: request.id, command: subscribe, payload: { success: true, ids: [], records: [], version: 1 } })
    peer.push("mesh/collection-diff", diff(7))
    return undefined
  })
  const client = await connected(server.url)
  await client.subscribeCollection("c")
  await rest(1_500)
  const asked = server.peer.requests.filter(({ command }) => command === subscribe).length
  expect(asked).toBeGreaterThanOrEqual(2)
  expect(asked).toBeLessThanOrEqual(3)
})

test("gaps, of the collection and of a member, have it asked for", async () => {
  const has: Has = { records: [one("a", 1)], version: 1 }
  const { server, diffs, asked } = await following(has)
  has.records = [one("a", 2, 2)]
  server.peer.push("mesh/gap", { kind: "record", name: "other", offset: 2 })
  server.peer.push("mesh/gap", { kind: "record", name: "a", epoch: "e", offset: 2 })
  await until("the change is told", () => diffs.length === 1)
  expect(diffs).toEqual([{ added: [], removed: [], changed: [member("a", 2, 2)], version: 1 }])
  server.peer.push("mesh/gap", { kind: "collection", name: "c" })
  await until("it is asked for", () => asked() === 3)
})

test("what was pushed is not taken back by an older reply on the same connection", async () => {
  const has: Has = { records: [one("a", 1)], version: 1 }
  const { server, diffs, asked, flushed } = await following(has)
  server.peer.push("mesh/record-update", { recordId: "a", full: 2, version: 2, epoch: "e" })
  server.peer.push("mesh/gap", { kind: "collection", name: "c" })
  await until("it is asked for", () => asked() === 2)
  await flushed()
  expect(diffs.map(({ changed }) => changed)).toEqual([[member("a", 2, 2)]])
})

test("a record that was deleted is not brought back by an older reply on the same connection", async () => {
  const { server, client, diffs, asked, flushed } = await following({ records: [one("a", 1), one("b", 1)], version: 1 })
  server.peer.push("mesh/record-deleted", { recordId: "a", version: 2, epoch: "e" })
  server.peer.push("mesh/gap", { kind: "collection", name: "c" })
  await until("it is asked for", () => asked() === 2)
  await flushed()
  expect(diffs).toEqual([{ added: [], removed: [{ id: "a" }], changed: [], version: 1 }])
  expect(await client.subscribeCollection("c")).toMatchObject({ ids: ["b"] })
  server.peer.push("mesh/record-update", { recordId: "a", full: 3, version: 3, epoch: "e" })
  await flushed()
  expect(diffs.at(-1)).toEqual({ added: [member("a", 3, 3)], removed: [], changed: [], version: 1 })
})

test("pushes of the wrong shape are reported, and passed over", async () => {
  const { server, client, diffs, flushed } = await following({ records: [one("a", 1)], version: 1 })
  const errors: unknown[] = []
  client.on("error", (error) => void errors.push(error))
  const wrong = [diff("2"), diff(2, "b"), diff(2, [null]), diff(2, [{ id: 7, version: 1 }]), diff(2, [{ id: "b" }]), diff(2, [], [7]), diff(2, [], [{}])]
  for (const payload of wrong) server.peer.push("mesh/collection-diff", payload)
  for (const payload of [null, 7, { collectionId: 7 }, { collectionId: "other", version: 2 }]) server.peer.push("mesh/collection-diff", payload)
  server.peer.push("mesh/record-update", { recordId: "a", version: 2, epoch: "e" })
  server.peer.push("mesh/record-update", { recordId: "a", full: 1, version: null, epoch: "e" })
  await flushed()
  expect(errors).toHaveLength(wrong.length + 2)
  for (const error of errors) expect(error).toMatchObject({ code: "EPROTOCOL" })
  expect(diffs).toEqual([])
  server.peer.push("mesh/collection-diff", diff(2, [one("b", 1)]))
  await flushed()
  expect(diffs).toHaveLength(1)
})

test.each([["no reply", null], ["no records", { success: true, ids: [], version: 1 }], ["a member that is none", { success: true, records: [{}], version: 1 }], ["no version", { success: true, records: [] }]])("a subscription with %s does not begin", async (_, payload) => {
  const server = await scripted(({ command }) => (command === subscribe ? payload : true))
  const client = await connected(server.url)
  const subscribed = await client.subscribeCollection("c")
  expect(subscribed).toMatchObject({ success: false, ids: [], records: [], version: 0 })
  expect(subscribed.error).toBeDefined()
})

test("after a reconnect the same version of another value is a change", async () => {
  const has: Has = { records: [one("a", { n: 1 }), one("b", { n: 1 })], version: 4 }
  const { server, client, diffs } = await following(has)
  has.records = [one("a", { n: 2 }), one("b", { n: 1 })]
  let back = false
  client.on("reconnect", () => (back = true))
  server.peer.socket.terminate()
  await until("it is back", () => back)
  expect(diffs).toEqual([{ added: [], removed: [], changed: [member("a", { n: 2 })], version: 4 }])
})
