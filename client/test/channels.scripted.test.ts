import { expect, test } from "vitest"
import type { ChannelGap, MeshError } from "../src"
import { connected } from "./support/client"
import { scripted, type Peer, type Request, type Scripted } from "./support/scripted"
import { rest, until } from "./support/wait"

const epoch = "e1"
const message = (offset: number, of = epoch, channel = "a"): object => ({ channel, message: `m${offset}`, offset, epoch: of })
const say = (peer: Peer, ...payloads: object[]): void => payloads.forEach((payload) => peer.push("mesh/subscription-message", payload))
const missed = (from: number, to: number): object[] => Array.from({ length: to - from + 1 }, (_, i) => ({ offset: from + i, message: `m${from + i}` }))
const subscribes = (server: Scripted): any[] => server.peers.flatMap(({ requests }) => requests).filter(({ command }) => command === "mesh/subscribe-channel").map(({ payload }) => payload)

// following subscribes to the channel a of a server that answers as script says, from m5 on.
async function following(script: (request: Request, peer: Peer, times: number) => unknown, options: object = {}) {
  let times = 0
  const server = await scripted((request, peer) => {
    if (request.command === "mesh/unsubscribe-channel") return true
    if (request.command !== "mesh/subscribe-channel") return undefined
    return ++times === 1 ? { success: true, history: [], epoch, offset: 5 } : script(request, peer, times)
  })
  const client = await connected(server.url)
  const got: string[] = []
  const gaps: ChannelGap[] = []
  const errors: MeshError[] = []
  client.on("error", (error) => errors.push(error as MeshError))
  const result = await client.subscribeChannel("a", (m) => got.push(m), { onGap: (gap) => gaps.push(gap), ...options })
  expect(result).toMatchObject({ success: true, epoch, offset: 5 })
  return { server, client, got, gaps, errors, result, peer: server.peer }
}

test("messages that were had are passed over; a hole is filled by a recovery", async () => {
  const { server, got, gaps, peer } = await following((_, peer) => {
    say(peer, message(10)) // still before the reply
    return { success: true, history: [], epoch, offset: 10, recovered: true, missed: missed(7, 10) }
  })
  say(peer, message(6), message(5), message(6), message(9), message(8))
  await until("all came", () => got.length >= 5)
  say(peer, message(10), message(11))
  await until("the last came", () => got.includes("m11"))
  expect(got).toEqual(["m6", "m7", "m8", "m9", "m10", "m11"])
  expect(subscribes(server).map(({ recover }) => recover)).toEqual([undefined, { epoch, offset: 6 }])
  expect(gaps).toEqual([])
})

test("pushes before the reply, and after it in the same turn", async () => {
  const { got, peer } = await following((request, peer) => {
    say(peer, message(6), message(7))
    peer.send({ id: request.id, command: request.command, payload: { success: true, history: [], epoch, offset: 9, recovered: true, missed: missed(6, 9) } })
    say(peer, message(10), message(11))
  })
  peer.push("mesh/gap", { kind: "channel", name: "a", epoch, offset: 8 })
  await until("all came", () => got.length >= 6)
  expect(got).toEqual(["m6", "m7", "m8", "m9", "m10", "m11"])
})

test("gap: asks once, from before it, and only for what is not there", async () => {
  const { server, got, gaps, peer } = await following(() => ({ success: true, history: ["m20", "m19"], epoch, offset: 20, recovered: false }), { historyLimit: 2 })
  say(peer, message(6))
  peer.push("mesh/gap", { kind: "channel", name: "a", epoch, offset: 6 }) // has it
  peer.push("mesh/gap", { kind: "record", name: "a", epoch, offset: 60 })
  peer.push("mesh/gap", { kind: "channel", name: "b", epoch, offset: 60 })
  peer.push("mesh/gap", { kind: "channel", name: "a", epoch, offset: 20 })
  peer.push("mesh/gap", { kind: "channel", name: "a", epoch, offset: 20 })
  say(peer, message(21)) // before the reply: in it
  await until("the gap is told", () => gaps.length === 1)
  say(peer, message(20), message(21))
  await until("the last came", () => got.length === 2)
  expect(got).toEqual(["m6", "m21"])
  expect(gaps).toEqual([{ channel: "a", history: ["m20", "m19"], epoch, offset: 20 }])
  expect(subscribes(server)).toEqual([{ channel: "a", historyLimit: 2 }, { channel: "a", historyLimit: 2, recover: { epoch, offset: 6 } }])
})

test("gap of a channel without a stream is told, and nothing is asked", async () => {
  const server = await scripted(({ command }) => (command === "mesh/subscribe-channel" ? { success: true, history: [] } : undefined))
  const client = await connected(server.url)
  const gaps: ChannelGap[] = []
  const got: string[] = []
  await client.subscribeChannel("a", (m) => got.push(m), { onGap: (gap) => gaps.push(gap), historyLimit: 5 })
  say(server.peer, { channel: "a", message: "m" })
  server.peer.push("mesh/gap", { kind: "channel", name: "a" })
  say(server.peer, { channel: "a", message: "m" })
  await until("both came", () => got.length === 2)
  expect(gaps).toEqual([{ channel: "a", history: [] }])
  expect(subscribes(server).length).toBe(1)
})

test("another epoch from its first message on is no gap, from a later one it is", async () => {
  const { server, got, gaps, peer } = await following(() => ({ success: true, history: ["m8", "m7"], epoch: "e3", offset: 8, recovered: false }), { historyLimit: 1 })
  say(peer, message(6), message(1, "e2"), message(2, "e2"))
  await until("three came", () => got.length === 3)
  expect([gaps.length, subscribes(server).length]).toEqual([0, 1])
  say(peer, message(7, "e3"), message(8, "e3"))
  await until("the gap is told", () => gaps.length === 1)
  expect(got).toEqual(["m6", "m1", "m2"])
  expect(subscribes(server)[1].recover).toEqual({ epoch: "e2", offset: 2 })
  say(peer, message(8, "e3"), message(9, "e3"))
  await until("the next came", () => got.includes("m9"))
  expect(got.length).toBe(4)
  expect(gaps).toEqual([{ channel: "a", history: ["m8"], epoch: "e3", offset: 8 }])
})

test("pages are asked for until the last, and one without progress is not asked for again", async () => {
  const pages = [
    { success: true, history: [], epoch, offset: 7, recovered: true, more: true, missed: missed(6, 7) },
    { success: true, history: [], epoch, offset: 9, recovered: true, more: true, missed: missed(7, 9) }, // overlaps
    { success: true, history: [], epoch, offset: 9, recovered: true, more: true, missed: [] },
  ]
  const { server, got, errors, peer } = await following((_, __, times) => pages[Math.min(times - 2, 2)])
  peer.push("mesh/gap", { kind: "channel", name: "a", epoch, offset: 9 })
  await until("it was asked for the page without progress", () => subscribes(server).length === 4)
  await rest(100) // a loop would ask thousands of times
  expect(subscribes(server).map(({ recover }) => recover?.offset)).toEqual([undefined, 5, 7, 9])
  expect(got).toEqual(["m6", "m7", "m8", "m9"])
  expect(errors).toEqual([])
})

test.each([
  ["nothing", undefined], ["a text", "x"], ["no success", {}], ["a history that is none", { success: true, history: "x" }],
  ["messages that are none", { success: true, history: [1] }],
  ["an offset that is none", { success: true, history: [], epoch, offset: -1 }],
])("a reply that is %s fails the subscription", async (_, payload) => {
  const server = await scripted((request, peer) => {
    if (request.command === "mesh/subscribe-channel") peer.send({ id: request.id, command: request.command, payload })
  })
  const client = await connected(server.url)
  expect(await client.subscribeChannel("a", () => {})).toMatchObject({ success: false, history: [], error: { code: "EPROTOCOL" } })
})

test.each([
  ["missed that is none", { success: true, history: [], epoch, offset: 9, recovered: true, missed: [{ offset: "6", message: "m6" }] }],
])("a recovery that is %s is asked for again, later", async (_, payload) => {
  const { server, got, peer } = await following((_, __, times) => (times < 3 ? payload : { success: true, history: [], epoch, offset: 6, recovered: true, missed: missed(6, 6) }))
  peer.push("mesh/gap", { kind: "channel", name: "a", epoch, offset: 6 })
  await until("it was made good", () => got.length === 1)
  expect(subscribes(server).map(({ recover }) => recover?.offset)).toEqual([undefined, 5, 5])
})

test.each([
  ["in another epoch", { epoch: "e2", offset: 9 }],
  ["without a position", {}],
])("a recovery %s is none, but a gap", async (_, at) => {
  const { got, gaps, peer } = await following(() => ({ success: true, history: [], recovered: true, missed: missed(6, 6), ...at }))
  peer.push("mesh/gap", { kind: "channel", name: "a", epoch, offset: 6 })
  await until("the gap is told", () => gaps.length === 1)
  expect([got, gaps]).toEqual([[], [{ channel: "a", history: [], ...at }]])
})

test("pushes that are none are reported and passed over", async () => {
  const { got, errors, peer } = await following(() => undefined)
  for (const payload of [{ channel: "a", message: 1, offset: 6, epoch }, { channel: "a" }, message(6, 7 as never), message(1.5), message(-1), message("6" as never)]) say(peer, payload)
  for (const payload of [null, 1, [], {}, { channel: 1 }, message(6, epoch, "other")]) say(peer, payload as never)
  say(peer, message(6))
  await until("the good one came", () => got.length === 1)
  expect(errors.map(({ code }) => code)).toEqual(Array(6).fill("EPROTOCOL"))
})

test("histories of the wrong shape", async () => {
  let answer: unknown
  const server = await scripted(({ command }) => {
    if (command === "mesh/get-channel-history" || command === "mesh/publish-channel") return answer
    if (command === "mesh/unsubscribe-channel") return true
    return { success: true, history: [], epoch, offset: 5 }
  })
  const client = await connected(server.url)
  await client.subscribeChannel("a", () => {})
  for (answer of [null, 7, {}, { success: true, history: [null] }, { success: true, history: {} }, { success: true, history: [], epoch: 1, offset: 1 }]) {
    expect(await client.getChannelHistory("a")).toMatchObject({ success: false, history: [], error: { code: "EPROTOCOL" } })
    expect(await client.subscribeChannel("a", () => {}, { historyLimit: 2 })).toMatchObject({ success: false, history: [], error: { code: "EPROTOCOL" } })
  }
  answer = { success: false, history: [] }
  expect(await client.subscribeChannel("a", () => {}, { historyLimit: 2 })).toMatchObject({ success: false, error: { code: "EDENIED" } })
  expect(await client.publishChannel("a", "x")).toMatchObject({ success: false, error: { code: "EDENIED" } })
  expect(await client.unsubscribeChannel("a")).toBe(true) // the first is still there
})

test("a late subscriber gets what is pushed while its history is asked for, once", async () => {
  let ask: Request | undefined
  const server = await scripted((request) => {
    if (request.command === "mesh/subscribe-channel") return { success: true, history: [], epoch, offset: 5 }
    ask = request
  })
  const client = await connected(server.url)
  const first: string[] = []
  const late: string[] = []
  await client.subscribeChannel("a", (m) => first.push(m))
  const subscribing = client.subscribeChannel("a", (m) => late.push(m), { historyLimit: 2 })
  await until("the history is asked for", () => ask)
  expect(ask).toMatchObject({ command: "mesh/get-channel-history", payload: { channel: "a", limit: 2 } })
  say(server.peer, message(6), message(7), message(8))
  await until("the first has them", () => first.length === 3)
  expect(late).toEqual([])
  // The history is as of 9, whose push comes after it.
  server.peer.send({ id: ask!.id, command: ask!.command, payload: { success: true, history: ["m7", "m6"], epoch, offset: 7 } })
  say(server.peer, message(9))
  expect(await subscribing).toMatchObject({ success: true, history: ["m7", "m6"], offset: 7 })
  await until("the last came", () => late.length === 2)
  expect(late).toEqual(["m8", "m9"])

  const ahead: string[] = []
  ask = undefined
  const second = client.subscribeChannel("a", (m) => ahead.push(m), { historyLimit: 1 })
  await until("the history is asked for", () => ask)
  server.peer.send({ id: ask!.id, command: ask!.command, payload: { success: true, history: ["m11"], epoch, offset: 11 } })
  say(server.peer, message(10), message(11), message(12))
  expect((await second).history).toEqual(["m11"])
  await until("the others have all", () => late.length === 5)
  expect(ahead).toEqual(["m12"])
})

test("the history of a late subscriber is asked for again after a reconnect, and waits no longer than a call", async () => {
  let answers = 0
  const server = await scripted((request, peer) => {
    if (request.command === "mesh/subscribe-channel") return { success: true, history: [], epoch, offset: 5, recovered: Boolean(request.payload.recover) }
    if (++answers === 1) peer.socket.terminate()
    else if (answers === 2) return { success: true, history: ["m5"], epoch, offset: 5 }
  })
  const client = await connected(server.url, { callTimeout: 4_000 })
  await client.subscribeChannel("a", () => {})
  expect(await client.subscribeChannel("a", () => {}, { historyLimit: 1 })).toMatchObject({ success: true, history: ["m5"] })
  expect(await client.subscribeChannel("a", () => {}, { historyLimit: 1 })).toMatchObject({ success: false, error: { code: "ETIMEOUT" } })
})

test.each<[string, object, string[]]>([
  ["has its history, and gets what comes", { historyLimit: 1 }, ["m6", "m7"]],
  ["gets what it has missed, and what comes", { recover: { epoch, offset: 3 } }, ["m4", "m5", "m6", "m7"]],
])("a late subscriber whose past was under way when the connection was lost, and who is alone then, %s", async (_, options, all) => {
  const server = await scripted(({ command, payload }) => {
    if (command !== "mesh/subscribe-channel") return undefined
    if (payload.recover) return { success: true, history: [], epoch, offset: 5, recovered: true, missed: missed(payload.recover.offset + 1, 5) }
    return { success: true, history: ["m5"], epoch, offset: 5 }
  })
  const client = await connected(server.url)
  const got: string[] = []
  const first = await client.subscribeChannel("a", () => {})
  const subscribing = client.subscribeChannel("a", (m) => got.push(m), options)
  await until("its past is asked for", () => server.peer.requests.some(({ command }) => command === "mesh/get-channel-history"))
  await first.unsubscribe()
  server.peer.socket.terminate()
  expect(await subscribing).toMatchObject({ success: true, offset: 5 })
  say(server.peer, message(6), message(7))
  await until("the last came", () => got.includes("m7"))
  expect(got).toEqual(all)
})

test("a subscription that ends while it is asked for", async () => {
  const requests: Request[] = []
  const server = await scripted((request) => void requests.push(request))
  const client = await connected(server.url)
  const got: string[] = []
  const callback = (m: string): void => void got.push(m)
  const subscribing = client.subscribeChannel("a", callback)
  const ended = client.unsubscribeChannel("a", callback)
  expect(await subscribing).toMatchObject({ success: false, history: [], error: { code: "EABORTED" } })
  // Again, in one turn with an end and a further beginning: all are under way together.
  const second = client.subscribeChannel("a", callback)
  const secondEnded = client.unsubscribeChannel("a")
  const third = client.subscribeChannel("a", callback, { historyLimit: 3 })
  await until("all were asked", () => requests.length === 5)
  expect(requests.map(({ command }) => command.replace("-channel", ""))).toEqual(["mesh/subscribe", "mesh/unsubscribe", "mesh/subscribe", "mesh/unsubscribe", "mesh/subscribe"])
  const replies: unknown[] = [{ success: true, history: [], epoch, offset: 5 }, true, { success: true, history: [], epoch, offset: 6 }, true, { success: true, history: ["m8"], epoch, offset: 8 }]
  requests.forEach(({ id, command }, i) => {
    say(server.peer, message(4 + i)) // of what was before each
    server.peer.send({ id, command, payload: replies[i] })
  })
  say(server.peer, message(9))
  expect(await Promise.all([ended, secondEnded])).toEqual([true, true])
  expect(await second).toMatchObject({ success: false, error: { code: "EABORTED" } })
  expect(await third).toMatchObject({ success: true, history: ["m8"], offset: 8 })
  await until("the newest came", () => got.length > 0)
  expect(got).toEqual(["m9"])
})

test("a callback may end and begin subscriptions", async () => {
  const { server, client, got, result, peer } = await following(() => ({ success: true, history: [], epoch, offset: 7 }), {})
  const again: string[] = []
  await client.subscribeChannel("a", (m) => {
    if (m !== "m6") return
    void result.unsubscribe()
    void client.unsubscribeChannel("a")
    void client.subscribeChannel("a", (next) => again.push(next))
  })
  say(peer, message(6), message(7))
  await until("it is asked again", () => subscribes(server).length === 2)
  say(peer, message(8))
  await until("the new one has it", () => again.length === 1)
  expect([got, again]).toEqual([["m6"], ["m8"]])
})

test("who leaves while a recovery is given ends the subscription of the server too", async () => {
  const { server, client, got, peer, result } = await following(() => ({ success: true, history: [], epoch, offset: 8, recovered: true, missed: missed(6, 8) }))
  void client.subscribeChannel("a", () => void client.unsubscribeChannel("a"))
  peer.socket.terminate()
  await until("it is ended on the new connection", () => server.peers.length === 2 && server.peer.requests.some(({ command }) => command === "mesh/unsubscribe-channel"))
  await until("the client is online", () => client.status === "online")
  expect(got).toEqual(["m6"])
  expect(await result.unsubscribe()).toBe(false)
  expect(server.peer.requests.map(({ command }) => command)).toEqual(["mesh/subscribe-channel", "mesh/unsubscribe-channel"])
})

test("a first subscriber's recovery that is cut between two pages goes on where it was", async () => {
  let asked = 0
  const server = await scripted((request, peer) => {
    if (request.command !== "mesh/subscribe-channel") return undefined
    asked++
    if (asked === 1) return { success: true, history: [], epoch, offset: 3, recovered: true, more: true, missed: missed(2, 3) }
    if (asked === 2) return void peer.socket.terminate()
    return { success: true, history: [], epoch, offset: 5, recovered: true, missed: missed(4, 5) }
  })
  const client = await connected(server.url)
  const got: string[] = []
  const result = await client.subscribeChannel("a", (m) => got.push(m), { recover: { epoch, offset: 1 }, historyLimit: 3 })
  expect(result).toMatchObject({ success: true, history: [], recovered: true, epoch, offset: 5 })
  expect(got).toEqual(["m2", "m3", "m4", "m5"])
  expect(subscribes(server).map(({ recover, historyLimit }) => [recover.offset, historyLimit])).toEqual([[1, 3], [3, 3], [3, 3]])
})

test("what is dropped between two pages is a gap", async () => {
  const { got, gaps, peer } = await following((_, __, times) => times === 2
    ? { success: true, history: [], epoch, offset: 7, recovered: true, more: true, missed: missed(6, 7) }
    : { success: true, history: ["m20"], epoch, offset: 20, recovered: false }, { historyLimit: 1 })
  peer.push("mesh/gap", { kind: "channel", name: "a", epoch, offset: 19 })
  await until("the gap is told", () => gaps.length === 1)
  expect(got).toEqual(["m6", "m7"])
  expect(gaps).toEqual([{ channel: "a", history: ["m20"], epoch, offset: 20 }])
})

test("who is refused after a reconnect is told so, in the end", async () => {
  const reasons: string[] = []
  const { server, client, peer } = await following(() => ({ success: false, history: [] }), { onUnsubscribed: (reason: string) => reasons.push(reason) })
  const ended: unknown[] = []
  client.on("unsubscribed", (what) => ended.push(what))
  peer.socket.terminate()
  await until("it is over", () => reasons.length > 0, 40_000) // after four pauses, of 15 s together
  expect([reasons, ended]).toEqual([["refused"], [{ kind: "channel", name: "a", reason: "refused" }]])
  expect(subscribes(server).length).toBe(6)
  expect(await client.unsubscribeChannel("a")).toBe(false)
})
