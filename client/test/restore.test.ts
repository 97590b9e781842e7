import { afterEach, beforeEach, expect, test, vi } from "vitest"
import { Connection } from "../src/connection"
import { FakeSocket, fakeSettings } from "./support/fakes"

let told: string[]
let restored: (() => void)[]
let connection: Connection

beforeEach(() => {
  vi.useFakeTimers()
  FakeSocket.forget()
  FakeSocket.script = (socket) => socket.open()
  told = []
  restored = []
  connection = new Connection(["ws://fake/"], fakeSettings({ reconnectInterval: 10, maxReconnectInterval: 10 }), {
    restore: (id) => {
      told.push(`restore ${id}`)
      return new Promise<void>((resolve) => restored.push(resolve))
    },
    online: (first) => told.push(`online ${first}`),
    frame: () => {},
    lost: (code) => told.push(`lost ${code}`),
    gaveUp: () => told.push("gave up"),
    reconnectFailed: () => told.push("reconnect failed"),
    failed: (error) => told.push(error.message),
    moved: (status) => told.push(status),
  })
})
afterEach(async () => {
  await connection.close()
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms)

test("it is online, and connect() resolves, once all is restored", async () => {
  let resolved = 0
  void connection.connect().then(() => resolved++)
  await pass(1_000)
  void connection.connect().then(() => resolved++)
  expect([told, resolved, connection.status, connection.ready]).toEqual([["connecting", "restore id-1"], 0, "connecting", false])
  restored[0]!()
  await pass(0)
  expect([told.slice(2), resolved, connection.ready]).toEqual([["online", "online true"], 2, true])
  FakeSocket.last.end(1006)
  await pass(20)
  restored[1]!()
  await pass(0)
  expect(told.slice(4)).toEqual(["reconnecting", "lost 1006", "restore id-2", "online", "online false"])
})

test("a connection lost while it is restored was never online, also where the restoring ends later", async () => {
  const connecting = connection.connect().then(() => "connected", (error) => error.code)
  await pass(0)
  FakeSocket.last.end(1006)
  await pass(0)
  restored[0]!()
  expect(await connecting).toBe("ECONNECTION")
  expect(told).toEqual(["connecting", "restore id-1", "lost 1006", "gave up", "offline"])
})

test("close() and connect() while it is restored: only the newer connection comes online", async () => {
  const first = connection.connect().then(() => "connected", (error) => error.code)
  await pass(0)
  void connection.close()
  const second = connection.connect()
  await pass(0)
  restored[0]!()
  await pass(0)
  expect([await first, connection.status]).toEqual(["ECLOSED", "connecting"])
  restored[1]!()
  await second
  expect(told).toEqual(["connecting", "restore id-1", "offline", "lost 1000", "connecting", "restore id-2", "online", "online true"])
})
