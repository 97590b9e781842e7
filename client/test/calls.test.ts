import { afterEach, beforeEach, describe, expect, test, vi } from "vitest"
import type { MeshClient, MeshClientOptions } from "../src"
import { FakeSocket, fakeClient } from "./support/fakes"

let client: MeshClient

beforeEach(() => {
  vi.useFakeTimers()
  FakeSocket.forget()
})
afterEach(async () => {
  await client.close()
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms)

async function online(options: MeshClientOptions = {}): Promise<FakeSocket> {
  client = fakeClient(options)
  FakeSocket.script = (socket) => socket.open()
  await client.connect()
  return FakeSocket.last
}

/** A client whose server cannot be reached. */
function offline(options: MeshClientOptions = {}): void {
  client = fakeClient({ retryConnect: true, reconnectInterval: 50, maxReconnectInterval: 50, ...options })
  FakeSocket.script = (socket) => socket.end()
}

/** What a promise comes to: its value, or its error's code. */
const outcome = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error) => error.code)

const cycle: Record<string, unknown> = {}
cycle.itself = cycle
const unsayable = { cycle, bigint: 1n, throws: { toJSON() { throw new Error("not me") } }, function: () => {}, nothing: { toJSON() {} } }

describe("replies", () => {
  test("go to their calls, in whatever order", async () => {
    const socket = await online()
    const calls = [1, 2, 3].map((n) => client.command("double", { n }))
    for (const { id, payload } of [...socket.sent].reverse()) socket.receive({ id, command: "double", payload: payload.n * 2 })
    expect(await Promise.all(calls)).toEqual([2, 4, 6])
  })

  test("that failed are a MeshError with all that the server says", async () => {
    const socket = await online()
    const call = client.command("x").catch((error) => error)
    socket.receive({ id: 1, command: "x", payload: { error: "no", code: "ECONFLICT", name: "ConflictError", data: { version: 3 }, ref: "r1" } })
    expect(await call).toMatchObject({ message: "no", code: "ECONFLICT", name: "ConflictError", data: { version: 3 }, ref: "r1" })
    const odd = client.command("x").catch((error) => error)
    socket.receive({ id: 2, command: "x", payload: { error: "no", code: "E", name: 5, ref: {} } })
    expect(await odd).toMatchObject({ name: "MeshError", ref: undefined })
  })

  test("that failed are results with resolveErrors; what the client itself fails with is not", async () => {
    const socket = await online({ resolveErrors: true })
    const call = client.command("x")
    socket.receive({ id: 1, command: "x", payload: { error: "no", code: "EDENIED", name: "DeniedError" } })
    expect(await call).toEqual({ error: "no", code: "EDENIED", name: "DeniedError" })
    const late = outcome(client.command("x", {}, 10))
    await pass(10)
    expect(await late).toBe("ETIMEOUT")
  })

  test("of no one, twice or with an id of another type are passed over", async () => {
    const socket = await online()
    const call = client.command("x")
    for (const id of ["1", 99, null, -1, 1.5, [1], { id: 1 }, true, "__proto__"]) socket.receive({ id, command: "x", payload: "wrong" })
    socket.receive({ id: 1, command: "x", payload: "right" })
    socket.receive({ id: 1, command: "x", payload: "twice" })
    expect(await call).toBe("right")
  })

  test("that come too late are passed over", async () => {
    const socket = await online()
    const call = outcome(client.command("x", undefined, { timeout: 100 }))
    expect(socket.sent[0]).toEqual({ id: 1, command: "x", payload: {} })
    await pass(100)
    expect(await call).toBe("ETIMEOUT")
    socket.receive({ id: 1, command: "x", payload: true })
  })
})

test("a call under way fails when the connection is lost, and is not made again", async () => {
  const socket = await online()
  const call = outcome(client.command("x"))
  FakeSocket.script = (socket) => socket.open()
  socket.end()
  expect(await call).toBe("ECONNECTION")
  await pass(5_000)
  expect(client.status).toBe("online")
  expect(FakeSocket.last.commands).toEqual([])
})

describe("without a connection", () => {
  test("calls wait, and are made in their order, before any of who hears that it is online", async () => {
    offline()
    client.on("status", (status) => { if (status === "online") client.command("later").catch(() => {}) })
    for (let i = 0; i < 5; i++) client.command("n", i).catch(() => {})
    await pass(500)
    FakeSocket.script = (socket) => socket.open()
    await pass(100)
    expect(FakeSocket.last.sent.map(({ command, payload }) => (command === "n" ? payload : command))).toEqual([0, 1, 2, 3, 4, "later"])
  })

  test("what was called is what is sent, whatever becomes of the payload", async () => {
    offline()
    const payload = { n: 1 }
    client.command("n", payload).catch(() => {})
    payload.n = 2
    FakeSocket.script = (socket) => socket.open()
    await pass(100)
    expect(FakeSocket.last.sent[0]!.payload).toEqual({ n: 1 })
  })

  test("each has its own time, which goes on when it is sent", async () => {
    offline()
    const soon = outcome(client.command("soon", {}, 100))
    const later = outcome(client.command("later", {}, { timeout: 1_000 }))
    await pass(100)
    expect(await soon).toBe("ETIMEOUT")
    await pass(800)
    FakeSocket.script = (socket) => socket.open()
    await pass(60)
    expect(FakeSocket.last.commands).toEqual(["later"])
    await pass(40)
    expect(await later).toBe("ETIMEOUT")
  })

  test("one whose time is over while the machine slept is not sent", async () => {
    offline()
    const call = outcome(client.command("x", {}, 10_000))
    await pass(100)
    FakeSocket.script = (socket) => socket.open()
    vi.setSystemTime(Date.now() + 3_600_000)
    await pass(100)
    expect(client.status).toBe("online")
    expect(await call).toBe("ETIMEOUT")
    expect(FakeSocket.last.commands).toEqual([])
  })

  test("no more than offlineQueue wait; 0 and offline \"fail\" do not", async () => {
    offline({ offlineQueue: 2 })
    const calls = [1, 2, 3].map((n) => outcome(client.command("n", n)))
    expect(await calls[2]).toBe("EOFFLINE")
    expect(await outcome(client.command("n", 4, { offline: "fail" }))).toBe("EOFFLINE")
    await client.close()
    expect(await Promise.all(calls)).toEqual(["ECLOSED", "ECLOSED", "EOFFLINE"])
    offline({ offlineQueue: 0 })
    expect(await outcome(client.command("n"))).toBe("EOFFLINE")
  })

  test("a call whose socket is about to close waits for the next", async () => {
    const socket = await online({ reconnectInterval: 10 })
    socket.readyState = 2
    const call = outcome(client.command("x", {}, { timeout: 1_000 }))
    socket.end()
    await pass(20)
    expect(FakeSocket.last.commands).toEqual(["x"])
    FakeSocket.last.receive({ id: 1, command: "x", payload: "done" })
    expect(await call).toBe("done")
  })

  test("calls fail when the client gives up", async () => {
    client = fakeClient()
    client.on("error", () => {})
    FakeSocket.script = (socket) => socket.end()
    expect(await outcome(client.command("x"))).toBe("ECONNECTION")
  })
})

describe("an AbortSignal", () => {
  test("ends a call before it is made", async () => {
    const socket = await online()
    const signal = AbortSignal.abort("why not")
    await expect(client.command("x", {}, { signal })).rejects.toMatchObject({ code: "EABORTED", name: "AbortError", data: "why not" })
    expect(socket.sent).toEqual([])
  })

  test("ends one that waits, which makes room for another", async () => {
    offline({ offlineQueue: 1 })
    const controller = new AbortController()
    const first = outcome(client.command("first", {}, { signal: controller.signal }))
    controller.abort()
    client.command("second").catch(() => {})
    FakeSocket.script = (socket) => socket.open()
    await pass(100)
    expect(await first).toBe("EABORTED")
    expect(FakeSocket.last.commands).toEqual(["second"])
  })

  test("ends one that is under way, whose reply is passed over", async () => {
    const socket = await online()
    const controller = new AbortController()
    const call = outcome(client.command("x", {}, { signal: controller.signal }))
    controller.abort()
    expect(await call).toBe("EABORTED")
    socket.receive({ id: 1, command: "x", payload: true })
    const answered = client.command("y", {}, { signal: controller.signal }).catch(() => {})
    await answered
  })

  test("that aborts after the reply changes nothing, and is listened to no longer", async () => {
    const socket = await online()
    const controller = new AbortController()
    const remove = vi.spyOn(controller.signal, "removeEventListener")
    const call = client.command("x", {}, { signal: controller.signal })
    socket.receive({ id: 1, command: "x", payload: "done" })
    controller.abort()
    expect(await call).toBe("done")
    expect(remove).toHaveBeenCalled()
  })
})

describe("a payload that JSON cannot say", () => {
  test.each(Object.entries(unsayable))("%s fails online", async (_, payload) => {
    const socket = await online()
    expect(await outcome(client.command("x", payload))).toBe("EPAYLOAD")
    expect(socket.sent).toEqual([])
  })

  test.each(Object.entries(unsayable))("%s fails without a connection, and takes no place", async (_, payload) => {
    offline({ offlineQueue: 1 })
    expect(await outcome(client.command("x", payload))).toBe("EPAYLOAD")
    client.command("y").catch(() => {})
    FakeSocket.script = (socket) => socket.open()
    await pass(100)
    expect(FakeSocket.last.commands).toEqual(["y"])
  })

  test("null, false, 0 and \"\" are sent as they are", async () => {
    const socket = await online()
    for (const payload of [null, false, 0, ""]) client.command("x", payload).catch(() => {})
    expect(socket.sent.map(({ payload }) => payload)).toEqual([null, false, 0, ""])
  })
})
