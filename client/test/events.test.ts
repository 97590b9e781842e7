import { afterEach, describe, expect, expectTypeOf, test, vi } from "vitest"
import { MeshClient, type MeshError, type Frame, type Status } from "../src"
import { FakeSocket, fakeClient } from "./support/fakes"
import { until } from "./support/wait"

let client: MeshClient<any, any>

async function online(): Promise<FakeSocket> {
  FakeSocket.forget()
  FakeSocket.script = (socket) => socket.open()
  client = fakeClient()
  await client.connect()
  return FakeSocket.last
}

afterEach(async () => {
  vi.restoreAllMocks()
  await client?.close()
})

const push = (command: string, payload: unknown = 1): void => FakeSocket.last.receive({ command, payload })

describe("listeners", () => {
  test("are called for each push of their name, until they are taken out", async () => {
    await online()
    const heard: unknown[] = []
    const listener = (value: unknown): void => void heard.push(value)
    const end = client.on("news", listener)
    push("news", 1)
    push("other", 2)
    end()
    end()
    push("news", 3)
    client.on("news", listener)
    client.on("news", listener)
    expect(client.listenerCount("news")).toBe(2)
    push("news", 4)
    expect(client.off("news", listener)).toBe(client)
    push("news", 5)
    expect(heard).toEqual([1, 4, 4])
    expect(client.listenerCount("news")).toBe(0)
  })

  test("of once are called once, also by an event within the event, and can be taken out before", async () => {
    await online()
    const heard: unknown[] = []
    client.on("news", (value: number) => { if (value === 1) push("news", 2) })
    client.once("news", (value) => heard.push(value))
    const never = (): never => { throw new Error("never") }
    client.once("news", never)
    client.off("news", never)
    client.once("news", never)()
    push("news", 1)
    push("news", 3)
    expect(heard).toEqual([2])
  })

  test("can be used as those of event emitters are", async () => {
    await online()
    const heard: unknown[] = []
    const listener = (value: unknown): void => void heard.push(value)
    client.addListener("a", listener).addListener("b", listener).removeListener("a", listener)
    push("a")
    push("b")
    client.on("a", listener)
    client.removeAllListeners("b")
    push("b")
    push("a", 2)
    client.removeAllListeners()
    push("a")
    expect(heard).toEqual([1, 2])
  })

  test("that are added or taken out while an event is told are so from the next on", async () => {
    await online()
    const heard: string[] = []
    const late = (): void => void heard.push("late")
    const off = client.on("news", () => {
      heard.push("first")
      client.on("news", late)
      off()
    })
    client.on("news", () => heard.push("second"))
    push("news")
    push("news")
    expect(heard).toEqual(["first", "second", "second", "late"])
  })

  test("that throw or reject are the event error, and the others run", async () => {
    await online()
    const errors: Error[] = []
    let heard = 0
    client.on("error", (error) => errors.push(error))
    client.on("news", () => { throw new Error("thrown") })
    client.on("news", () => Promise.reject(new Error("rejected")))
    client.on("news", () => { throw "a string" })
    client.on("news", () => { throw Object.create(null) })
    client.on("news", () => heard++)
    push("news")
    await until("the rejection is told", () => errors.length === 4)
    expect(errors.map(({ message }) => message)).toEqual(["thrown", "a string", "unknown", "rejected"])
    expect(heard).toBe(1)
  })

  test("of error that throw or reject go to the console and make no loop; so do errors that nobody hears", async () => {
    const said = vi.spyOn(console, "error").mockReturnValue()
    await online()
    const unheard = new Error("unheard")
    client.on("news", () => { throw unheard })
    push("news")
    expect(said.mock.calls).toEqual([[unheard]])
    const [thrown, rejected] = [new Error("thrown"), new Error("rejected")]
    let heard = 0
    client.on("error", () => { throw thrown })
    client.on("error", () => Promise.reject(rejected))
    client.on("error", () => heard++)
    push("news")
    await until("the rejection is said", () => said.mock.calls.length === 3)
    expect(said.mock.calls).toEqual([[unheard], [thrown], [rejected]])
    expect(heard).toBe(1)
  })
})

describe("pushes", () => {
  test.each(["error", "connect", "disconnect", "reconnect", "reconnectfailed", "message", "push", "status", "unsubscribed", "latency"])("that are called like the event %s are push only", async (name) => {
    await online()
    const pushes: unknown[] = []
    let told = 0
    client.on("push", ({ command, payload }) => pushes.push([command, payload]))
    if (name !== "push" && name !== "message") client.on(name, () => told++)
    push(name, { rubbish: true })
    expect(told).toBe(0)
    expect(pushes).toEqual(name === "latency" ? [] : [[name, { rubbish: true }]])
  })

  test.each(["__proto__", "constructor", "toString", "hasOwnProperty", ""])("that are called %j are like others", async (name) => {
    await online()
    const heard: unknown[] = []
    push(name)
    client.on(name, (value) => heard.push(value))
    push(name, 2)
    expect(heard).toEqual([2])
  })

  test("are told after the message that brought them", async () => {
    await online()
    const told: string[] = []
    client.on("message", ({ command }) => told.push(`message ${command}`))
    client.on("push", ({ command }) => told.push(`push ${command}`))
    client.on("news", () => told.push("news"))
    push("news")
    push("ping")
    expect(told).toEqual(["message news", "push news", "news", "message ping"])
  })
})

interface MyCommands {
  add(terms: { a: number; b: number }): number
  now(): Promise<Date>
  maybe(payload?: string): string[]
}
interface MyPushes {
  news: { title: string }
  connect: number
}

test("types: commands and pushes are those that were named, and all others without names", () => {
  const typed = fakeClient() as unknown as MeshClient<MyCommands, MyPushes>
  const untyped = fakeClient()
  // Checked by tsc, not called.
  const check = (): void => {
    expectTypeOf(typed.command("add", { a: 1, b: 2 })).resolves.toEqualTypeOf<number>()
    expectTypeOf(typed.command("add", { a: 1, b: 2 }, 500)).resolves.toEqualTypeOf<number>()
    expectTypeOf(typed.command("now")).resolves.toEqualTypeOf<Date>()
    expectTypeOf(typed.command("maybe")).resolves.toEqualTypeOf<string[]>()
    expectTypeOf(typed.command("maybe", "x", { offline: "fail" })).resolves.toEqualTypeOf<string[]>()
    // @ts-expect-error there is no such command
    void typed.command("nothing")
    // @ts-expect-error the payload is of another type
    void typed.command("add", { a: "1", b: 2 })
    // @ts-expect-error the payload is missing
    void typed.command("add")
    typed.on("news", (news) => expectTypeOf(news).toEqualTypeOf<{ title: string }>())
    typed.on("connect", (event) => expectTypeOf(event).toEqualTypeOf<{ isInitialConnection: boolean }>())
    typed.once("disconnect", (code, reason) => expectTypeOf([code, reason]).toEqualTypeOf<(string | number)[]>())
    // @ts-expect-error there is no such push
    typed.on("olds", () => {})

    expectTypeOf(untyped.command("anything", { at: "all" }, { timeout: 5 })).resolves.toBeAny()
    expectTypeOf(untyped.command("anything")).resolves.toBeAny()
    untyped.on("anything", (payload) => expectTypeOf(payload).toBeAny())
    untyped.on("connect", ({ isInitialConnection }) => expectTypeOf(isInitialConnection).toEqualTypeOf<boolean>())
    untyped.on("status", (status) => expectTypeOf(status).toEqualTypeOf<Status>())
    untyped.on("error", (error) => expectTypeOf(error).toEqualTypeOf<Error>())
    untyped.on("message", (frame) => expectTypeOf(frame).toEqualTypeOf<Frame>())
    untyped.on("reconnectfailed", (error) => expectTypeOf(error).toEqualTypeOf<MeshError>())
    untyped.off("anything", () => {})
    const any: MeshClient<any, any> = typed
    void any.command("anything", 1).then((result) => expectTypeOf(result).toBeAny())
    any.on("news", (payload) => expectTypeOf(payload).toBeAny())
  }
  expect(check).toBeTypeOf("function")
})
