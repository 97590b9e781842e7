import { describe, expect, test } from "vitest"
import { applyPatch, type MeshClient, type RecordUpdate } from "../src"
import { Kept, laid, writeOf } from "../src/optimistic"
import { connected, newClient } from "./support/client"
import { startHost, startRedis, type Host } from "./support/host"
import { startProxy } from "./support/proxy"
import { scripted, type Request, type Scripted } from "./support/scripted"
import { until } from "./support/wait"

const publish = "mesh/publish-record-update"

/** A server with the record r at version 1 that answers writes when the test says so. */
async function holding(record: unknown = { n: 1 }): Promise<{ server: Scripted; writes: Request[]; has: { record: unknown; version: number; epoch: string } }> {
  const writes: Request[] = []
  const has = { record, version: 1, epoch: "e" }
  const server = await scripted((request) => {
    if (request.command === "mesh/subscribe-record") return { success: true, ...has }
    if (request.command !== publish) return true
    writes.push(request)
    return undefined
  })
  return { server, writes, has }
}

/** Follows r; a line of what was shown: the value, its version, and "optimistic" or nothing. */
async function follow(client: MeshClient, mode: "full" | "patch" = "full"): Promise<{ shown: unknown[][]; updates: RecordUpdate[] }> {
  const shown: unknown[][] = []
  const updates: RecordUpdate[] = []
  await client.subscribeRecord("r", (update) => {
    updates.push(update)
    shown.push([update.value, update.version, ...(update.optimistic ? ["optimistic"] : [])])
  }, { mode })
  return { shown, updates }
}

async function flushed(client: MeshClient, server: Scripted): Promise<void> {
  const came = new Promise<void>((resolve) => void client.once("mark", () => resolve()))
  server.peer.push("mark", null)
  await came
}

const push = (server: Scripted, full: unknown, version: number, epoch = "e"): void => server.peer.push("mesh/record-update", { recordId: "r", full, version, epoch })
const reply = (server: Scripted, request: Request, payload: unknown): void => server.peer.send({ id: request.id, command: publish, payload })
const conflict = { error: "no", code: "ECONFLICT", name: "ConflictError", data: { version: 1 } }

test.each(["push first", "reply first", "in one turn"])("a write is shown at once, and its version comes once (%s)", async (order) => {
  const { server, writes } = await holding()
  const client = await connected(server.url)
  const { shown } = await follow(client)
  const value = { n: 2 }
  const written = client.setRecord("r", value, { optimistic: true })
  expect(shown).toEqual([[{ n: 2 }, 1, "optimistic"]])
  value.n = 100 // the application's own again
  await until("it is sent", () => writes.length === 1)
  const steps = [() => push(server, { n: 2 }, 2), () => reply(server, writes[0]!, { success: true, version: 2, epoch: "e" })]
  if (order === "reply first") steps.reverse()
  steps[0]!()
  if (order !== "in one turn") await flushed(client, server)
  steps[1]!()
  expect(await written).toMatchObject({ version: 2, epoch: "e" })
  await flushed(client, server)
  expect(shown).toEqual([[{ n: 2 }, 1, "optimistic"], [{ n: 2 }, 2]])
  expect(shown[1]![0]).toBe(shown[0]![0]) // the same object: nothing is to be shown anew
  push(server, { n: 3 }, 3)
  await flushed(client, server)
  expect(shown.at(-1)).toEqual([{ n: 3 }, 3])
})

test("a refused write is taken back", async () => {
  const { server, writes } = await holding()
  const client = await connected(server.url)
  const { shown } = await follow(client)
  const written = client.publishRecordUpdate("r", { n: 2 }, { optimistic: true, expectVersion: 7 })
  await until("it is sent", () => writes.length === 1)
  expect(writes[0]!.payload).toEqual({ recordId: "r", newValue: { n: 2 }, options: { expectVersion: 7 } })
  reply(server, writes[0]!, conflict)
  expect(await written).toBe(false)
  expect(shown).toEqual([[{ n: 2 }, 1, "optimistic"], [{ n: 1 }, 1, "optimistic"]])
})

test("another's version: writes that wait are laid over it again, in their order", async () => {
  const { server, writes } = await holding({ a: { x: 1 }, b: 1 })
  const client = await connected(server.url)
  const { shown } = await follow(client)
  const merged = client.setRecord("r", { b: 2 }, { optimistic: true, strategy: "merge" })
  const deep = client.setRecord("r", { a: { y: 1 } }, { optimistic: true, strategy: "deepMerge" })
  await until("both are sent", () => writes.length === 2)
  push(server, { a: { x: 5, z: [1] }, b: 0, c: 1 }, 2)
  await flushed(client, server)
  expect(shown).toEqual([
    [{ a: { x: 1 }, b: 2 }, 1, "optimistic"],
    [{ a: { x: 1, y: 1 }, b: 2 }, 1, "optimistic"],
    [{ a: { x: 5, y: 1, z: [1] }, b: 2, c: 1 }, 2],
  ])
  reply(server, writes[0]!, conflict)
  await expect(merged).rejects.toMatchObject({ code: "ECONFLICT" })
  expect(shown.at(-1)).toEqual([{ a: { x: 5, y: 1, z: [1] }, b: 0, c: 1 }, 2, "optimistic"])
  push(server, { a: { x: 5, y: 1, z: [1] }, b: 0, c: 1 }, 3)
  reply(server, writes[1]!, { success: true, version: 3, epoch: "e" })
  await deep
  await flushed(client, server)
  expect(shown.slice(4)).toEqual([[{ a: { x: 5, y: 1, z: [1] }, b: 0, c: 1 }, 3]])
})

test("a write that was overtaken before its reply came does not come back", async () => {
  const { server, writes } = await holding()
  const client = await connected(server.url)
  const { shown } = await follow(client)
  const written = client.setRecord("r", { n: 2 }, { optimistic: true })
  await until("it is sent", () => writes.length === 1)
  push(server, { n: 2 }, 2)
  reply(server, writes[0]!, { success: true, version: 2, epoch: "e" })
  push(server, { n: 3 }, 3)
  await written
  await flushed(client, server)
  expect(shown).toEqual([[{ n: 2 }, 1, "optimistic"], [{ n: 2 }, 2], [{ n: 3 }, 3]])
})

test("a write that changes nothing makes no version", async () => {
  const { server, writes } = await holding()
  const client = await connected(server.url)
  const { shown } = await follow(client)
  const written = client.setRecord("r", { n: 1 }, { optimistic: true })
  await until("it is sent", () => writes.length === 1)
  reply(server, writes[0]!, { success: true, version: 1, epoch: "e" })
  await written
  push(server, { n: 9 }, 2)
  await flushed(client, server)
  expect(shown).toEqual([[{ n: 9 }, 2]])
})

test("a write of which the server says another epoch than it has pushed has the record read", async () => {
  const { server, writes, has } = await holding()
  const client = await connected(server.url)
  const { shown } = await follow(client)
  const written = client.setRecord("r", { n: 2 }, { optimistic: true })
  await until("it is sent", () => writes.length === 1)
  push(server, { n: 8 }, 4, "f")
  Object.assign(has, { record: { n: 8 }, version: 4, epoch: "f" })
  reply(server, writes[0]!, { success: true, version: 2, epoch: "e" })
  await written
  await until("the truth is shown", () => (shown.at(-1)![0] as { n: number }).n === 8)
})

test("those who take patches get the whole while a write is shown, and patches again afterwards", async () => {
  const { server, writes } = await holding({ n: 1, m: 1 })
  const client = await connected(server.url)
  const { updates } = await follow(client, "patch")
  let document: any = { n: 1, m: 1 }
  const apply = (): unknown => updates.splice(0).reduce((last: any, { patch, full }) => (patch ? applyPatch(last, patch) : full), document)
  const patch = (version: number, path: string, value: unknown): void => server.peer.push("mesh/record-update", { recordId: "r", patch: [{ op: "replace", path, value }], version, epoch: "e" })
  const written = client.setRecord("r", { n: 2 }, { optimistic: true, strategy: "merge" })
  await until("it is sent", () => writes.length === 1)
  patch(2, "/m", 2)
  await flushed(client, server)
  expect(updates.map((update) => update.full)).toEqual([{ n: 2, m: 1 }, { n: 2, m: 2 }])
  document = apply()
  patch(3, "/n", 2)
  reply(server, writes[0]!, { success: true, version: 3, epoch: "e" })
  await written
  patch(4, "/m", 4)
  await flushed(client, server)
  expect(updates.at(-1)).toMatchObject({ patch: [{ op: "replace", path: "/m", value: 4 }], version: 4 })
  expect(apply()).toEqual({ n: 2, m: 4 })
})

test.each([["the server has it", true], ["the server does not have it", false]])("a connection that is lost over a write: %s", async (_, taken) => {
  const { server, writes, has } = await holding()
  const client = await connected(server.url)
  const { shown } = await follow(client)
  const written = client.setRecord("r", { n: 2 }, { optimistic: true })
  await until("it is sent", () => writes.length === 1)
  if (taken) Object.assign(has, { record: { n: 2 }, version: 2 })
  let back = false
  client.on("reconnect", () => (back = true))
  server.peer.socket.terminate()
  await expect(written).rejects.toMatchObject({ code: "ECONNECTION" })
  await until("it is back", () => back)
  expect(shown).toEqual([[{ n: 2 }, 1, "optimistic"], taken ? [{ n: 2 }, 2] : [{ n: 1 }, 1, "optimistic"]])
})

test("a connection that is lost for good takes the write back", async () => {
  const { server, writes } = await holding()
  const client = await connected(server.url, { shouldReconnect: false })
  const { shown } = await follow(client)
  const written = client.setRecord("r", { n: 2 }, { optimistic: true })
  await until("it is sent", () => writes.length === 1)
  server.peer.socket.terminate()
  await expect(written).rejects.toMatchObject({ code: "ECONNECTION" })
  expect(shown.at(-1)).toEqual([{ n: 1 }, 1, "optimistic"])
})

test("what cannot be written is not shown", async () => {
  const { server } = await holding()
  const client = await connected(server.url, { offlineQueue: 0 })
  const { shown } = await follow(client)
  const circle: Record<string, unknown> = {}
  circle.circle = circle
  await expect(client.setRecord("r", circle, { optimistic: true })).rejects.toMatchObject({ code: "EPAYLOAD" })
  expect(shown).toEqual([])
  const offline = new Promise<void>((resolve) => void client.once("disconnect", () => resolve()))
  server.peer.socket.terminate()
  await offline
  await expect(client.setRecord("r", 7, { optimistic: true })).rejects.toMatchObject({ code: "EOFFLINE" })
  expect(shown).toEqual([[7, 1, "optimistic"], [{ n: 1 }, 1, "optimistic"]])
})

test("a callback that writes: everyone sees the same order", async () => {
  const { server, writes } = await holding(1)
  const client = await connected(server.url)
  let once = true
  const first: unknown[] = []
  await client.subscribeRecord("r", ({ full }) => {
    first.push(full)
    if (!once) return
    once = false
    client.publishRecordUpdate("r", 100, { optimistic: true })
  })
  const { shown } = await follow(client)
  push(server, 2, 2)
  await until("it is sent", () => writes.length === 1)
  expect(first).toEqual([2, 100])
  expect(shown).toEqual([[2, 2], [100, 2, "optimistic"]])
})

test.each([
  [{ a: 1 }, { b: 2 }, "replace", { b: 2 }], [{ a: 1 }, { b: 2 }, "merge", { a: 1, b: 2 }], [{ a: { x: 1 } }, { a: { y: 2 } }, "merge", { a: { y: 2 } }],
  [{ a: { x: 1 } }, { a: { y: 2 } }, "deepMerge", { a: { x: 1, y: 2 } }], [{ a: [1] }, { a: [2] }, "deepMerge", { a: [2] }], [[1], { a: 1 }, "merge", { a: 1 }],
  [{ a: 1 }, 7, "merge", 7], [null, { a: 1 }, "deepMerge", { a: 1 }], [{ a: 1 }, { a: null }, "deepMerge", { a: null }],
] as const)("%j and %j by %s", (base, value, strategy, expected) => expect(laid(base, value, strategy)).toEqual(expected))

test("members of any name are merged as members", () => {
  const over = JSON.parse('{"__proto__":{"y":2}}') as object
  expect(JSON.stringify(laid(JSON.parse('{"__proto__":{"x":1}}'), over, "deepMerge"))).toBe('{"__proto__":{"x":1,"y":2}}')
  expect(({} as { y?: number }).y).toBeUndefined()
})

test("a write that is kept shares nothing with what was given", () => {
  const given = { a: [1] }
  const write = writeOf(given)!
  given.a.push(2)
  expect(write.value).toEqual({ a: [1] })
  const kept = new Kept(1, 1)
  expect([kept.add(write), kept.shown]).toEqual([true, { a: [1] }])
})

describe.each(["memory, one node", "Redis, two nodes"])("%s", (where) => {
  test("two clients with optimistic writes, refusals and lost connections see the same in the end", async () => {
    const redis = where.startsWith("Redis") ? await startRedis() : undefined
    const hosts: Host[] = [await startHost({ redis })]
    if (redis) hosts.push(await startHost({ redis }))
    const proxies = await Promise.all([0, 1].map((i) => startProxy(() => hosts[i % hosts.length]!.listen)))
    const clients = proxies.map(({ url }) => newClient(url))
    const versions: number[][] = [[], []]
    const shown: any[] = []
    const order: boolean[] = []
    for (const [i, client] of clients.entries()) {
      await client.subscribeRecord("open:shared", (update) => {
        shown[i] = update.patch ? applyPatch(shown[i], update.patch) : update.full
        expect(shown[i]).toEqual(update.value)
        if (update.optimistic) return
        order.push(update.version > (versions[i]!.at(-1) ?? 0))
        versions[i]!.push(update.version)
      }, { mode: i ? "patch" : "full" })
    }
    const strategies = ["replace", "merge", "deepMerge"] as const
    let refused = 0
    await Promise.all(clients.map(async (client, c) => {
      for (let i = 0; i < 100; i++) {
        const value = { [`c${c}`]: { [`k${i % 4}`]: i }, last: `${c}-${i}` }
        const options = { optimistic: true, strategy: strategies[Math.floor(Math.random() * 3)], ...(Math.random() < 0.2 && { expectVersion: Math.random() < 0.5 ? 1_000_000 : versions[c]!.at(-1) }) }
        const written = client.publishRecordUpdate("open:shared", value, options).then((taken) => void (taken || refused++))
        if (Math.random() < 0.5) await written
        if (Math.random() < 0.03) proxies[c]!.cut()
      }
      await until("one more write comes through, after all others", () => client.publishRecordUpdate(`open:done-${c}`, true))
    }))
    const reader = await connected(hosts[0]!.url)
    const { record: end, version } = await reader.subscribeRecord("open:shared", () => {})
    await until("both see the end", () => versions.every((seen) => seen.at(-1) === version) && shown.every((value) => JSON.stringify(sorted(value)) === JSON.stringify(sorted(end))))
    expect(order.every(Boolean)).toBe(true)
    expect(refused).toBeGreaterThan(5)
  })
})

function sorted(value: any): any {
  if (value === null || typeof value !== "object") return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, inner]) => [name, sorted(inner)]))
}
