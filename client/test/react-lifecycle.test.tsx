// @vitest-environment happy-dom
import { act, cleanup, renderHook } from "@testing-library/react"
import { useState, type ReactElement } from "react"
import { expect, test } from "vitest"
import { useChannel, useMeshClient, usePresence, useRecord } from "@mesh-host/client/react"
import { connected } from "./support/client"
import { hook, seen, show } from "./support/react"
import { scripted, type Request } from "./support/scripted"

// What the hooks ask the server for, and when: a scripted server counts it.

const names = (requests: Request[]): string[] => requests.map(({ command, payload }) => `${command.slice("mesh/".length)} ${payload.channel ?? payload.roomName ?? ""}`.trim())

const allow = ({ command }: Request): unknown =>
  command.startsWith("mesh/unsubscribe") ? true : { success: true, history: [], present: [], states: {} }

test("effects that run twice subscribe once, and the end of the component unsubscribes", async () => {
  const server = await scripted(allow)
  const client = await connected(server.url)
  const { result, unmount } = hook(client, () => useChannel("news"))
  await seen(() => expect(result.current.status).toBe("subscribed"))
  expect(names(server.peer.requests)).toEqual(["subscribe-channel news"])
  unmount()
  await seen(() => expect(names(server.peer.requests)).toEqual(["subscribe-channel news", "unsubscribe-channel news"]))
})

test("a component that takes over another's room does not leave it", async () => {
  const server = await scripted(allow)
  const client = await connected(server.url)
  const One = (): ReactElement => <p>one {usePresence("lobby").status}</p>
  const Two = (): ReactElement => <p>two {usePresence("lobby").status}</p>
  let turn: (second: boolean) => void = () => {}
  const Either = (): ReactElement => {
    const [second, setSecond] = useState(false)
    turn = setSecond
    return second ? <Two /> : <One />
  }
  const { findByText, unmount } = show(client, <Either />)
  await findByText("one subscribed")
  act(() => turn(true))
  await findByText("two subscribed")
  expect(names(server.peer.requests).filter((name) => name.startsWith("leave") || name.startsWith("unsubscribe"))).toEqual([])
  unmount()
  await seen(() => expect(names(server.peer.requests).slice(-2).sort()).toEqual(["leave-room lobby", "unsubscribe-presence lobby"]))
})

test("a component that is gone before the reply leaves nothing behind", async () => {
  const server = await scripted((request) => (request.command === "mesh/subscribe-channel" ? undefined : true))
  const client = await connected(server.url)
  const { unmount } = hook(client, () => useChannel("slow"))
  await seen(() => expect(names(server.peer.requests)).toEqual(["subscribe-channel slow"]))
  unmount()
  await seen(() => expect(names(server.peer.requests)).toEqual(["subscribe-channel slow", "unsubscribe-channel slow"]))
})

test("what was refused is asked for again with the next connection", async () => {
  let allowed = false
  const server = await scripted((request) => (allowed ? allow(request) : { success: false, history: [] }))
  const client = await connected(server.url)
  const { result } = hook(client, () => useChannel("news"))
  await seen(() => expect(result.current).toMatchObject({ status: "failed", error: { code: "EDENIED" } }))
  allowed = true
  client.forceReconnect()
  await seen(() => expect(result.current).toMatchObject({ status: "subscribed", error: undefined }))
})

test("messages that come with the reply are after the history", async () => {
  const server = await scripted((request, peer) => {
    peer.send({ id: request.id, command: request.command, payload: { success: true, history: ["2", "1"], epoch: "e", offset: 2 } })
    for (const offset of [3, 4]) peer.push("mesh/subscription-message", { channel: "news", message: String(offset), epoch: "e", offset })
    return undefined
  })
  const { result } = hook(await connected(server.url), () => useChannel<string>("news", { historyLimit: 5 }))
  await seen(() => expect(result.current.messages).toEqual(["1", "2", "3", "4"]))
})

test("what onMessage throws is the client's event error, and the newest onMessage is called", async () => {
  const server = await scripted(allow)
  const client = await connected(server.url)
  const errors: Error[] = []
  client.on("error", (error) => errors.push(error))
  const told: string[] = []
  const { result, rerender } = hook(client, ({ who }: { who: string }) => useChannel("news", {
    onMessage: (message) => {
      told.push(`${who} ${message}`)
      throw new Error(`from ${who}`)
    },
  }), { who: "first" })
  await seen(() => expect(result.current.status).toBe("subscribed"))
  server.peer.push("mesh/subscription-message", { channel: "news", message: "1" })
  await seen(() => expect(result.current.messages).toEqual(["1"]))
  rerender({ who: "second" })
  server.peer.push("mesh/subscription-message", { channel: "news", message: "2" })
  await seen(() => expect(result.current.messages).toEqual(["1", "2"]))
  expect(told).toEqual(["first 1", "second 2"])
  expect(errors.map(({ message }) => message)).toEqual(["from first", "from second"])
  expect(names(server.peer.requests)).toEqual(["subscribe-channel news"])
})

test("writes that build on the value are made also when their component has gone meanwhile", async () => {
  const writes: Request[] = []
  const server = await scripted((request) => {
    if (request.command === "mesh/publish-record-update") return void writes.push(request)
    return request.command === "mesh/subscribe-record" ? { success: true, record: 5, version: 5, epoch: "e" } : true
  })
  const client = await connected(server.url)
  const { result, unmount } = hook(client, () => useRecord<number>("n"))
  await seen(() => expect(result.current.record).toBe(5))
  const { set } = result.current
  const written = Promise.all([set((n) => n! + 1), set((n) => n! + 1)]).catch((error: unknown) => error)
  await seen(() => expect(writes).toHaveLength(1))
  unmount()
  await client.connect() // some turns later
  for (const version of [6, 7]) {
    await seen(() => expect(writes.map(({ payload }) => payload.newValue)).toContain(version))
    const { id, command } = writes.at(-1)!
    server.peer.push("mesh/record-update", { recordId: "n", full: version, version, epoch: "e" })
    server.peer.send({ id, command, payload: { success: true, version, epoch: "e" } })
  }
  expect(await written).toMatchObject([{ version: 6 }, { version: 7 }])
  await seen(() => expect(server.peer.requests.at(-1)!.command).toBe("mesh/unsubscribe-record"))
})

test("the client may be given; without any the hook says what to do", async () => {
  const server = await scripted(allow)
  const client = await connected(server.url)
  const { result } = renderHook(() => useChannel("news", { client }))
  await seen(() => expect(result.current.status).toBe("subscribed"))
  cleanup()
  expect(() => renderHook(() => useMeshClient())).toThrow("<MeshProvider client={…}>")
})
