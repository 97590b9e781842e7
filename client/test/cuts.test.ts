import { describe, expect, test } from "vitest"
import { connected } from "./support/client"
import { startHost, startRedis, type Host } from "./support/host"
import { startProxy, type Proxy } from "./support/proxy"
import { rest, until } from "./support/wait"
import type { MeshClient } from "../src"

// How much of it: a little with the other tests, and with scripts/chaos-client two minutes of 200 clients.
const seconds = Number(process.env.CHAOS_SECONDS ?? 8)
const clients = Number(process.env.CHAOS_CLIENTS ?? 40)

const topics = 10 // channels, and records
const followed = 2 // of each, by each client
const pause = 50 // between two messages on a channel, or two versions of a record, in ms

// A record is longer than the patches of what a client may miss: else the server sends the whole
// (docs/DELIVERY.md), and versions in between are never seen.
const filler = "x".repeat(32 << 10)

const config = `
[limits]
record_patches = 1024
[[channels]]
pattern = "/^kept:.+$/"
history = 100000
publish = true
[[records]]
pattern = "/^open:.+$/"
writable = true
`

/** What one client has seen of one topic, and what it should not have. */
class Seen {
  next = 1
  faults: string[] = []

  take(n: number): void {
    if (n !== this.next) this.faults.push(`${n} instead of ${this.next}`)
    this.next = n + 1
  }
}

class Follower {
  readonly channels = new Map<string, Seen>()
  readonly records = new Map<string, Seen>()
  readonly recoveries: number[] = []
  cuts = 0
  #lost = 0

  constructor(readonly client: MeshClient) {
    client.on("disconnect", () => {
      this.cuts++
      this.#lost ||= performance.now()
    })
    client.on("reconnect", () => {
      this.recoveries.push(performance.now() - this.#lost)
      this.#lost = 0
    })
  }

  async follow(first: number): Promise<void> {
    for (let i = 0; i < followed; i++) {
      const topic = (first + i) % topics
      await this.#channel(`kept:${topic}`)
      await this.#record(`open:${topic}`)
    }
  }

  async #channel(name: string): Promise<void> {
    const seen = new Seen()
    this.channels.set(name, seen)
    const { success, offset } = await this.client.subscribeChannel(name, (message) => seen.take(Number(message)), { onGap: () => seen.faults.push("a gap") })
    expect(success).toBe(true)
    seen.next = offset! + 1
  }

  async #record(id: string): Promise<void> {
    const seen = new Seen()
    this.records.set(id, seen)
    let value: { n: number } | undefined
    const { success, version } = await this.client.subscribeRecord(id, (update) => {
      seen.take(update.version)
      value = update.value
      if (value?.n !== update.version) seen.faults.push(`version ${update.version} is ${JSON.stringify(value)}`)
    }, { mode: "patch" })
    expect(success).toBe(true)
    seen.next = version + 1
  }

  /** Have all topics come to where they end? */
  caughtUp(last: number): boolean {
    return [...this.channels.values(), ...this.records.values()].every((seen) => seen.next > last)
  }
}

// cuts ends each connection of a proxy a random time of up to 4 s after it was made, as long as it goes on.
async function cuts(proxies: Proxy[], going: () => boolean): Promise<void> {
  while (going()) {
    await rest(50)
    for (const proxy of proxies) proxy.cut(() => Math.random() < 50 / 2_500)
  }
}

// prepare makes version 1 of each record, and its channel's first message.
async function prepare(writer: MeshClient): Promise<void> {
  for (let topic = 0; topic < topics; topic++) {
    expect(await writer.publishChannel(`kept:${topic}`, "1")).toMatchObject({ success: true, offset: 1 })
    expect(await writer.setRecord(`open:${topic}`, { n: 1, filler })).toMatchObject({ version: 1 })
  }
}

// writes publishes 2, 3, 4 … on each channel and makes those the versions of each record; resolves with the last.
async function writes(writer: MeshClient, going: () => boolean): Promise<number> {
  for (let n = 2; ; n++) {
    const done: Promise<boolean>[] = []
    for (let topic = 0; topic < topics; topic++) {
      done.push(writer.publishChannel(`kept:${topic}`, String(n)).then(({ success }) => success))
      done.push(writer.publishRecordUpdate(`open:${topic}`, { n }, { strategy: "merge" }))
    }
    expect(await Promise.all(done)).toEqual(done.map(() => true))
    if (!going()) return n
    await rest(pause)
  }
}

const percentile = (sorted: number[], p: number): string => `${Math.round(sorted[Math.min(Math.floor((sorted.length * p) / 100), sorted.length - 1)] ?? 0)} ms`

async function one(): Promise<Host[]> {
  return [await startHost({ config })]
}

async function two(): Promise<Host[]> {
  const redis = await startRedis()
  return [await startHost({ config, redis }), await startHost({ config, redis })]
}

describe.each([["one node in memory", one], ["two nodes on a Redis", two]] as const)("%s", (title, start) => {
  test("every message and version comes once, in order, over connections that are cut", { timeout: (seconds + 90) * 1000 }, async () => {
    const hosts = await start()
    const proxies = await Promise.all(hosts.map((host) => startProxy(() => host.listen)))
    const urls = proxies.map((proxy) => proxy.url)
    const writer = await connected(hosts[0]!.url)
    await prepare(writer)
    const followers = await Promise.all(Array.from({ length: clients }, async (_, i) => {
      const follower = new Follower(await connected(urls, { reconnectInterval: 500, maxReconnectInterval: 2_000 }))
      await follower.follow(i)
      return follower
    }))
    const end = Date.now() + seconds * 1000
    const going = (): boolean => Date.now() < end
    const [last] = await Promise.all([writes(writer, going), cuts(proxies, going)])
    await until("all have caught up", () => followers.every((follower) => follower.caughtUp(last)), 60_000).catch(() => {}) // said below
    const recoveries = followers.flatMap((follower) => follower.recoveries).sort((a, b) => a - b)
    const seen = followers.flatMap((follower) => [...follower.channels, ...follower.records])
    const faults = seen.flatMap(([name, { faults, next }]) => (next === last + 1 ? faults : [...faults, `ended at ${next - 1} of ${last}`]).map((fault) => `${name}: ${fault}`))
    const sum = (map: "channels" | "records"): number => followers.reduce((n, follower) => [...follower[map].values()].reduce((m, s) => m + s.next - 2, n), 0)
    const all = clients * followed * (last - 1)
    console.log(`${title}: ${clients} clients, ${seconds} s, ${recoveries.length} recoveries: p50 ${percentile(recoveries, 50)}, p90 ${percentile(recoveries, 90)}, p99 ${percentile(recoveries, 99)}, longest ${percentile(recoveries, 100)}; ${sum("channels")} of ${all} messages, ${sum("records")} of ${all} versions, ${faults.length} faults`)
    expect(faults.slice(0, 20)).toEqual([])
    expect(recoveries.length).toBeGreaterThan(clients)
  })
})
