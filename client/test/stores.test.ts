import { describe, expect, test } from "vitest"
import type { ChannelGap, ChannelStore, MeshClient, StoredChannel } from "../src"
import { localStorageStore, memoryStore, type StorageLike } from "../src/stores"
import { connected } from "./support/client"
import { startHost, type Host } from "./support/host"
import { scripted } from "./support/scripted"
import { rest, until } from "./support/wait"

// Storage is a localStorage that has room for so many characters.
class Storage implements StorageLike {
  readonly items = new Map<string, string>()
  constructor(readonly room = Infinity) {}
  getItem = (key: string): string | null => this.items.get(key) ?? null
  removeItem = (key: string): void => void this.items.delete(key)
  setItem = (key: string, value: string): void => {
    const rest = [...this.items].reduce((sum, [k, v]) => sum + (k === key ? 0 : k.length + v.length), 0)
    if (rest + key.length + value.length > this.room) throw new Error("QuotaExceededError")
    this.items.set(key, value)
  }
}

// slow is a store whose calls take a while, each another one: those that overlap would change places.
function slow(store: ChannelStore, time = (): number => Math.random() * 10): ChannelStore {
  const later = async <T>(call: () => T): Promise<T> => {
    await rest(time())
    return call()
  }
  return {
    load: (channel) => later(() => store.load(channel) as StoredChannel | undefined),
    append: (...all) => later(() => store.append(...all) as void),
    clear: (channel) => later(() => store.clear(channel) as void),
  }
}

const upTo = (n: number, from = 1): string[] => Array.from({ length: n - from + 1 }, (_, i) => `m${from + i}`)

async function publish(host: Host, channel: string, to: number, from = 1): Promise<void> {
  for (let i = from; i <= to; i++) await host.op("channels.publish", { channel, message: `m${i}` })
}

// page is one life of a page, with what its callback got.
async function page(url: string, store: ChannelStore, options: { channel?: string; historyLimit?: number; callTimeout?: number } = {}) {
  const client: MeshClient = await connected(url, { store, ...(options.callTimeout && { callTimeout: options.callTimeout }) })
  const got: string[] = []
  const gaps: ChannelGap[] = []
  const errors: { code?: string }[] = []
  client.on("error", (error) => errors.push(error as { code?: string }))
  const { channel = "kept:a", historyLimit } = options
  const result = await client.subscribeChannel(channel, (m) => got.push(m), { historyLimit, onGap: (gap) => gaps.push(gap) })
  return { client, got, gaps, errors, result }
}

describe.each<[string, () => ChannelStore]>([
  ["memoryStore", () => memoryStore()],
  ["localStorageStore", () => localStorageStore({ storage: new Storage() })],
  ["an asynchronous store", () => slow(memoryStore())],
])("%s", (_, make) => {
  test("a page that is loaded again goes on", async () => {
    const host = await startHost()
    const store = make()
    await publish(host, "kept:a", 3)
    const one = await page(host.url, store, { historyLimit: 2 })
    expect(one.result).toMatchObject({ success: true, history: ["m3", "m2"], recovered: undefined })
    await publish(host, "kept:a", 5, 4)
    await until("they are stored", async () => (await store.load("kept:a"))?.offset === 5)
    await one.client.close()
    await publish(host, "kept:a", 7, 6)
    const two = await page(host.url, store)
    expect(two.result).toMatchObject({ success: true, history: ["m5", "m4", "m3", "m2"], recovered: true, offset: 7, epoch: one.result.epoch })
    expect(Object.keys(two.result).sort()).toEqual(["epoch", "history", "offset", "recovered", "success", "unsubscribe"])
    expect(two.got).toEqual(["m6", "m7"])
    await until("they are stored", async () => (await store.load("kept:a"))?.offset === 7)
    expect(await store.load("kept:a")).toEqual({ messages: upTo(7, 2), epoch: one.result.epoch, offset: 7 })
    await two.client.close()
    const three = await page(host.url, store, { historyLimit: 3 })
    expect([three.result.history, three.got, three.gaps, three.errors]).toEqual([["m7", "m6", "m5"], [], [], []])
  })

  test("what cannot be gone on from is cleared", async () => {
    const host = await startHost()
    const store = make()
    await publish(host, "kept:a", 3)
    const one = await page(host.url, store, { historyLimit: 10 })
    await until("they are stored", async () => (await store.load("kept:a"))?.offset === 3)
    await one.client.close()
    await host.stop()
    await host.start()
    await publish(host, "kept:a", 12, 11)
    const two = await page(host.url, store, { historyLimit: 10 })
    expect(two.result).toMatchObject({ success: true, history: ["m12", "m11"], recovered: false, offset: 2 })
    expect(two.gaps).toEqual([{ channel: "kept:a", history: ["m12", "m11"], epoch: two.result.epoch, offset: 2 }])
    expect(two.got).toEqual([])
    const { epoch } = two.result
    await until("the new ones are stored", async () => (await store.load("kept:a"))?.epoch === epoch)
    expect(await store.load("kept:a")).toEqual({ messages: ["m11", "m12"], epoch, offset: 2 })
  })

  test("ended and begun again in one turn: nothing twice, nothing lost", async () => {
    const host = await startHost()
    const store = make()
    const { client, got, result } = await page(host.url, store)
    await publish(host, "kept:a", 50)
    await until("half came", () => got.length > 25)
    const ended = result.unsubscribe()
    const again: string[] = []
    const second = await client.subscribeChannel("kept:a", (m) => again.push(m))
    expect([await ended, second.success, second.recovered]).toEqual([true, true, true])
    await publish(host, "kept:a", 60, 51)
    await until("all came", () => got.length + again.length >= 60)
    expect(got.concat(again)).toEqual(upTo(60))
    expect([...second.history].reverse()).toEqual(got)
  })

  test("appends are in order", async () => {
    const host = await startHost()
    const store = make()
    const { client, got, errors } = await page(host.url, store)
    const sending: Promise<unknown>[] = []
    for (let i = 1; i <= 300; i++) sending.push(client.publishChannel("kept:a", `m${i}`))
    await Promise.all(sending)
    await until("all are stored", async () => got.length === 300 && (await store.load("kept:a"))?.offset === 300)
    expect((await store.load("kept:a"))!.messages).toEqual(upTo(300, 201))
    expect(errors).toEqual([])
  })
})

test("the calls for a channel come one after the other, in their order", async () => {
  const host = await startHost()
  const kept = memoryStore()
  const appended: number[] = []
  let release = (): void => {}
  const released = new Promise<void>((resolve) => (release = resolve))
  const { client, got } = await page(host.url, {
    ...kept,
    append: async (channel, messages, epoch, offset) => {
      appended.push(messages.length)
      await released
      await kept.append(channel, messages, epoch, offset)
    },
  })
  await Promise.all(upTo(50).map((text) => client.publishChannel("kept:a", text)))
  await until("all came", () => got.length === 50)
  expect(appended).toEqual([0]) // the position that it began at
  release()
  await until("all are stored", async () => ((await kept.load("kept:a")) as StoredChannel | undefined)?.offset === 50)
  expect(appended).toEqual([0, ...Array<number>(50).fill(1)])
})

test("a page that dies at any point loses nothing", async () => {
  const host = await startHost()
  const kept = memoryStore()
  let sent = 0
  for (let life = 0; life < 10; life++) {
    // What this page appends after its death is lost with it.
    let alive = true
    const dying = slow(kept, () => Math.random() * 5)
    const store: ChannelStore = { ...dying, append: async (...all) => { await rest(Math.random() * 5); if (alive) await kept.append(...all) } }
    const before = (await kept.load("kept:a")) as StoredChannel | undefined
    const { client, got, gaps, result } = await page(host.url, store)
    if (before) expect([result.recovered, got[0] ?? `m${before.offset + 1}`]).toEqual([true, `m${before.offset + 1}`])
    const to = sent + 20
    while (sent < to) await host.op("channels.publish", { channel: "kept:a", message: `m${++sent}` })
    await rest(Math.random() * 20)
    alive = false
    expect(gaps).toEqual([])
    const after = (await kept.load("kept:a")) as StoredChannel | undefined
    // What is stored is whole up to its position.
    if (after) expect(after.messages).toEqual(upTo(after.offset, after.offset - after.messages.length + 1))
    await client.close()
  }
})

describe("a store that fails", () => {
  const never = new Promise<never>(() => {})
  const fine = memoryStore()
  const raise = (): never => { throw new Error("the store's own") }
  test.each<[string, Partial<ChannelStore>]>([
    ["load throws", { load: raise }],
    ["load rejects", { load: async () => raise() }],
    ["load hangs", { load: () => never }],
    ["load gives rubbish", { load: () => ({ messages: "x", epoch: "e", offset: 1 }) as never }],
    ["append throws", { append: raise }],
    ["append rejects", { append: async () => raise() }],
    ["append hangs", { append: () => never }],
  ])("%s: reported once, and the subscription goes on", async (_, bad) => {
    const host = await startHost()
    const { got, errors, result } = await page(host.url, { ...fine, ...bad }, { callTimeout: 6_000 })
    expect(result.success).toBe(true)
    await publish(host, "kept:a", 5)
    await until("all came", () => got.length === 5 && errors.length > 0)
    expect(got).toEqual(upTo(5))
    expect(errors.map(({ code }) => code)).toEqual(["ESTORE"])
    await fine.clear("kept:a")
  })

  test("nothing is added behind what it did not take", async () => {
    const server = await scripted(() => ({ success: true, history: [], epoch: "e", offset: 0 }))
    const kept = memoryStore()
    const { got, errors } = await page(server.url, { ...kept, append: (channel, messages, epoch, offset) => { if (offset === 2) throw new Error("full"); return kept.append(channel, messages, epoch, offset) } })
    for (let offset = 1; offset <= 4; offset++) server.peer.push("mesh/subscription-message", { channel: "kept:a", message: `m${offset}`, epoch: "e", offset })
    await until("all came", () => got.length === 4)
    expect(await kept.load("kept:a")).toEqual({ messages: ["m1"], epoch: "e", offset: 1 })
    expect(errors.length).toBe(1)
  })
})

test("a stream that has gone back, or is none any more, replaces what is kept", async () => {
  const kept = memoryStore()
  let answer: object = { success: true, history: ["m3", "m2"], epoch: "e", offset: 3, recovered: false }
  const server = await scripted(() => answer)
  await kept.append("kept:a", upTo(10), "e", 10)
  const one = await page(server.url, kept)
  expect(one.result).toMatchObject({ history: ["m3", "m2"], recovered: false, offset: 3 })
  await until("it is replaced", async () => (await kept.load("kept:a"))?.offset === 3)
  expect(await kept.load("kept:a")).toEqual({ messages: ["m2", "m3"], epoch: "e", offset: 3 })
  await one.client.close()
  answer = { success: true, history: [], recovered: false }
  const two = await page(server.url, kept)
  expect(two.result).toMatchObject({ history: [], recovered: false })
  expect(two.gaps).toEqual([{ channel: "kept:a", history: [] }])
  await until("it is cleared", async () => (await kept.load("kept:a")) === undefined)
})

test("nothing of a channel without a stream is kept", async () => {
  const host = await startHost()
  const storage = new Storage()
  const { got } = await page(host.url, localStorageStore({ storage }), { channel: "plain:a" })
  await publish(host, "plain:a", 2)
  await until("both came", () => got.length === 2)
  expect(storage.items.size).toBe(0)
})

describe("localStorageStore", () => {
  test("keeps the newest, within its limit", () => {
    const storage = new Storage()
    const store = localStorageStore({ storage, prefix: "p/", limit: 3 })
    store.append("a", upTo(2), "e", 2)
    store.append("a", upTo(5, 3), "e", 5)
    expect([...storage.items.keys()]).toEqual(["p/a"])
    expect(store.load("a")).toEqual({ messages: ["m3", "m4", "m5"], epoch: "e", offset: 5 })
    store.append("a", ["m4", "m5", "m6"], "e", 6) // another page had some of them
    store.append("a", ["m5", "m6"], "e", 6)
    expect(store.load("a")).toEqual({ messages: ["m4", "m5", "m6"], epoch: "e", offset: 6 })
    store.append("a", ["m9"], "e", 9)
    expect(store.load("a")).toEqual({ messages: ["m9"], epoch: "e", offset: 9 })
    store.append("a", ["n1"], "other", 1)
    expect(store.load("a")).toEqual({ messages: ["n1"], epoch: "other", offset: 1 })
    store.append("b", [], "e", 7)
    expect(store.load("b")).toEqual({ messages: [], epoch: "e", offset: 7 })
    store.clear("a")
    expect(store.load("a")).toBeUndefined()
  })

  test("a full storage drops older messages, and keeps what it had when nothing fits", () => {
    const storage = new Storage(400)
    const store = localStorageStore({ storage })
    for (let i = 1; i <= 200; i++) store.append("a", [`m${i}`], "e", i)
    const kept = store.load("a") as StoredChannel
    expect(kept.offset).toBe(200)
    expect(kept.messages.length).toBeGreaterThan(10)
    expect(kept.messages).toEqual(upTo(200, 201 - kept.messages.length))
    expect(() => store.append("a", ["x".repeat(500)], "e", 201)).toThrow("QuotaExceeded")
    expect(store.load("a")).toEqual(kept)
  })

  test.each(["", "x", "null", "7", "[]", "{}", '{"messages":[1],"epoch":"e","offset":1}', '{"messages":[],"epoch":7,"offset":1}', '{"messages":[],"epoch":"e","offset":-1}', '{"messages":[]}'])(
    "what is not its own is none: %j",
    (text) => {
      const storage = new Storage()
      storage.setItem("mesh:a", text)
      const store = localStorageStore({ storage })
      expect(store.load("a")).toBeUndefined()
      expect(storage.getItem("mesh:a")).toBeNull()
    },
  )

  test("without a localStorage it is made, and fails when it is used", () => {
    const had = Object.getOwnPropertyDescriptor(globalThis, "localStorage")
    Object.defineProperty(globalThis, "localStorage", { value: undefined, configurable: true })
    try {
      expect(() => localStorageStore().load("a")).toThrow("localStorage")
    } finally {
      if (had) Object.defineProperty(globalThis, "localStorage", had)
      else delete (globalThis as { localStorage?: unknown }).localStorage
    }
  })
})
