import { describe, expect, test } from "vitest"
import type { CollectionDiff, MeshClient, RecordUpdate } from "../src"
import { equal } from "../src/values"
import { connected, newClient } from "./support/client"
import { everything, startHost } from "./support/host"
import { sharedHosts } from "./support/hosts"
import { startProxy } from "./support/proxy"
import { until } from "./support/wait"

/** Follows a collection as an application does: with the diffs alone. */
class View {
  readonly diffs: CollectionDiff[] = []
  readonly seen: string[] = []
  readonly members = new Map<string, any>()

  async follow(client: MeshClient, collectionId: string): Promise<this> {
    const { success, records, ids, error } = await client.subscribeCollection(collectionId, { onDiff: (diff) => this.#take(diff) })
    if (!success) throw error ?? new Error("no success")
    expect(records.map(({ id }) => id)).toEqual(ids)
    for (const { id, record } of records) this.members.set(id, record)
    return this
  }

  #take(diff: CollectionDiff): void {
    this.diffs.push(diff)
    expect(diff.added.length + diff.removed.length + diff.changed.length).toBeGreaterThan(0)
    for (const { id } of diff.removed) expect(this.members.delete(id)).toBe(true)
    for (const { id, record } of diff.added) {
      expect(this.members.has(id)).toBe(false)
      this.members.set(id, record)
    }
    for (const { id, record, value, version } of diff.changed) {
      expect(this.members.has(id)).toBe(true)
      expect(record).toEqual(value)
      this.members.set(id, record)
      if (!diff.optimistic) this.seen.push(`${id}@${version}`)
    }
  }

  get now(): Record<string, any> {
    return Object.fromEntries([...this.members].sort(([a], [b]) => (a < b ? -1 : 1)))
  }
}

describe.each(["memory, one node", "Redis, two nodes"])("%s", (where) => {
  const hosts = sharedHosts(where.startsWith("Redis"))
  const client = (i = 0): Promise<MeshClient> => connected(hosts[i % hosts.length]!.url)

  test("members join, change and leave", async () => {
    const [writer, reader] = await Promise.all([client(0), client(1)])
    await writer.setRecord("open:m1", { board: "a", rank: 2 })
    await writer.setRecord("open:m2", { board: "a", rank: 1 })
    await writer.setRecord("open:m3", { board: "b", rank: 3 })
    const first = await reader.subscribeCollection("board:a")
    expect(first).toMatchObject({ success: true, ids: ["open:m2", "open:m1"], version: 1 })
    expect(first.records).toEqual([
      { id: "open:m2", record: { board: "a", rank: 1 }, value: { board: "a", rank: 1 }, version: 1 },
      { id: "open:m1", record: { board: "a", rank: 2 }, value: { board: "a", rank: 2 }, version: 1 },
    ])
    first.records[0]!.record.rank = "the caller's own"
    const view = await new View().follow(reader, "board:a")
    expect(view.now).toEqual({ "open:m1": { board: "a", rank: 2 }, "open:m2": { board: "a", rank: 1 } })

    await writer.setRecord("open:m1", { done: true }, { strategy: "merge" })
    await until("the change is there", () => view.members.get("open:m1")?.done)
    await writer.setRecord("open:m3", { board: "a", rank: 3 }) // joins
    await until("it has joined", () => view.members.has("open:m3"))
    await writer.setRecord("open:m2", { board: "b" }, { strategy: "merge" }) // leaves
    await until("it has left", () => !view.members.has("open:m2"))
    await writer.transaction([{ op: "delete", recordId: "open:m1" }])
    await until("it is gone", () => !view.members.has("open:m1"))
    await writer.setRecord("open:m1", { board: "a", rank: 9 })
    await until("it is back", () => view.members.has("open:m1"))
    expect(view.now).toEqual({ "open:m1": { board: "a", rank: 9 }, "open:m3": { board: "a", rank: 3 } })
    expect(new Set(view.seen).size).toBe(view.seen.length)
    const second = await reader.subscribeCollection("board:a")
    expect([...second.ids].sort()).toEqual(["open:m1", "open:m3"])
    expect(await reader.unsubscribeCollection("board:a")).toBe(true)
    expect(await reader.unsubscribeCollection("board:a")).toBe(false)
  })

  test("what is refused says so", async () => {
    const one = await client()
    expect(await one.subscribeCollection("nothing:x")).toMatchObject({ success: false, ids: [], records: [], version: 0, error: { code: "EDENIED" } })
  })

  test("a record that is followed by itself and by collections comes once in each", async () => {
    const [writer, reader] = await Promise.all([client(0), client(1)])
    await writer.setRecord("open:two", { board: "two", n: 0 })
    const updates: RecordUpdate[] = []
    await reader.subscribeRecord("open:two", (update) => void updates.push(update), { mode: "patch" })
    const views = [await new View().follow(reader, "board:two"), await new View().follow(reader, "board:two")]
    for (let n = 1; n <= 30; n++) await writer.setRecord("open:two", { n }, { strategy: "merge" })
    await until("all have come", () => updates.length === 30 && views.every((view) => view.members.get("open:two")?.n === 30))
    const versions = Array.from({ length: 30 }, (_, i) => i + 2)
    expect(updates.map(({ version }) => version)).toEqual(versions)
    for (const view of views) expect(view.seen).toEqual(versions.map((version) => `open:two@${version}`))
  })

  test("after connections that were cut the view is that of one who comes new", async () => {
    const writer = await client(0)
    const proxy = await startProxy(() => hosts[hosts.length - 1]!.listen)
    const reader = newClient(proxy.url)
    const view = await new View().follow(reader, "board:cut")
    for (let i = 0; i < 150; i++) {
      const recordId = `open:cut${i % 12}`
      if (i % 7 === 6) await writer.transaction([{ op: "delete", recordId }]).catch(() => {})
      else await writer.setRecord(recordId, { board: i % 3 ? "cut" : "elsewhere", i })
      if (i % 15 === 10) setTimeout(() => proxy.cut(), Math.random() * 5)
    }
    const fresh = await client(hosts.length - 1)
    await until("both are the same", async () => {
      const { records } = await fresh.subscribeCollection("board:cut")
      return records.length > 0 && JSON.stringify(Object.fromEntries(records.map(({ id, record }) => [id, record]).sort(([a], [b]) => (a < b ? -1 : 1)))) === JSON.stringify(view.now)
    })
    expect(new Set(view.seen).size).toBe(view.seen.length)
  })

  test("nothing is told after a reconnect without a change; a difference as one", async () => {
    const writer = await client(0)
    for (const i of [1, 2, 3]) await writer.setRecord(`open:back${i}`, { board: "back", i })
    const proxy = await startProxy(() => hosts[hosts.length - 1]!.listen)
    const reader = newClient(proxy.url)
    const view = await new View().follow(reader, "board:back")
    await until("all are there", () => view.members.size === 3)
    view.diffs.length = 0
    let back = 0
    reader.on("reconnect", () => back++)
    proxy.cut()
    await until("it is back", () => back === 1)
    expect(view.diffs).toEqual([])
    const end = new Promise<void>((resolve) => void reader.once("disconnect", () => resolve()))
    proxy.closed = true
    proxy.cut()
    await end
    await writer.setRecord("open:back1", { i: "other" }, { strategy: "merge" })
    await writer.transaction([{ op: "delete", recordId: "open:back2" }])
    await writer.setRecord("open:back4", { board: "back", i: 4 })
    await until("the server's table is as far", async () => (await writer.subscribeCollection("board:back")).ids.length === 3 && (await writer.subscribeCollection("board:back")).ids.includes("open:back4"))
    proxy.closed = false
    await until("it is back", () => back === 2)
    await until("the difference is told", () => view.diffs.length > 0)
    expect(view.now).toEqual({ "open:back1": { board: "back", i: "other" }, "open:back3": { board: "back", i: 3 }, "open:back4": { board: "back", i: 4 } })
    if (where.startsWith("memory")) {
      expect(view.diffs).toHaveLength(1)
      expect(view.diffs[0]).toMatchObject({ added: [{ id: "open:back4" }], removed: [{ id: "open:back2" }], changed: [{ id: "open:back1", version: 2 }] })
    }
  })

  test("optimistic writes show in collections, and are taken back", async () => {
    const one = await client(0)
    await one.setRecord("open:opt", { board: "opt", n: 1 })
    await until("it is a member", async () => (await one.subscribeCollection("board:opt")).ids.length === 1)
    const view = await new View().follow(one, "board:opt")
    const written = one.setRecord("open:opt", { n: 2 }, { strategy: "merge", optimistic: true })
    expect(view.diffs).toMatchObject([{ changed: [{ id: "open:opt", record: { board: "opt", n: 2 }, version: 1 }], optimistic: true }])
    await written
    await until("the version is there", () => view.seen.includes("open:opt@2"))
    expect(await one.publishRecordUpdate("open:opt", { n: 3 }, { strategy: "merge", optimistic: true, expectVersion: 1 })).toBe(false)
    expect(view.diffs.slice(2)).toMatchObject([{ changed: [{ record: { n: 3 } }], optimistic: true }, { changed: [{ record: { n: 2 } }], optimistic: true }])
    expect(view.seen).toEqual(["open:opt@2"])
  })
})

test("a diff that is larger than a reply comes as several", async () => {
  const host = await startHost({ config: `${everything}\n[limits]\nreply_size = "64KiB"\nrecord_size = "16KiB"\n` })
  const writer = await connected(host.url)
  const view = await new View().follow(await connected(host.url), "board:large")
  const text = "x".repeat(10_000)
  for (let from = 0; from < 40; from += 4) {
    await writer.transaction(Array.from({ length: 4 }, (_, i) => ({ op: "write" as const, recordId: `open:large${from + i}`, value: { board: "large", text } })))
  }
  await until("all are there", () => view.members.size === 40)
  expect(view.diffs.map(({ version }) => version)).toEqual(view.diffs.map((_, i) => i + 2))
  for (const { added } of view.diffs) expect(added.length).toBeLessThan(7) // 10,000 bytes each
})

test("a host that restarts without its records: what is gone is told", async () => {
  const host = await startHost()
  const writer = await connected(host.url)
  await writer.setRecord("open:r1", { board: "r", n: 1 })
  const reader = newClient(host.url)
  const view = await new View().follow(reader, "board:r")
  await until("it is there", () => view.members.size === 1)
  await host.stop("SIGKILL")
  await host.start()
  await until("it is gone", () => view.members.size === 0)
  await writer.setRecord("open:r1", { board: "r", n: 7 })
  await until("it is back", () => view.members.get("open:r1")?.n === 7)
})

describe.each(["SIGTERM", "SIGKILL"] as const)("a host with a store that restarts by %s", (signal) => {
  test("while everything changes at random: the views are those of one who comes new", { timeout: 120_000 }, async () => {
    const host = await startHost({ store: true })
    const boards = ["x", "y"]
    const follow = (client: MeshClient): Promise<View[]> => Promise.all(boards.map((board) => new View().follow(client, `board:${board}`)))
    const random = (n: number): number => Math.floor(Math.random() * n)
    let written = 0
    let restarts = 0
    const writes = async (client: MeshClient): Promise<void> => {
      for (let i = 0; i < 10_000 && (restarts < 3 || i < 50); i++) {
        const recordId = `open:s${random(10)}`
        const value = { board: ["x", "x", "y", "elsewhere"][random(4)]!, [`m${random(3)}`]: { i } }
        const options = { optimistic: random(2) === 0, strategy: (["replace", "merge", "deepMerge"] as const)[random(3)]!, ...(random(5) === 0 && { expectVersion: random(20) }) }
        // What a restart comes between is refused, or unknown.
        if (random(6) === 0) await client.transaction([{ op: "delete", recordId }]).catch(() => {})
        else if (await client.publishRecordUpdate(recordId, value, options)) written++
      }
    }
    const [reader, follower, writer] = await Promise.all([0, 1, 2].map(() => connected(host.url)))
    const views = [...(await follow(reader!)), ...(await follow(follower!))] // one who only reads, and one who writes as well
    const writing = Promise.all([writes(follower!), writes(writer!)])
    for (; restarts < 3; restarts++) {
      const before = written
      await until("something is written", () => written > before + 20)
      await host.stop(signal)
      await host.start()
    }
    await writing
    const fresh = await connected(host.url)
    await until("all are the same", async () => {
      const truth = await follow(fresh)
      for (const board of boards) await fresh.unsubscribeCollection(`board:${board}`)
      return truth.some(({ members }) => members.size > 0) && views.every(({ now }, i) => equal(now, truth[i % 2]!.now))
    })
    // Versions that were not acknowledged before a crash may be made once more.
    if (signal === "SIGTERM") for (const { seen } of views.slice(0, 2)) expect(new Set(seen).size).toBe(seen.length)
  })
})
