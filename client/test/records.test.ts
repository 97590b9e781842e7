import { describe, expect, test } from "vitest"
import { applyPatch, type MeshClient, type RecordUpdate } from "../src"
import { laid } from "../src/optimistic"
import { equal } from "../src/values"
import { connected, newClient } from "./support/client"
import { startHost } from "./support/host"
import { sharedHosts } from "./support/hosts"
import { startProxy } from "./support/proxy"
import { rest, until } from "./support/wait"

/** Follows a record as an application does: full values are kept, patches applied to what is kept. */
class Follower {
  readonly versions: number[] = []
  readonly updates: RecordUpdate[] = []
  document: any
  version = 0
  epoch: string | undefined

  async follow(client: MeshClient, recordId: string, mode: "full" | "patch"): Promise<this> {
    const { success, record, version, epoch, error } = await client.subscribeRecord(recordId, (update) => this.#take(update), { mode })
    if (!success) throw error ?? new Error("no success")
    this.document = record
    this.version = version
    this.epoch = epoch
    return this
  }

  #take(update: RecordUpdate): void {
    this.updates.push(update)
    this.document = update.patch ? applyPatch(this.document, update.patch) : update.full
    expect(this.document).toEqual(update.value)
    if (update.optimistic) return
    this.versions.push(update.version)
    this.version = update.version
    this.epoch = update.epoch
  }
}

/** Versions from one to another. */
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i)

describe.each(["memory, one node", "Redis, two nodes"])("%s", (where) => {
  const hosts = sharedHosts(where.startsWith("Redis"))

  const client = (i = 0): Promise<MeshClient> => connected(hosts[i % hosts.length]!.url)

  test("what is written arrives, in both modes", async () => {
    const [writer, reader] = await Promise.all([client(0), client(1)])
    const full = await new Follower().follow(reader, "open:both", "full")
    const patch = await new Follower().follow(reader, "open:both", "patch")
    expect([full.document, full.version]).toEqual([null, 0])
    const values = [{ a: { b: 1 }, list: [1, 2, 3], text: "a long enough text that a patch is shorter than the whole" }, { a: { b: 2 }, list: [1, 3], text: "a long enough text that a patch is shorter than the whole" }, 0, "", false, null, [], { back: true }]
    for (const [i, value] of values.entries()) expect(await writer.setRecord("open:both", value)).toMatchObject({ version: i + 1 })
    await until("all have come", () => [full, patch].every(({ version }) => version === values.length))
    expect(full.versions).toEqual(range(1, values.length))
    expect(patch.versions).toEqual(range(1, values.length))
    expect(full.updates.map((update) => update.full)).toEqual(values)
    expect(patch.updates[1]!.patch).toBeDefined()
    expect(patch.document).toEqual({ back: true })

    expect(await writer.setRecord("open:both", { back: true })).toMatchObject({ version: values.length }) // nothing changes
    await writer.transaction([{ op: "delete", recordId: "open:both" }])
    await until("it is deleted", () => patch.version === values.length + 1 && full.version === values.length + 1)
    expect(full.updates.at(-1)).toMatchObject({ recordId: "open:both", deleted: true, full: null, value: null, version: values.length + 1 })
    await writer.setRecord("open:both", { again: 1 }, { strategy: "merge" })
    await until("it is there again", () => patch.version === values.length + 2)
    expect(patch.document).toEqual({ again: 1 })
    const second = await new Follower().follow(reader, "open:both", "full")
    expect(second).toMatchObject({ document: { again: 1 }, version: values.length + 2, epoch: patch.epoch })
  })

  test("what is refused says so", async () => {
    const one = await client()
    expect(await one.subscribeRecord("closed:x", () => {})).toMatchObject({ success: false, record: null, version: 0, error: { code: "EDENIED" } })
    expect(await one.publishRecordUpdate("read:x", 1)).toBe(false)
    expect(await one.publishRecordUpdate("open:refused", 1)).toBe(true)
    await expect(one.setRecord("open:refused", 2, { expectVersion: 0 })).rejects.toMatchObject({ code: "ECONFLICT", data: { version: 1 } })
    await expect(one.setRecord("open:refused", undefined)).rejects.toMatchObject({ code: "EPAYLOAD" })
  })

  test.each(["full", "patch"] as const)("three clients write 100 times each: everyone sees each version once, in order (%s)", async (mode) => {
    const recordId = `open:many-${mode}`
    const clients = await Promise.all([client(0), client(1), client(2)])
    const followers = await Promise.all(clients.map((one) => new Follower().follow(one, recordId, mode)))
    await Promise.all(clients.map(async (one, c) => {
      for (let i = 0; i < 100; i++) await one.setRecord(recordId, { [`c${c}`]: i, [`list${c}`]: Array.from({ length: i % 7 }, (_, j) => j * i), last: `${c}-${i}` }, { strategy: "merge" })
    }))
    const last = Math.max(...followers.map(({ version }) => version))
    expect(last).toBeGreaterThan(100)
    await until("all have come", () => followers.every(({ version }) => version === 300))
    for (const follower of followers) {
      expect(follower.versions).toEqual(range(1, 300))
      expect(follower.document).toEqual(followers[0]!.document)
      expect(follower.document).toMatchObject({ c0: 99, c1: 99, c2: 99 })
    }
  })

  test("connections that are cut: nothing is seen twice or out of order, and the end is the same", async () => {
    const recordId = "open:cut"
    const writer = await client(0)
    const proxies = await Promise.all([0, 1].map((i) => startProxy(() => hosts[i % hosts.length]!.listen)))
    const readers = await Promise.all(proxies.map(({ url }) => connected(url)))
    const followers = await Promise.all(readers.flatMap((one) => [new Follower().follow(one, recordId, "full"), new Follower().follow(one, recordId, "patch")]))
    for (let i = 0; i < 100; i++) {
      await writer.setRecord(recordId, { [`k${i % 5}`]: { i, some: "text that makes the whole longer than its patch, for a patch to be worth it" } }, { strategy: "merge" })
      if (i % 10 === 5) setTimeout(() => proxies[i % 20 === 5 ? 0 : 1]!.cut(), Math.random() * 5)
      // Few are missed at a time, so that the server has their patches: each version comes.
      if (i % 10 === 9) await until("they are back", () => followers.every(({ version }) => version === i + 1))
    }
    await until("all are at the end", () => followers.every(({ version }) => version === 100))
    for (const follower of followers) {
      expect(follower.versions).toEqual(range(1, 100))
      expect(follower.document).toEqual(followers[0]!.document)
    }
    expect(followers.filter(({ updates }) => updates.some(({ patch }) => patch)).length).toBe(2)
  })
})

test("a host that restarts with its store goes on; one without begins another epoch", async () => {
  for (const store of [true, false]) {
    const host = await startHost({ store })
    const writer = await connected(host.url)
    const reader = newClient(host.url)
    const follower = await new Follower().follow(reader, "open:restart", "patch")
    for (const n of [1, 2]) await writer.setRecord("open:restart", { n, text: "long enough for a patch to be shorter than the whole of it" })
    await until("it has come", () => follower.version === 2)
    const { epoch } = follower
    await host.stop("SIGKILL")
    await host.start()
    await writer.setRecord("open:restart", { n: 9, text: "long enough for a patch to be shorter than the whole of it" })
    const version = store ? 3 : 1
    await until("the newest has come", () => follower.document?.n === 9)
    expect(follower.version).toBe(version)
    expect(follower.epoch === epoch).toBe(store)
    if (store) expect(follower.versions).toEqual([1, 2, 3])
    await Promise.all([writer.close(), reader.close()])
    await host.remove()
  }
})

test("three clients write while connections are cut and the host restarts: the same end for all, and no version twice", async () => {
  const host = await startHost({ store: true })
  const proxies = await Promise.all([0, 1, 2].map(() => startProxy(() => host.listen)))
  const clients = proxies.map(({ url }) => newClient(url))
  const followers = await Promise.all(clients.flatMap((one) => (["full", "patch"] as const).map((mode) => new Follower().follow(one, "open:chaos", mode))))
  let written = 0
  const writing = Promise.all(clients.map(async (one, c) => {
    for (let i = 0; i < 100; ) {
      if (await one.publishRecordUpdate("open:chaos", { [`c${c}`]: i, text: "long enough for a patch to be shorter than the whole of it" }, { strategy: "merge", optimistic: i % 2 === 0 })) written++, i++
      else await rest(5) // lost with its connection
      if (Math.random() < 0.05) proxies[c]!.cut()
    }
  }))
  for (const at of [80, 160]) {
    await until(`${at} are written`, () => written >= at)
    await host.stop(at === 80 ? "SIGTERM" : "SIGKILL")
    await host.start()
  }
  await writing
  const reader = await connected(host.url)
  const { record, version, epoch } = await reader.subscribeRecord("open:chaos", () => {})
  expect(version).toBeGreaterThanOrEqual(written)
  await until("all are at the end", () => followers.every((follower) => follower.version === version && !follower.updates.at(-1)?.optimistic))
  for (const follower of followers) {
    expect(follower.document).toEqual(record)
    expect(follower.epoch).toBe(epoch)
    follower.versions.forEach((one, i) => expect(one).toBeGreaterThan(follower.versions[i - 1] ?? 0))
    expect(follower.versions.length).toBeGreaterThan(20) // where more are missed than patches are kept of, one stands for all
  }
})

test("writes are laid over what is there as the server does it", async () => {
  const host = await startHost()
  const one = await connected(host.url)
  const random = (depth: number): unknown => {
    const kind = Math.floor(Math.random() * (depth > 0 ? 9 : 5))
    if (kind < 5) return [0, "", false, null, Math.floor(Math.random() * 5)][kind]
    if (kind === 5) return Array.from({ length: 2 }, () => random(depth - 1))
    return Object.fromEntries(Array.from({ length: 3 }, () => [["a", "b", "c", "__proto__", "toString"][Math.floor(Math.random() * 5)]!, random(depth - 1)]))
  }
  let base: unknown = null
  let last: unknown = null
  await one.subscribeRecord("open:laid", ({ full }) => (last = full))
  for (let i = 0; i < 300; i++) {
    const strategy = (["replace", "merge", "deepMerge"] as const)[i % 3]!
    const value = random(3)
    const { version } = await one.setRecord("open:laid", value, { strategy })
    await one.command("mesh/noop") // after the push
    base = laid(base, value, strategy)
    expect(equal(last, base), JSON.stringify({ version, strategy, value, last, base })).toBe(true)
  }
})

test("who follows before there is a connection is subscribed when there is one", async () => {
  const host = await startHost()
  const one = newClient(host.url)
  const [a, b] = await Promise.all([new Follower().follow(one, "open:x", "full"), new Follower().follow(one, "open:x", "patch")])
  await one.setRecord("open:x", 1)
  await until("it has come", () => a.version === 1 && b.version === 1)
  expect([a.document, b.document]).toEqual([1, 1])
  expect(await one.unsubscribeRecord("open:x")).toBe(true)
  await one.setRecord("open:x", 2)
  await rest(50)
  expect([a.versions, b.versions]).toEqual([[1], [1]])
})
