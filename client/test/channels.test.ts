import { describe, expect, onTestFinished, test } from "vitest"
import WebSocket from "ws"
import type { ChannelGap, MeshClient } from "../src"
import { connected, newClient } from "./support/client"
import { everything, startHost, startRedis, type Host, type HostOptions } from "./support/host"
import { startProxy } from "./support/proxy"
import { rest, until } from "./support/wait"

const upTo = (n: number, from = 1): string[] => Array.from({ length: Math.max(n - from + 1, 0) }, (_, i) => `m${from + i}`)

// publish has the server side publish m<from> to m<to>.
async function publish(host: Host, channel: string, to: number, from = 1): Promise<void> {
  for (let i = from; i <= to; i++) await host.op("channels.publish", { channel, message: `m${i}` })
}

// away cuts the connection of a client, and lets it come back when what is given is done.
async function away(client: MeshClient, proxy: { closed: boolean; cut(): void }, during: () => Promise<unknown>): Promise<void> {
  proxy.closed = true
  proxy.cut()
  await until("the client is offline", () => client.status !== "online")
  await during()
  proxy.closed = false
  await until("the client is online", () => client.status === "online")
}

const places: [string, () => Promise<HostOptions>][] = [
  ["memory", async () => ({})],
  ["Redis", async () => ({ redis: await startRedis() })],
]

describe.each(places)("on %s", (_, place) => {
  test("a channel with history: what was before, what comes, what was missed", async () => {
    const host = await startHost(await place())
    const proxy = await startProxy(() => host.listen)
    const client = await connected(proxy.url)
    await publish(host, "kept:a", 3)
    const got: string[] = []
    const at: unknown[] = []
    const gaps: unknown[] = []
    const result = await client.subscribeChannel("kept:a", (m, where) => { got.push(m); at.push(where) }, { historyLimit: 2, onGap: (gap) => gaps.push(gap) })
    expect(result).toMatchObject({ success: true, history: ["m3", "m2"], offset: 3, epoch: expect.any(String), recovered: undefined })
    await publish(host, "kept:a", 5, 4)
    await until("both came", () => got.length === 2)
    expect(at).toEqual([4, 5].map((offset) => ({ channel: "kept:a", offset, epoch: result.epoch })))
    await away(client, proxy, () => publish(host, "kept:a", 9, 6))
    await publish(host, "kept:a", 10, 10)
    await until("all came", () => got.length >= 7)
    expect(got).toEqual(upTo(10, 4))
    expect(gaps).toEqual([])
    expect(await result.unsubscribe()).toBe(true)
    expect(await result.unsubscribe()).toBe(false)
    await publish(host, "kept:a", 11, 11)
    expect((await client.getChannelHistory("kept:a", { limit: 1 })).history).toEqual(["m11"])
    expect(got).toEqual(upTo(10, 4))
  })

  test("a channel without history says that something may be missing after a reconnect", async () => {
    const host = await startHost(await place())
    const proxy = await startProxy(() => host.listen)
    const client = await connected(proxy.url)
    const got: string[] = []
    const gaps: ChannelGap[] = []
    const result = await client.subscribeChannel("plain:a", (m) => got.push(m), { historyLimit: 5, onGap: (gap) => gaps.push(gap) })
    expect(result).toMatchObject({ success: true, history: [] })
    expect(result.epoch).toBeUndefined()
    await publish(host, "plain:a", 2)
    await until("both came", () => got.length === 2)
    expect(gaps).toEqual([])
    await away(client, proxy, () => publish(host, "plain:a", 3, 3))
    expect(gaps).toEqual([{ channel: "plain:a", history: [] }])
    await publish(host, "plain:a", 4, 4)
    await until("the last came", () => got.length === 3)
    expect(got).toEqual(["m1", "m2", "m4"])
  })

  test("what was trimmed is a gap, with what is left", async () => {
    const host = await startHost(await place())
    const proxy = await startProxy(() => host.listen)
    const client = await connected(proxy.url)
    const got: string[] = []
    const gaps: ChannelGap[] = []
    const few: ChannelGap[] = []
    const { epoch } = await client.subscribeChannel("short:a", (m) => got.push(m), { historyLimit: 10, onGap: (gap) => gaps.push(gap) })
    await client.subscribeChannel("short:a", () => {}, { historyLimit: 1, onGap: (gap) => few.push(gap) })
    await publish(host, "short:a", 2)
    await until("both came", () => got.length === 2)
    await away(client, proxy, () => publish(host, "short:a", 9, 3))
    await publish(host, "short:a", 10, 10)
    await until("the last came", () => got.length === 3)
    expect(gaps).toEqual([{ channel: "short:a", history: ["m9", "m8", "m7"], epoch, offset: 9 }])
    expect(few).toEqual([{ channel: "short:a", history: ["m9"], epoch, offset: 9 }])
    expect(got).toEqual(["m1", "m2", "m10"])
    await away(client, proxy, () => publish(host, "short:a", 12, 11))
    expect(got).toEqual(["m1", "m2", "m10", "m11", "m12"])
    expect(gaps.length).toBe(1)
  })

  test("a cut connection loses nothing and doubles nothing", async () => {
    const host = await startHost(await place())
    const proxy = await startProxy(() => host.listen)
    const client = await connected(proxy.url, { reconnectInterval: 5, maxReconnectInterval: 20 })
    const got: string[] = []
    const gaps: unknown[] = []
    await client.subscribeChannel("kept:cut", (m) => got.push(m), { onGap: (gap) => gaps.push(gap) })
    let published = 0
    let done = false
    const publishing = (async () => {
      while (!done && published < 100_000) await host.op("channels.publish", { channel: "kept:cut", message: `m${++published}` })
    })()
    let lost = 0
    client.on("disconnect", () => lost++)
    for (let cuts = 1; cuts <= 50; cuts++) {
      await rest(Math.random() * 30)
      // Also while it comes back: what is cut is any connection that there is.
      await until("there is a connection to cut", () => client.connectionId && client.status !== "offline")
      const [before, lostBefore] = [published, lost]
      await until("it is cut, and publishing went on", () => {
        if (lost === lostBefore) proxy.cut()
        return published > before && (lost > lostBefore || client.status === "reconnecting")
      })
      if (cuts % 2) await until("it is back", () => client.status === "online")
    }
    expect(lost).toBeGreaterThan(20)
    done = true
    await publishing
    await until("all came", () => got.length >= published)
    expect(got).toEqual(upTo(published))
    expect(gaps).toEqual([])
  })

  test("a late subscriber loses nothing and gets nothing twice", async () => {
    const total = 2_000
    const host = await startHost(await place())
    const client = await connected(host.url)
    const publisher = await connected(host.url)
    const first: string[] = []
    await client.subscribeChannel("kept:late", (m) => first.push(m))
    const late: { seen: string[]; history?: string[] }[] = []
    const subscribing: Promise<void>[] = []
    let sent = 0
    const sending = (async () => {
      while (sent < total) {
        await Promise.all(Array.from({ length: 10 }, () => publisher.publishChannel("kept:late", `m${++sent}`)))
      }
    })()
    while (sent < total * 0.8) {
      const one: (typeof late)[number] = { seen: [] }
      late.push(one)
      subscribing.push(client.subscribeChannel("kept:late", (m) => one.seen.push(m), { historyLimit: 10_000 }).then(({ history }) => void (one.history = history)))
      await rest(20)
    }
    await Promise.all([sending, ...subscribing])
    await until("all came", () => first.length >= total && late.every(({ seen, history }) => seen.length + history!.length >= total))
    expect([...first].sort()).toEqual(upTo(total).sort())
    for (const { seen, history } of late) expect([...history!].reverse().concat(seen)).toEqual(first)
    expect(late.length).toBeGreaterThan(1)
  })
})

test("a host without a store has another epoch after a restart: a gap", async () => {
  const host = await startHost()
  const client = await connected(host.url)
  const got: string[] = []
  const gaps: ChannelGap[] = []
  await publish(host, "kept:a", 3)
  const { epoch } = await client.subscribeChannel("kept:a", (m) => got.push(m), { historyLimit: 5, onGap: (gap) => gaps.push(gap) })
  await host.stop()
  await host.start()
  await until("the gap is told", () => gaps.length === 1)
  expect(gaps[0]).toMatchObject({ channel: "kept:a", history: [], offset: 0 })
  expect(gaps[0]!.epoch).not.toBe(epoch)
  await publish(host, "kept:a", 1)
  await until("the first of the new epoch came", () => got.length === 1)
})

test("channels that are not exposed are refused, and so is publishing", async () => {
  const host = await startHost({ config: `${everything}\n[[channels]]\npattern = "read-only"\n` })
  const client = await connected(host.url)
  const gone: unknown[] = []
  client.on("unsubscribed", (what) => gone.push(what))
  const refused = await client.subscribeChannel("secret", () => {}, { historyLimit: 3 })
  expect(refused).toMatchObject({ success: false, history: [], error: { code: "EDENIED" } })
  expect(await refused.unsubscribe()).toBe(false)
  expect(await client.subscribeChannel("", () => {})).toMatchObject({ success: false, history: [], error: { code: "EPAYLOAD" } })
  expect(await client.getChannelHistory("secret")).toMatchObject({ success: false, history: [], error: { code: "EDENIED" } })
  expect(await client.publishChannel("read-only", "x")).toMatchObject({ success: false, error: { code: "EDENIED" } })
  expect((await client.subscribeChannel("read-only", () => {})).success).toBe(true)
  expect(await client.publishChannel("kept:a", "x")).toEqual({ success: true, offset: 1 })
  expect(await client.unsubscribeChannel("secret")).toBe(false)
  expect(await client.unsubscribeChannel("read-only")).toBe(true)
})

test("subscribers of one channel share it, and each ends by itself", async () => {
  const host = await startHost()
  const client = await connected(host.url)
  const asked: string[] = []
  const got: string[] = []
  const both = (m: string): void => void got.push(m)
  const first = await client.subscribeChannel("kept:a", both)
  const second = await client.subscribe("kept:a", both)
  const other: string[] = []
  await client.subscribeChannel("kept:a", (m) => { other.push(m); throw new Error("the callback's own") })
  client.on("error", (error) => asked.push(error.message))
  await client.publishChannel("kept:a", "x")
  await until("three have it", () => got.length === 2 && other.length === 1)
  expect(asked).toEqual(["the callback's own"])
  expect(await first.unsubscribe()).toBe(true)
  expect(await first.unsubscribe()).toBe(false)
  await client.publishChannel("kept:a", "y")
  await until("two have it", () => got.length === 3 && other.length === 2)
  await client.subscribeChannel("kept:a", both)
  expect(await client.unsubscribeChannel("kept:a", both)).toBe(true)
  expect(await second.unsubscribe()).toBe(false)
  expect(await client.unsubscribeChannel("kept:a", both)).toBe(false)
  expect(await client.unsubscribeChannel("kept:a")).toBe(true)
  expect(await client.unsubscribeChannel("kept:a")).toBe(false)
  await client.publishChannel("kept:a", "z")
  expect((await client.getChannelHistory("kept:a", { since: 1 })).history).toEqual(["z", "y"])
  expect([got.length, other.length]).toEqual([3, 2])
})

test("what was missed comes in pages where it is more than a reply holds", async () => {
  const host = await startHost({ config: `${everything}\n[limits]\nreply_size = "4KiB"\nrecord_size = "1KiB"\n` })
  const proxy = await startProxy(() => host.listen)
  const client = await connected(proxy.url)
  let asked = 0
  client.on("message", ({ command }) => void (command === "mesh/subscribe-channel" && asked++))
  const got: string[] = []
  const gaps: unknown[] = []
  await client.subscribeChannel("kept:pages", (m) => got.push(m), { onGap: (gap) => gaps.push(gap) })
  await away(client, proxy, () => publish(host, "kept:pages", 400))
  await publish(host, "kept:pages", 401, 401)
  await until("all came", () => got.length >= 401)
  expect(got).toEqual(upTo(401))
  expect(gaps).toEqual([])
  expect(asked).toBeGreaterThan(3)
})

test.each(["drop", "conflate"])("a slow reader gets what %s has left out, where the channel has a stream", async (policy) => {
  const slow = `slow_consumer = "${policy}"`
  const host = await startHost({ config: `[limits]\noutbox = "64KiB"\n[[channels]]\npattern = "kept"\nhistory = 1000\n${slow}\n[[channels]]\npattern = "plain"\n${slow}\n` })
  const sockets: WebSocket[] = []
  class Seen extends WebSocket {
    constructor(url: string, protocols?: string | string[]) {
      super(url, protocols)
      sockets.push(this)
    }
  }
  const client = await connected(host.url, { WebSocket: Seen })
  const got: Record<string, number[]> = { kept: [], plain: [] }
  const gaps: string[] = []
  let disconnects = 0
  client.on("disconnect", () => disconnects++)
  for (const channel of ["kept", "plain"]) {
    await client.subscribeChannel(channel, (m) => got[channel]!.push(Number(m.slice(0, 4))), { onGap: (gap) => gaps.push(gap.channel) })
  }
  const total = 400 // twice 30 KB each: more than the sockets' buffers hold
  sockets[0]!.pause()
  for (let i = 0; i < total; i++) {
    for (const channel of ["kept", "plain"]) await host.op("channels.publish", { channel, message: String(i).padStart(4, "0") + "x".repeat(30_000) })
  }
  sockets[0]!.resume()
  await until("the last came", () => got.kept!.length >= total)
  expect(got.kept).toEqual(Array.from({ length: total }, (_, i) => i))
  expect(got.plain!.length).toBeLessThan(total)
  expect([...new Set(gaps)]).toEqual(policy === "drop" ? ["plain"] : [])
  expect(disconnects).toBe(0)
})

test("a client goes on at another node of the same Redis", async () => {
  const redis = await startRedis()
  const [one, two] = [await startHost({ redis }), await startHost({ redis })]
  const client = await connected([one.url, two.url])
  const got: string[] = []
  const gaps: unknown[] = []
  await client.subscribeChannel("kept:nodes", (m) => got.push(m), { onGap: (gap) => gaps.push(gap) })
  await publish(one, "kept:nodes", 10)
  await until("the first came", () => got.length === 10)
  let at = 10
  // Each node is stopped once: whichever it was at, the client has to change over.
  for (const [gone, other] of [[one, two], [two, one]] as const) {
    await gone.stop()
    await publish(other, "kept:nodes", at + 10, at + 1)
    at += 10
    await until("it is at the other node", () => client.status === "online" && got.length >= at)
    await gone.start()
  }
  expect(got).toEqual(upTo(30))
  expect(gaps).toEqual([])
})

test("messages are encoded and decoded; those that cannot be are reported and skipped", async () => {
  const host = await startHost()
  const client = await connected(host.url, { encode: (m) => JSON.stringify(m), decode: (text) => JSON.parse(text) })
  const errors: Error[] = []
  client.on("error", (error) => errors.push(error))
  const got: unknown[] = []
  expect(await client.publishChannel("kept:a", { n: 1 })).toEqual({ success: true, offset: 1 })
  await host.op("channels.publish", { channel: "kept:a", message: "{rubbish" })
  const { history, offset } = await client.subscribeChannel("kept:a", (m) => got.push(m), { historyLimit: 5 })
  expect([history, offset, errors.length]).toEqual([[{ n: 1 }], 2, 1])
  await host.op("channels.publish", { channel: "kept:a", message: "more rubbish" })
  await client.publishChannel("kept:a", [2])
  await until("the second came", () => got.length === 1)
  expect([got, errors.length]).toEqual([[[2]], 2])
  expect((await client.getChannelHistory("kept:a")).history).toEqual([[2], { n: 1 }])
  expect(errors.length).toBe(4)
  expect(await client.publishChannel("kept:a", undefined)).toMatchObject({ success: false, error: { code: "EPAYLOAD" } })
  expect(await client.publishChannel("kept:a", 1n)).toMatchObject({ success: false, error: { code: "EPAYLOAD" } })
})

test("subscriptions that are begun offline begin with the connection, each in its own way", async () => {
  const host = await startHost()
  await publish(host, "kept:a", 5)
  const probe = await connected(host.url)
  const { epoch } = await probe.getChannelHistory("kept:a")
  const client = newClient(host.url)
  const got: Record<string, string[]> = { opener: [], late: [], recover: [], stale: [] }
  const gaps: ChannelGap[] = []
  const results = await Promise.all([
    client.subscribeChannel("kept:a", (m) => got.opener!.push(m), { historyLimit: 10, since: 3 }),
    client.subscribeChannel("kept:a", (m) => got.late!.push(m), { historyLimit: 1 }),
    client.subscribeChannel("kept:a", (m) => got.recover!.push(m), { recover: { epoch: epoch!, offset: 2 } }),
    client.subscribeChannel("kept:a", (m) => got.stale!.push(m), { recover: { epoch: "other", offset: 2 }, historyLimit: 2, onGap: (gap) => gaps.push(gap) }),
  ])
  expect(results.map(({ history }) => history)).toEqual([["m5", "m4"], ["m5"], [], ["m5", "m4"]])
  expect(results.map(({ recovered }) => recovered)).toEqual([undefined, undefined, true, false])
  expect(results.map(({ offset }) => offset)).toEqual([5, 5, 5, 5])
  expect(gaps).toEqual([{ channel: "kept:a", history: ["m5", "m4"], epoch, offset: 5 }])
  await publish(host, "kept:a", 6, 6)
  await until("all have it", () => Object.values(got).every((messages) => messages.includes("m6")))
  expect(got).toEqual({ opener: ["m6"], late: ["m6"], recover: ["m3", "m4", "m5", "m6"], stale: ["m6"] })
})

test("the first subscriber goes on from its position, or from a time", async () => {
  const host = await startHost()
  await publish(host, "kept:a", 3)
  await rest(50)
  const time = Date.now() - 25
  await publish(host, "kept:a", 5, 4)
  const client = await connected(host.url)
  const got: string[] = []
  const since = await client.subscribeChannel("kept:a", () => {}, { historyLimit: 10, sinceTime: time })
  expect(since.history).toEqual(["m5", "m4"])
  await since.unsubscribe()
  const gone = await client.subscribeChannel("kept:a", (m) => got.push(m), { recover: { epoch: since.epoch!, offset: 1 } })
  expect(gone).toMatchObject({ success: true, history: [], recovered: true, offset: 5 })
  expect(got).toEqual(upTo(5, 2))
})

test("without a connection a subscription fails within callTimeout", async () => {
  const client = newClient("ws://127.0.0.1:9/", { callTimeout: 200, retryConnect: true })
  onTestFinished(() => client.close())
  expect(await client.subscribeChannel("kept:a", () => {}, { historyLimit: 1 })).toMatchObject({ success: false, history: [], error: { code: "ETIMEOUT" } })
})

test("the server ends a subscription", async () => {
  const host = await startHost()
  const client = await connected(host.url)
  const ended: unknown[] = []
  client.on("unsubscribed", (what) => ended.push(what))
  const reasons: string[] = []
  await client.subscribeChannel("kept:a", () => {}, { onUnsubscribed: (reason) => reasons.push(reason) })
  await host.op("channels.unsubscribe", { connectionId: client.connectionId, channel: "kept:a" })
  await until("it is told", () => reasons.length === 1)
  expect(ended).toEqual([{ kind: "channel", name: "kept:a", reason: reasons[0] }])
  expect((await client.subscribeChannel("kept:a", () => {})).success).toBe(true)
})
