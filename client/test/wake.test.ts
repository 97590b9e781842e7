import { afterEach, beforeEach, expect, test, vi } from "vitest"
import type { MeshClient, MeshClientOptions } from "../src"
import { FakeSocket, fakeClient, recorded } from "./support/fakes"

let page: EventTarget & { visibilityState: string }
let view: EventTarget
let client: MeshClient

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(Math, "random").mockReturnValue(1)
  page = Object.assign(new EventTarget(), { visibilityState: "visible" })
  view = new EventTarget()
  vi.stubGlobal("document", page)
  vi.stubGlobal("window", view)
  FakeSocket.forget()
  FakeSocket.script = (socket) => socket.open()
})
afterEach(async () => {
  await client.close()
  expect(vi.getTimerCount()).toBe(0)
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
  vi.useRealTimers()
})

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms)
const wake = (name = "focus"): boolean => (name === "visibilitychange" ? page : view).dispatchEvent(new Event(name))

async function online(options: MeshClientOptions = {}): Promise<FakeSocket> {
  client = fakeClient({ reconnectInterval: 2_000, ...options })
  await client.connect()
  return FakeSocket.last
}

test.each(["visibilitychange", "pageshow", "online", "focus"])("%s ends a pause at once", async (name) => {
  const socket = await online({ reconnectInterval: 60_000, maxReconnectInterval: 60_000 })
  socket.end()
  await pass(100)
  expect(client.status).toBe("reconnecting")
  wake(name)
  await pass(0)
  expect(client.status).toBe("online")
})

test("a page that becomes hidden wakes nothing", async () => {
  const socket = await online()
  page.visibilityState = "hidden"
  wake("visibilitychange")
  expect(socket.commands).toEqual([])
})

test("a connection that answers stays, with one probe for many wake-ups", async () => {
  const socket = await online()
  for (let i = 0; i < 100; i++) wake(["visibilitychange", "pageshow", "online", "focus"][i % 4])
  expect(socket.commands).toEqual(["mesh/noop"])
  socket.receive({ id: 1, command: "mesh/noop", payload: true })
  await pass(6_000)
  expect(FakeSocket.made).toHaveLength(1)
  wake()
  expect(socket.commands).toEqual(["mesh/noop", "mesh/noop"])
  socket.receive({ id: 2, command: "mesh/noop", payload: true })
})

test("a connection that does not answer within 5 s is replaced at once", async () => {
  await online()
  const events = recorded(client, "disconnect", "reconnect")
  wake()
  await pass(4_999)
  expect(FakeSocket.made).toHaveLength(1)
  await pass(1)
  expect(events).toEqual([["disconnect", 4101, "forceReconnect"], ["reconnect"]])
  expect(FakeSocket.made).toHaveLength(2)
  wake()
  expect(FakeSocket.last.commands).toEqual(["mesh/noop"])
})

test("a storm of wake-ups while the server is down ends a pause at most once in a reconnectInterval", async () => {
  const socket = await online()
  FakeSocket.script = (socket) => socket.end()
  socket.end()
  await pass(0)
  for (let i = 0; i < 2_000; i++) {
    wake()
    await pass(10)
  }
  // In 20 s: ten of them, and the pauses of 2, 4, 8 s that end by themselves.
  expect(FakeSocket.made.length).toBeGreaterThan(8)
  expect(FakeSocket.made.length).toBeLessThan(16)
})

test("nothing listens after close(), nor after giving up, and connect() again listens once", async () => {
  const removed = vi.spyOn(view, "removeEventListener")
  const added = vi.spyOn(view, "addEventListener")
  const socket = await online({ maxReconnectAttempts: 0 })
  await client.connect()
  expect(added).toHaveBeenCalledTimes(3)
  socket.end()
  await pass(0)
  expect(client.status).toBe("offline")
  expect(removed).toHaveBeenCalledTimes(3)
  await client.connect()
  await client.close()
  wake()
  expect(FakeSocket.last.commands).toEqual([])
  expect(added.mock.calls.length).toBe(6)
  expect(removed.mock.calls.length).toBeGreaterThanOrEqual(6)
})
