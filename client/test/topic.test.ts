import { afterEach, beforeEach, expect, test, vi } from "vitest"
import { MeshError } from "../src/errors"
import type { Take } from "../src/calls"
import { Topics } from "../src/feature"
import { Topic, type Begun } from "../src/topic"
import type { Wire } from "../src/wire"
import { fakeSettings } from "./support/fakes"

interface Asked {
  command: string
  payload: any
  take: Take
}

/** A wire whose other end the test plays. */
class FakeWire implements Wire {
  readonly settings = fakeSettings({ callTimeout: 10_000 })
  connected = true
  id = "id-1"
  readonly asked: Asked[] = []
  readonly ends: [string, string, string][] = []
  readonly fails = new Set<(error: MeshError) => void>()
  onAsk: (asked: Asked) => void = () => {}
  call = (): Promise<unknown> => Promise.resolve()

  ask(command: string, payload: unknown, take: Take): void {
    if (this.connected) {
      const asked = { command, payload, take }
      this.asked.push(asked)
      this.onAsk(asked)
    } else take(undefined, new MeshError("no connection", "ECONNECTION"))
  }

  tell(call: ((...values: never[]) => unknown) | undefined, ...values: unknown[]): void {
    call?.(...(values as never[]))
  }

  failed(thrown: unknown): void {
    throw thrown
  }

  hopeless(fail: (error: MeshError) => void): () => void {
    this.fails.add(fail)
    return () => this.fails.delete(fail)
  }

  ended(kind: string, name: string, reason: string): void {
    this.ends.push([kind, name, reason])
  }

  /** What was asked and not answered, by its commands' last words. */
  get open(): string[] {
    return this.asked.map(({ command }) => command.slice("mesh/".length).split("-")[0]!)
  }

  /** Answers the oldest question. */
  answer(reply: unknown, failure?: MeshError): void {
    this.asked.shift()!.take(reply, failure)
  }
}

interface Hearer {
  heard: number[]
  ended?: string
}

/** The simplest topic: it begins with true, is refused with false, and has numbers pushed. */
class Plain extends Topic<Hearer> {
  protected readonly kind = "channel"
  join(hearer: Hearer): Promise<void> { return this.listen(hearer) }
  leave(hearer: Hearer): Promise<boolean> { return this.unlisten(hearer) }
  again(): void { this.ask() }
  push(value: number): void {
    if (this.active) for (const hearer of this.listeners) hearer.heard.push(value)
  }
  protected naming(): Record<string, string> { return { channel: this.name } }
  protected override begin(): { command: string; payload: unknown } { return { command: "mesh/subscribe-channel", payload: this.naming() } }
  protected begun(reply: unknown): Begun {
    if (typeof reply === "string") return reply as Begun
    if (typeof reply !== "boolean") throw new TypeError("neither true nor false")
    return reply ? "begun" : "refused"
  }
  protected over(hearer: Hearer, reason: string): void { hearer.ended = reason }
}

let wire: FakeWire
let topics: Topics<Plain>
const hearer = (): Hearer => ({ heard: [] })
const denied = new MeshError("no", "EDENIED")
const unavailable = new MeshError("later", "EUNAVAILABLE")

beforeEach(() => {
  vi.useFakeTimers()
  wire = new FakeWire()
  topics = new Topics((name, gone) => new Plain(wire, name, gone))
})
afterEach(() => {
  vi.useRealTimers()
})

/** Ends the connection, as the client does. */
function lose(): void {
  wire.connected = false
  for (const { take } of wire.asked.splice(0)) take(undefined, new MeshError("lost", "ECONNECTION"))
  topics.disconnected()
}

test("listeners share a subscription, from the first to the last", async () => {
  const [a, b, c] = [hearer(), hearer(), hearer()]
  const begun = [topics.of("x").join(a), topics.of("x").join(b)]
  expect(wire.open).toEqual(["subscribe"])
  topics.get("x")!.push(1)
  wire.answer(true)
  await Promise.all(begun)
  await topics.of("x").join(c)
  topics.get("x")!.push(2)
  expect([a, b, c].map(({ heard }) => heard)).toEqual([[2], [2], [2]])
  expect(await topics.of("x").leave(a)).toBe(true)
  expect(await topics.of("x").leave(a)).toBe(false)
  expect(await topics.of("x").leave(b)).toBe(true)
  expect(wire.open).toEqual([])
  const left = topics.of("x").leave(c)
  expect(wire.open).toEqual(["unsubscribe"])
  wire.answer(true)
  expect(await left).toBe(true)
  expect(topics.all()).toEqual([])
  expect(vi.getTimerCount()).toBe(0)
})

test("a refusal of what is new is said to all who wait, and leaves nothing", async () => {
  const outcomes = [hearer(), hearer()].map((one) => topics.of("x").join(one).catch((error) => error.code))
  wire.answer(false)
  expect(await Promise.all(outcomes)).toEqual(["EDENIED", "EDENIED"])
  const failed = topics.of("x").join(hearer()).catch((error) => error.code)
  wire.answer(undefined, unavailable)
  expect(await failed).toBe("EUNAVAILABLE")
  const rubbish = topics.of("x").join(hearer()).catch((error) => error.code)
  wire.answer({ what: "?" })
  expect(await rubbish).toBe("EPROTOCOL")
  expect(wire.open).toEqual(["unsubscribe"]) // it may have begun
  expect([topics.all(), wire.ends]).toEqual([[], []])
  expect(vi.getTimerCount()).toBe(0)
})

test("who leaves before the reply ends the subscription once, and another that begins meanwhile is its own", async () => {
  const a = hearer()
  const b = hearer()
  const first = topics.of("x").join(a).catch((error) => error.code)
  const left = topics.of("x").leave(a)
  const second = topics.of("x").join(b)
  expect(wire.open).toEqual(["subscribe", "unsubscribe", "subscribe"])
  expect(await first).toBe("EABORTED")
  wire.answer(true)
  topics.get("x")!.push(1) // still of the first
  wire.answer(true)
  expect(await left).toBe(true)
  wire.answer(true)
  await second
  topics.get("x")!.push(2)
  expect([a.heard, b.heard]).toEqual([[], [2]])
})

test("who waits longer than callTimeout is told so, and what may have begun is ended", async () => {
  wire.connected = false
  const alone = topics.of("x").join(hearer()).catch((error) => error.code)
  await vi.advanceTimersByTimeAsync(10_000)
  expect(await alone).toBe("ETIMEOUT")
  wire.connected = true
  const asked = topics.of("x").join(hearer()).catch((error) => error.code)
  wire.answer(undefined, new MeshError("late", "ETIMEOUT"))
  expect(await asked).toBe("ETIMEOUT")
  expect(wire.open).toEqual(["unsubscribe"])
  expect(vi.getTimerCount()).toBe(0)
})

test("who waits is told when there will be no connection, and when the client closes", async () => {
  wire.connected = false
  const outcomes = ["x", "y"].map((name) => topics.of(name).join(hearer()).catch((error) => error.code))
  for (const fail of [...wire.fails]) fail(new MeshError("gave up", "ECONNECTION"))
  expect(await Promise.all(outcomes)).toEqual(["ECONNECTION", "ECONNECTION"])
  const last = topics.of("z").join(hearer()).catch((error) => error.code)
  topics.closed()
  expect(await last).toBe("ECLOSED")
  expect([topics.all(), wire.fails.size, vi.getTimerCount()]).toEqual([[], 0, 0])
})

test("a new connection begins it anew, also for who still waits", async () => {
  const [a, b] = [hearer(), hearer()]
  const first = topics.of("x").join(a)
  wire.answer(true)
  await first
  const waits = topics.of("y").join(b)
  lose()
  topics.get("x")!.push(1)
  wire.connected = true
  let restored = false
  void topics.restore().then(() => (restored = true))
  expect(wire.open).toEqual(["subscribe", "subscribe"])
  wire.answer(true)
  topics.get("x")!.push(2)
  await vi.advanceTimersByTimeAsync(0)
  expect(restored).toBe(false)
  wire.answer(true)
  await waits
  await vi.advanceTimersByTimeAsync(0)
  expect([restored, a.heard]).toEqual([true, [2]])
})

test("a connection lost while restoring does not keep the next from it", async () => {
  const first = topics.of("x").join(hearer())
  wire.answer(true)
  await first
  for (let i = 0; i < 3; i++) {
    lose()
    wire.connected = true
    const restored = topics.restore()
    expect(wire.open).toEqual(["subscribe"])
    if (i < 2) lose()
    else wire.answer(true)
    await restored
  }
  expect(vi.getTimerCount()).toBe(0)
})

test("what is refused after a reconnect is tried again for a while, then it is over", async () => {
  vi.spyOn(Math, "random").mockReturnValue(0.5)
  const one = hearer()
  const first = topics.of("x").join(one)
  wire.answer(true)
  await first
  lose()
  wire.connected = true
  const restored = topics.restore()
  wire.answer(false)
  await restored
  for (const pause of [1_000, 2_000, 4_000, 8_000]) {
    expect(one.ended).toBeUndefined()
    await vi.advanceTimersByTimeAsync(pause - 1)
    expect(wire.open).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(wire.open).toEqual(["subscribe"])
    wire.answer(undefined, denied)
  }
  expect(one.ended).toBe("refused")
  expect(wire.ends).toEqual([["channel", "x", "refused"]])
  expect([topics.all(), wire.open, vi.getTimerCount()]).toEqual([[], [], 0])
})

test("what passes is tried again for ever, and comes back", async () => {
  const one = hearer()
  const first = topics.of("x").join(one)
  wire.answer(true)
  await first
  lose()
  wire.connected = true
  void topics.restore()
  for (let i = 0; i < 20; i++) {
    wire.answer(undefined, unavailable)
    await vi.advanceTimersByTimeAsync(12_000)
    expect(wire.open).toEqual(["subscribe"])
  }
  wire.answer(true)
  topics.get("x")!.push(7)
  expect([one.heard, one.ended]).toEqual([[7], undefined])
})

test("the server ends it for all; while asking that is the former one", async () => {
  const [a, b] = [hearer(), hearer()]
  const first = topics.of("x").join(a)
  topics.unsubscribed("x", "of before")
  wire.answer(true)
  await first
  topics.get("x")!.again()
  topics.unsubscribed("x", "of before")
  const second = topics.of("x").join(b)
  wire.answer(true)
  await second
  expect([a.ended, b.ended]).toEqual([undefined, undefined])
  topics.unsubscribed("x", "the channel is closed")
  topics.unsubscribed("x", "the channel is closed")
  topics.unsubscribed("nothing", "")
  expect([a.ended, b.ended]).toEqual(["the channel is closed", "the channel is closed"])
  expect(wire.ends).toEqual([["channel", "x", "the channel is closed"]])
  expect([wire.open, topics.all()]).toEqual([[], []])
})

test("pages are asked for one after the other, and not without end", async () => {
  const failed = topics.of("x").join(hearer()).catch((error) => error.code)
  let pages = 0
  for (; wire.open[0] === "subscribe"; pages++) wire.answer("again")
  expect([pages, await failed, wire.open]).toEqual([10_000, "EPROTOCOL", ["unsubscribe"]])
})

test("asking again while asking asks once more", async () => {
  const first = topics.of("x").join(hearer())
  topics.get("x")!.again()
  topics.get("x")!.again()
  wire.answer(true)
  await first
  expect(wire.open).toEqual(["subscribe"])
  wire.answer(true)
  expect(wire.open).toEqual([])
})

// A server that answers in order, later, and pushes; and topics that are joined and left, over
// connections that come and go. Whoever listens hears all that is pushed after its subscription
// began, nothing after it ended, and nothing twice; in the end the server has what is listened to.
//
// The model: the members of a name from the first to the last are a generation. One hears pushes
// from the reply to a question of its generation on, or at once if another of it does.
test.each(Array.from({ length: 60 }, (_, seed) => seed + 1))("random steps end where a model says (seed %i)", async (seed) => {
  let state = seed
  const random = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return (state >>> 8) % below
  }
  interface Member { name: string; hearer: Hearer; generation: number; hears: boolean; left: boolean; due: number[] }
  const names = ["x", "y"]
  const members: Member[] = []
  const held = new Set<string>() // at the server
  const generations = new Map<string, number>()
  const of = new Map<Asked, number>() // the generation that asked
  const pending = new Set<Asked>() // answered, but not come yet
  let frames: (() => void)[] = [] // on their way to the client
  let pushed = 0
  const present = (name: string): Member[] => members.filter((member) => member.name === name && !member.left)
  wire.onAsk = (asked) => of.set(asked, generations.get(asked.payload.channel)!)

  const join = (): void => {
    const name = names[random(2)]!
    const others = present(name)
    if (others.length === 0) generations.set(name, (generations.get(name) ?? 0) + 1)
    const member: Member = { name, hearer: hearer(), generation: generations.get(name)!, hears: others.some(({ hears }) => hears), left: false, due: [] }
    members.push(member)
    topics.of(name).join(member.hearer).catch((error) => expect(error.code).toBe("EABORTED"))
  }
  const leave = (): void => {
    const member = members.filter(({ left }) => !left)[random(4)]
    if (!member) return
    member.left = true
    void topics.get(member.name)!.leave(member.hearer)
  }
  const serve = (): void => {
    const asked = wire.asked.shift()
    if (!asked) return
    const name = asked.payload.channel as string
    const subscribing = asked.command === "mesh/subscribe-channel"
    const had = held.has(name)
    if (subscribing) held.add(name)
    else held.delete(name)
    pending.add(asked)
    frames.push(() => {
      pending.delete(asked)
      for (const member of present(name)) if (subscribing && member.generation === of.get(asked)) member.hears = true
      asked.take(subscribing || had)
    })
  }
  const publish = (): void => {
    const name = names[random(2)]!
    if (!held.has(name)) return
    const value = ++pushed
    frames.push(() => {
      for (const member of present(name)) if (member.hears) member.due.push(value)
      topics.get(name)?.push(value)
    })
  }
  const arrive = (): void => frames.shift()?.()
  const reconnect = (): void => {
    wire.asked.unshift(...pending)
    pending.clear()
    frames = []
    held.clear()
    for (const member of members) member.hears = false
    lose()
    wire.connected = true
    void topics.restore()
  }
  const steps = [join, leave, serve, serve, serve, publish, publish, arrive, arrive, arrive, arrive, () => random(6) || reconnect()]
  for (let i = 0; i < 800; i++) {
    steps[random(steps.length)]!()
    if (random(2)) await Promise.resolve()
  }
  while (wire.asked.length || frames.length) {
    serve()
    arrive()
  }
  publish()
  arrive()
  await vi.advanceTimersByTimeAsync(0)
  for (const member of members) expect(member.hearer.heard).toEqual(member.due)
  expect(members.filter(({ due }) => due.length).length).toBeGreaterThan(5)
  const wanted = names.filter((name) => present(name).length > 0)
  expect([[...held].sort(), topics.all().map(({ name }) => name).sort()]).toEqual([wanted, wanted])
  expect(vi.getTimerCount()).toBe(0)
})
