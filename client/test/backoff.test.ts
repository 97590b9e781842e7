import { afterEach, beforeEach, describe, expect, test, vi } from "vitest"
import { FakeSocket, fakeClient, recorded } from "./support/fakes"

beforeEach(() => {
  vi.useFakeTimers()
  FakeSocket.forget()
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

/** Lets fake time pass, with all that happens meanwhile. */
const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms)

/** The pauses before each further connection, in ms. */
const pauses = (): number[] => FakeSocket.made.slice(1).map((socket, i) => socket.at - FakeSocket.made[i]!.at)

describe("pauses", () => {
  test("grow from reconnectInterval to maxReconnectInterval, with full jitter", async () => {
    const random = vi.spyOn(Math, "random").mockReturnValue(0.5)
    const client = fakeClient({ reconnectInterval: 1_000, maxReconnectInterval: 6_000 })
    FakeSocket.script = (socket) => socket.open()
    await client.connect()
    FakeSocket.script = (socket) => socket.end()
    FakeSocket.last.end()
    await pass(1_000 * 0.5 + 2_000 * 0.5 + 4_000 * 0.5 + 6_000 * 0.5 * 2)
    expect(pauses()).toEqual([500, 1_000, 2_000, 3_000, 3_000])
    random.mockReturnValue(0)
    await pass(3_000)
    expect(client.status).toBe("reconnecting")
    await client.close()
  })

  test("go on growing over connections that last less than 5 s, and begin anew after one that lasted", async () => {
    vi.spyOn(Math, "random").mockReturnValue(1)
    const client = fakeClient({ reconnectInterval: 1_000 })
    FakeSocket.script = (socket) => socket.open()
    await client.connect()
    for (const pause of [1_000, 2_000, 4_000]) {
      FakeSocket.last.end()
      await pass(pause - 1)
      expect(client.status).toBe("reconnecting")
      await pass(1)
      expect(client.status).toBe("online")
    }
    await pass(5_000)
    FakeSocket.last.end()
    await pass(1_000)
    expect(client.status).toBe("online")
    await client.close()
  })

  test("are at most 1 s after 1001", async () => {
    vi.spyOn(Math, "random").mockReturnValue(1)
    const client = fakeClient({ reconnectInterval: 8_000 })
    FakeSocket.script = (socket) => socket.open()
    await client.connect()
    FakeSocket.last.end(1001)
    await pass(999)
    expect(FakeSocket.made).toHaveLength(1)
    await pass(1)
    expect(client.status).toBe("online")
    await client.close()
  })

  test("are left out once by forceReconnect", async () => {
    const client = fakeClient({ reconnectInterval: 10_000 })
    FakeSocket.script = (socket) => socket.open()
    await client.connect()
    const events = recorded(client, "disconnect", "status", "reconnect")
    client.forceReconnect()
    await pass(0)
    expect(events).toEqual([["status", "reconnecting"], ["disconnect", 4101, "forceReconnect"], ["status", "online"], ["reconnect"]])
    vi.spyOn(Math, "random").mockReturnValue(0.9)
    FakeSocket.script = (socket) => socket.end()
    FakeSocket.last.end()
    await pass(1)
    expect(FakeSocket.made).toHaveLength(2)
    client.forceReconnect()
    await pass(0)
    expect(FakeSocket.made).toHaveLength(3)
    await client.close()
  })

  test("and an attempt that it gives up has not failed, nor does shouldReconnect keep it from another", async () => {
    const client = fakeClient({ shouldReconnect: false })
    const connecting = client.connect()
    await pass(10)
    client.forceReconnect()
    FakeSocket.script = (socket) => socket.open()
    await connecting
    expect(FakeSocket.made).toHaveLength(2)
    const events = recorded(client, "status", "reconnect", "reconnectfailed")
    client.forceReconnect()
    await pass(0)
    expect(events).toEqual([["status", "reconnecting"], ["status", "online"], ["reconnect"]])
    FakeSocket.last.end()
    await pass(0)
    expect(client.status).toBe("offline")
    await client.close()
  })
})

describe("attempts", () => {
  test("stop after maxReconnectAttempts, with reconnectfailed, and connect() begins anew", async () => {
    const client = fakeClient({ reconnectInterval: 100, maxReconnectInterval: 100, maxReconnectAttempts: 3 })
    FakeSocket.script = (socket) => socket.open()
    await client.connect()
    const events = recorded(client, "status", "reconnectfailed")
    FakeSocket.script = (socket) => socket.end(1006, "no one there")
    FakeSocket.last.end()
    const call = expect(client.command("x")).rejects.toMatchObject({ code: "ECONNECTION" })
    await pass(10_000)
    await call
    expect(FakeSocket.made).toHaveLength(4)
    expect(events).toEqual([
      ["status", "reconnecting"], ["status", "offline"],
      ["reconnectfailed", expect.objectContaining({ code: "ECONNECTION", message: "No connection after 3 attempts: no one there" })],
    ])
    FakeSocket.script = (socket) => socket.open()
    await client.connect()
    expect(client.status).toBe("online")
    await client.close()
  })

  test("there is none after 4000 to 4099, not by a call either, until connect()", async () => {
    const client = fakeClient({ reconnectInterval: 100 })
    FakeSocket.script = (socket) => socket.open()
    await client.connect()
    const events = recorded(client, "disconnect", "status", "reconnectfailed")
    client.on("disconnect", () => { events.push(["seen", client.status]) })
    FakeSocket.last.end(4003, "kicked")
    await pass(60_000)
    expect(events).toEqual([
      ["status", "offline"], ["disconnect", 4003, "kicked"], ["seen", "offline"],
      ["reconnectfailed", expect.objectContaining({ data: { code: 4003 } })],
    ])
    await expect(client.command("x")).rejects.toMatchObject({ code: "ECONNECTION", data: { code: 4003 } })
    await pass(60_000)
    expect(FakeSocket.made).toHaveLength(1)
    await client.connect()
    expect(FakeSocket.made).toHaveLength(2)
    await client.close()
  })

  test("connect() rejects at once where the server closes with 4001, though there are other addresses", async () => {
    FakeSocket.script = (socket) => socket.end(4001, "who are you?")
    const client = fakeClient({}, ["ws://a/", "ws://b/"])
    await expect(client.connect()).rejects.toMatchObject({ code: "ECONNECTION", data: { code: 4001 } })
    expect(FakeSocket.made).toHaveLength(1)
    await client.close()
  })

  test("there is none after a loss with shouldReconnect false, until a call", async () => {
    const client = fakeClient({ shouldReconnect: false })
    FakeSocket.script = (socket) => socket.open()
    await client.connect()
    const events = recorded(client, "disconnect", "status", "reconnectfailed")
    FakeSocket.last.end(1006)
    await pass(100_000)
    expect(events).toEqual([["status", "offline"], ["disconnect", 1006, ""]])
    client.command("x").catch(() => {})
    await pass(0)
    expect(client.status).toBe("online")
    await client.close()
  })

  test("each address is tried once before connect() rejects; with retryConnect it goes on", async () => {
    FakeSocket.script = (socket) => socket.end()
    const urls = ["ws://a/", "ws://b/", "ws://c/"]
    const client = fakeClient({}, urls)
    await expect(client.connect()).rejects.toMatchObject({ code: "ECONNECTION" })
    expect(FakeSocket.made.map(({ url }) => url).sort()).toEqual(urls)
    expect(client.status).toBe("offline")

    FakeSocket.made = []
    const patient = fakeClient({ retryConnect: true, reconnectInterval: 100, maxReconnectInterval: 100 }, urls)
    const connected = patient.connect()
    await pass(2_000)
    expect(FakeSocket.made.length).toBeGreaterThan(15)
    for (let i = 1; i < FakeSocket.made.length; i++) expect(FakeSocket.made[i]!.url).not.toBe(FakeSocket.made[i - 1]!.url)
    for (let i = 0; i + 3 <= FakeSocket.made.length; i += 3) {
      expect(FakeSocket.made.slice(i, i + 3).map(({ url }) => url).sort()).toEqual(urls)
    }
    FakeSocket.script = (socket) => socket.open()
    await pass(100)
    await connected
    await Promise.all([client.close(), patient.close()])
  })

  test("an address that is up is found within a round, after a loss too", async () => {
    FakeSocket.script = (socket) => (socket.url === "ws://up/" ? socket.open() : socket.end())
    for (let i = 0; i < 20; i++) {
      FakeSocket.made = []
      const client = fakeClient({ shouldReconnect: i % 2 === 0 }, ["ws://down/", "ws://up/", "ws://gone/"])
      await client.connect()
      expect(FakeSocket.made.length).toBeLessThanOrEqual(3)
      await client.close()
    }
  })

  test("an address that is none makes connect() reject", async () => {
    class Picky { constructor() { throw new SyntaxError("no address") } }
    const client = fakeClient({ WebSocket: Picky })
    client.on("error", () => {})
    await expect(client.connect()).rejects.toMatchObject({ code: "ECONNECTION", message: "No connection: no address" })
    await client.close()
  })
})

describe("liveness", () => {
  test("a server that goes silent is given up after maxMissedPings and one more, and frames reset that", async () => {
    const client = fakeClient({ pingTimeout: 1_000, maxMissedPings: 2 })
    FakeSocket.script = (socket) => socket.open()
    await client.connect()
    const events = recorded(client, "disconnect")
    for (let i = 0; i < 5; i++) {
      await pass(2_900)
      FakeSocket.last.receive({ command: "ping", payload: {} })
    }
    expect(FakeSocket.last.commands).toEqual(["pong", "pong", "pong", "pong", "pong"])
    await pass(2_999)
    expect(events).toEqual([])
    await pass(1)
    expect(events).toEqual([["disconnect", 4101, "No sign of life"]])
    await client.close()
  })

  test("pingTimeout 0 waits for ever", async () => {
    const client = fakeClient({ pingTimeout: 0 })
    FakeSocket.script = (socket) => socket.open()
    await client.connect()
    await pass(86_400_000)
    expect(client.status).toBe("online")
    await client.close()
  })

  test("latency is asked for and told", async () => {
    const client = fakeClient()
    FakeSocket.script = (socket) => socket.open()
    await client.connect()
    const events = recorded(client, "latency")
    FakeSocket.last.receive({ command: "latency", payload: 12 })
    FakeSocket.last.receive({ command: "latency", payload: "12" })
    FakeSocket.last.receive({ command: "latency:request", payload: {} })
    expect(events).toEqual([["latency", 12]])
    expect(FakeSocket.last.commands).toEqual(["latency:response"])
    await client.close()
  })
})

test.each(["connecting", "without an id", "asking for a token", "pausing", "restoring", "online"])("close() while %s ends everything, and twice is once", async (state) => {
  const client = fakeClient({
    retryConnect: true,
    pingTimeout: 1_000,
    getToken: state === "asking for a token" ? () => new Promise<never>(() => {}) : () => null,
  })
  FakeSocket.script = (socket) => {
    if (state === "without an id") socket.readyState = 1
    if (state === "pausing") socket.end()
    if (state === "restoring") {
      socket.open()
      void closing()
    }
    if (state === "online") socket.open()
  }
  const events = recorded(client, "disconnect", "connect", "reconnect", "reconnectfailed")
  let closed: Promise<unknown> | undefined
  const closing = (): Promise<unknown> => (closed ??= Promise.all([client.close(), client.close()]))
  const connecting = client.connect()
  const outcome = connecting.then(() => "connected", (error) => error.code)
  await pass(0)
  await closing()
  expect(await outcome).toBe(state === "online" ? "connected" : "ECLOSED")
  expect(client.status).toBe("offline")
  expect(vi.getTimerCount()).toBe(0)
  await pass(100_000)
  expect(events.filter(([name]) => name === "disconnect")).toHaveLength(state === "online" || state === "restoring" ? 1 : 0)
  expect(events.filter(([name]) => name === "connect")).toHaveLength(state === "online" ? 1 : 0)
  expect(FakeSocket.made.length).toBeLessThanOrEqual(1)
  await expect(client.command("x")).rejects.toMatchObject({ code: "ECLOSED" })

  FakeSocket.script = (socket) => socket.open()
  if (state !== "asking for a token") {
    await client.connect()
    expect(client.status).toBe("online")
    expect(events.filter(([name]) => name === "connect").pop()).toEqual(["connect", { isInitialConnection: true }])
  }
  await client.close()
  expect(vi.getTimerCount()).toBe(0)
})

test("connect() in a listener of disconnect is a new beginning, not one that close() rejects", async () => {
  const client = fakeClient()
  FakeSocket.script = (socket) => socket.open()
  await client.connect()
  let again: Promise<void> | undefined
  client.once("disconnect", () => (again = client.connect()))
  await client.close()
  await again
  expect(client.status).toBe("online")
  expect(FakeSocket.made).toHaveLength(2)
  await client.close()
})
