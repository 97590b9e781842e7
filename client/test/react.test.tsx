// @vitest-environment happy-dom
import { act } from "@testing-library/react"
import { beforeAll, afterAll, describe, expect, test } from "vitest"
import { useChannel, useCollection, useConnection, usePresence, useRecord } from "@mesh-host/client/react"
import { connected, newClient } from "./support/client"
import { everything, startHost, type Host } from "./support/host"
import { hook, seen } from "./support/react"

// The hooks, in StrictMode, against the real host.

let host: Host
let end: () => Promise<void>
beforeAll(async () => {
  host = await startHost({ config: `${everything}\n[liveness]\nlatency_interval = "100ms"\n` }, (ending) => (end = ending))
})
afterAll(() => end())

let names = 0
const fresh = (prefix: string): string => `${prefix}:react-${++names}`

test("useConnection follows the client, which the first hook connects", async () => {
  const client = newClient(host.url)
  const channel = fresh("plain")
  const { result } = hook(client, () => ({ connection: useConnection({ latency: true }), channel: useChannel(channel) }))
  expect(result.current.connection).toEqual({ status: "connecting", connectionId: undefined, latency: undefined })
  await seen(() => expect(result.current.connection).toMatchObject({ status: "online", connectionId: client.connectionId }))
  await seen(() => expect(result.current.connection.latency).toBeGreaterThanOrEqual(0))
  const first = client.connectionId
  act(() => client.forceReconnect())
  expect(result.current.connection.status).toBe("reconnecting")
  await seen(() => expect(result.current.connection.status).toBe("online"))
  expect(result.current.connection.connectionId).not.toBe(first)
  await act(() => client.close())
  expect(result.current.connection.status).toBe("offline")
})

describe("useChannel", () => {
  test("has the past and what comes, oldest first and bounded", async () => {
    const channel = fresh("kept")
    for (const message of ["a", "b", "c", "d"]) await host.op("channels.publish", { channel, message })
    const told: string[] = []
    const { result } = hook(await connected(host.url), () => useChannel<string>(channel, { historyLimit: 3, limit: 4, onMessage: (message) => told.push(message) }))
    expect(result.current).toMatchObject({ messages: [], status: "subscribing" })
    await seen(() => expect(result.current).toMatchObject({ messages: ["b", "c", "d"], status: "subscribed", error: undefined }))
    const keyOfC = result.current.first + 1
    for (const message of ["e", "f"]) expect(await result.current.publish(message)).toMatchObject({ success: true })
    await seen(() => expect(result.current.messages).toEqual(["c", "d", "e", "f"]))
    expect(result.current.first).toBe(keyOfC)
    expect(told).toEqual(["e", "f"])
  })

  test("begins anew with another name, without a frame of the one before, and follows nothing without", async () => {
    const [one, two] = [fresh("kept"), fresh("kept")]
    await host.op("channels.publish", { channel: one, message: "of one" })
    await host.op("channels.publish", { channel: two, message: "of two" })
    const frames: [string | null, string[]][] = []
    const { result, rerender } = hook(
      await connected(host.url),
      ({ name }: { name: string | null }) => {
        const channel = useChannel<string>(name, { historyLimit: 5 })
        frames.push([name, channel.messages])
        return channel
      },
      { name: one as string | null },
    )
    await seen(() => expect(result.current.messages).toEqual(["of one"]))
    rerender({ name: two })
    await seen(() => expect(result.current.messages).toEqual(["of two"]))
    rerender({ name: null })
    expect(result.current).toMatchObject({ messages: [], status: "off", error: undefined })
    await expect(result.current.publish("x")).rejects.toThrow("no channel")
    expect(frames.filter(([name, messages]) => messages.some((message) => message !== (name === one ? "of one" : "of two")))).toEqual([])
  })

  test("goes on after a reconnect with each message once", async () => {
    const channel = fresh("kept")
    const client = await connected(host.url)
    const { result } = hook(client, () => useChannel<string>(channel, { historyLimit: 10 }))
    await seen(() => expect(result.current.status).toBe("subscribed"))
    await host.op("channels.publish", { channel, message: "before" })
    await seen(() => expect(result.current.messages).toEqual(["before"]))
    client.forceReconnect()
    await host.op("channels.publish", { channel, message: "meanwhile" })
    await seen(() => expect(result.current.messages).toEqual(["before", "meanwhile"]))
  })

  test("says what the server refuses, and what it ends", async () => {
    const client = await connected(host.url)
    const refused = hook(client, () => useChannel("secret:1"))
    await seen(() => expect(refused.result.current).toMatchObject({ status: "failed", error: { code: "EDENIED" } }))
    const channel = fresh("plain")
    const ended = hook(client, () => useChannel(channel))
    await seen(() => expect(ended.result.current.status).toBe("subscribed"))
    await host.op("channels.unsubscribe", { channel, connectionId: client.connectionId })
    await seen(() => expect(ended.result.current).toMatchObject({ status: "failed", error: { code: "EENDED" } }))
    client.forceReconnect()
    await seen(() => expect(ended.result.current).toMatchObject({ status: "subscribed", error: undefined }))
  })

  test("comes back when the client was closed and connects again", async () => {
    const channel = fresh("kept")
    const client = await connected(host.url)
    const { result } = hook(client, () => useChannel<string>(channel, { historyLimit: 10 }))
    await seen(() => expect(result.current.status).toBe("subscribed"))
    await host.op("channels.publish", { channel, message: "one" })
    await seen(() => expect(result.current.messages).toEqual(["one"]))
    await client.close()
    await host.op("channels.publish", { channel, message: "two" })
    await client.connect()
    await seen(() => expect(result.current.messages).toEqual(["one", "two"]))
    await host.op("channels.publish", { channel, message: "three" })
    await seen(() => expect(result.current.messages).toEqual(["one", "two", "three"]))
  })
})

describe("usePresence", () => {
  test("joins, shows states, and leaves with the last component", async () => {
    const room = fresh("tracked")
    const [ann, bob] = [await connected(host.url), await connected(host.url)]
    const [a, b] = [ann.connectionId!, bob.connectionId!]
    const hers = hook(ann, () => usePresence<{ at: number }>(room))
    await seen(() => expect(hers.result.current).toMatchObject({ present: [a], status: "subscribed", error: undefined }))
    expect(await hers.result.current.setState({ at: 1 })).toBe(true)
    const [his, hisToo] = [hook(bob, () => usePresence(room)), hook(bob, () => usePresence(room))]
    await seen(() => expect(hers.result.current).toMatchObject({ present: [a, b], states: { [a]: { at: 1 } } }))
    await seen(() => expect(his.result.current.states).toEqual({ [a]: { at: 1 } }))
    expect(await his.result.current.setState("here")).toBe(true)
    await seen(() => expect(hers.result.current.states).toEqual({ [a]: { at: 1 }, [b]: "here" }))
    expect(await hers.result.current.clearState()).toBe(true)
    await seen(() => expect(his.result.current.states).toEqual({ [b]: "here" }))
    his.unmount()
    expect(await hisToo.result.current.setState("still here")).toBe(true)
    await seen(() => expect(hers.result.current.states).toEqual({ [b]: "still here" }))
    hisToo.unmount()
    await seen(() => expect(hers.result.current).toMatchObject({ present: [a], states: {} }))
  })

  test("only looks with join: false, and sees who comes back under another id", async () => {
    const room = fresh("tracked")
    const [watcher, member] = [await connected(host.url), await connected(host.url)]
    const { result } = hook(watcher, () => usePresence(room, { join: false }))
    const members = hook(member, () => usePresence(room))
    await seen(() => expect(result.current.present).toEqual([member.connectionId]))
    expect(await members.result.current.setState("x")).toBe(true)
    const before = member.connectionId!
    member.forceReconnect()
    await seen(() => {
      expect(member.connectionId).not.toBe(before)
      expect(result.current).toMatchObject({ present: [member.connectionId], states: { [member.connectionId!]: "x" } })
    })
    await seen(() => expect(members.result.current.present).toEqual([member.connectionId]))
  })

  test("says when presence is not tracked", async () => {
    const { result } = hook(await connected(host.url), () => usePresence("untracked"))
    await seen(() => expect(result.current).toMatchObject({ status: "failed", error: { code: "EDENIED" } }))
  })
})

describe("useRecord", () => {
  test("follows and writes", async () => {
    const id = fresh("open")
    const { result } = hook(await connected(host.url), () => useRecord<{ a?: number; b?: number }>(id))
    expect(result.current).toMatchObject({ record: null, loading: true })
    await seen(() => expect(result.current).toMatchObject({ record: null, version: 0, loading: false, status: "subscribed" }))
    await act(async () => expect(await result.current.set({ a: 1 })).toMatchObject({ version: 1 }))
    await seen(() => expect(result.current).toMatchObject({ record: { a: 1 }, version: 1 }))
    await host.op("records.set", { recordId: id, value: { b: 2 }, strategy: "merge" })
    await seen(() => expect(result.current).toMatchObject({ record: { a: 1, b: 2 }, version: 2 }))
    await host.op("records.delete", { recordId: id })
    await seen(() => expect(result.current).toMatchObject({ record: null, version: 3 }))
  })

  test.each([false, true])("loses no change of many writers, optimistic: %s", async (optimistic) => {
    const id = fresh("open")
    const clients = await Promise.all([1, 2, 3].map(() => connected(host.url)))
    const counters = clients.map((client) => hook(client, () => useRecord<number>(id, { optimistic })))
    const writes = counters.flatMap(({ result }) => [1, 2, 3, 4].map(() => result.current.set((count) => (count ?? 0) + 1)))
    await act(() => Promise.all(writes))
    for (const { result } of counters) await seen(() => expect(result.current).toMatchObject({ record: 12, version: 12, error: undefined }))
  })

  test("shows an optimistic write at once, and takes it back", async () => {
    const id = fresh("read")
    await host.op("records.set", { recordId: id, value: "theirs" })
    const { result } = hook(await connected(host.url), () => useRecord<string>(id, { optimistic: true }))
    await seen(() => expect(result.current.record).toBe("theirs"))
    let failed: Promise<unknown> | undefined
    act(() => void (failed = result.current.set("mine").catch((error: unknown) => error)))
    expect(result.current.record).toBe("mine")
    await seen(() => expect(result.current).toMatchObject({ record: "theirs", version: 1, status: "subscribed", error: { code: "ESERVER" } }))
    expect(await failed).toMatchObject({ code: "ESERVER" })
  })
})

test("useCollection follows the members, in any order", async () => {
  const board = fresh("").slice(1)
  const put = (name: string, value: object): Promise<unknown> => host.op("records.set", { recordId: `open:${board}-${name}`, value: { board, ...value } })
  const id = (name: string): string => `open:${board}-${name}`
  await put("b", { rank: 2 })
  await put("a", { rank: 1 })
  const byRank = (x: { record: { rank: number } }, y: { record: { rank: number } }): number => y.record.rank - x.record.rank
  const client = await connected(host.url)
  const { result } = hook(client, () => useCollection<{ rank: number }>(`board:${board}`))
  const sorted = hook(client, () => useCollection<{ rank: number }>(`board:${board}`, { sort: byRank }))
  expect(result.current).toMatchObject({ records: [], loading: true })
  await seen(() => expect(result.current).toMatchObject({ ids: [id("a"), id("b")], loading: false, status: "subscribed" }))
  await put("c", { rank: 0 })
  await put("a", { rank: 9 })
  await seen(() => {
    expect(result.current.ids).toEqual([id("a"), id("b"), id("c")])
    expect(result.current.records[0]).toMatchObject({ id: id("a"), record: { board, rank: 9 } })
  })
  await seen(() => expect(sorted.result.current.ids).toEqual([id("a"), id("b"), id("c")]))
  await put("b", { rank: 20 })
  await seen(() => expect(sorted.result.current.ids).toEqual([id("b"), id("a"), id("c")]))
  await host.op("records.delete", { recordId: id("a") })
  await seen(() => expect(result.current.ids).toEqual([id("b"), id("c")]))
})
