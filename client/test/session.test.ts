import { beforeEach, expect, test } from "vitest"
import { Session } from "../src/session"
import { FakeSocket, fakeSettings } from "./support/fakes"
import { until } from "./support/wait"

beforeEach(() => FakeSocket.forget())

test("who is told at once that there will be no connection is not kept to be told again", async () => {
  const session = new Session(["ws://fake/"], fakeSettings())
  await session.close()
  const told: string[] = []
  const fail = ({ code }: { code: string }): void => void told.push(code)
  session.hopeless(fail)
  await session.close()
  expect(told).toEqual(["ECLOSED"])
})

test("nothing is kept of connections that are over", async () => {
  FakeSocket.script = (socket) => socket.open()
  const session = new Session(["ws://fake/"], fakeSettings({ reconnectInterval: 0 }))
  await session.connect()
  for (let made = 1; made < 5; made++) {
    FakeSocket.last.end()
    await until("it is connected again", () => FakeSocket.made.length > made && session.connection.ready)
  }
  expect(await session.connection.close()).toBeUndefined()
})
