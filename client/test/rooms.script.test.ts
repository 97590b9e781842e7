import { expect, onTestFinished, test, vi } from "vitest"
import { connected, newClient } from "./support/client"
import { reconnected, sent, settled, usual } from "./support/frames"
import { scripted, type Script } from "./support/scripted"
import { rest, until } from "./support/wait"

const noop = (): void => {}

test("a new connection gets metadata, then rooms, then states, then presence, before anything else", async () => {
  const server = await scripted(usual(() => ({ present: ["a"] })))
  const client = await connected(server.url)
  await client.subscribePresence("other", noop)
  await client.joinRoom("r", noop)
  await client.joinRoom("s")
  expect(await client.setConnectionMetadata({ nick: "ann" })).toBe(true)
  expect(await client.publishPresenceState("s", { state: "old", silent: true })).toBe(true)
  expect(await client.publishPresenceState("s", { state: { x: 1 }, silent: true })).toBe(true)
  expect(await client.publishPresenceState("r", { state: "here", expireAfter: 60_000 })).toBe(true)
  expect(sent(server.peer)).toEqual([
    ["subscribe-presence", { roomName: "other" }],
    ["join-room", { roomName: "r" }],
    ["subscribe-presence", { roomName: "r" }],
    ["join-room", { roomName: "s" }],
    ["set-my-connection-metadata", { metadata: { nick: "ann" } }],
    ["publish-presence-state", { roomName: "s", state: "old", silent: true }],
    ["publish-presence-state", { roomName: "s", state: { x: 1 }, silent: true }],
    ["publish-presence-state", { roomName: "r", state: "here", expireAfter: expect.any(Number) }],
  ])
  const atReconnect: number[] = []
  client.on("reconnect", () => atReconnect.push(sent(server.peer).length))
  await rest(20)
  const peer = await reconnected(client, server)
  expect(sent(peer)).toEqual([
    ["set-my-connection-metadata", { metadata: { nick: "ann" }, options: { strategy: "replace" } }],
    ["join-room", { roomName: "r" }],
    ["join-room", { roomName: "s" }],
    ["publish-presence-state", { roomName: "s", state: { x: 1 }, silent: true }],
    ["publish-presence-state", { roomName: "r", state: "here", expireAfter: expect.any(Number) }],
    ["subscribe-presence", { roomName: "other" }],
    ["subscribe-presence", { roomName: "r" }],
  ])
  expect(atReconnect).toEqual([7])
  const { expireAfter } = sent(peer)[4]![1]
  expect(expireAfter).toBeGreaterThan(0)
  expect(expireAfter).toBeLessThanOrEqual(59_981)

  await client.leaveRoom("r")
  expect(sent(peer).slice(7)).toEqual([["unsubscribe-presence", { roomName: "r" }], ["leave-room", { roomName: "r" }]])
  expect(await client.clearPresenceState("s")).toBe(true)
  expect(sent(await reconnected(client, server)).map(([command, { roomName }]) => [command, roomName])).toEqual([
    ["set-my-connection-metadata", undefined], ["join-room", "s"], ["subscribe-presence", "other"],
  ])
})

test("a state that has expired is not published again, nor one that was refused", async () => {
  const server = await scripted((request, peer) => (request.payload.state === "bad" ? false : request.payload.state === "large" ? { error: "Too large.", code: "ETOOLARGE" } : usual()(request, peer)))
  const client = await connected(server.url)
  await client.joinRoom("r")
  await client.joinRoom("s")
  expect(await client.publishPresenceState("r", { state: "short", expireAfter: 1 })).toBe(true)
  expect(await client.publishPresenceState("s", { state: "good" })).toBe(true)
  expect(await client.publishPresenceState("s", { state: "bad" })).toBe(false)
  expect(await client.publishPresenceState("s", { state: "large" })).toBe(false)
  expect(await client.publishPresenceState("s", { state: 0 })).toBe(false)
  await rest(5)
  expect(sent(await reconnected(client, server))).toEqual([["join-room", { roomName: "r" }], ["join-room", { roomName: "s" }], ["publish-presence-state", { roomName: "s", state: "good" }]])
})

test("without a connection states wait, as calls do; the one before them is restored", async () => {
  const server = await scripted(usual())
  const client = await connected(server.url, { reconnectInterval: 100 })
  await client.joinRoom("r")
  await client.publishPresenceState("r", { state: "before" })
  server.peer.socket.close(1001)
  await until("it is offline", () => client.status === "reconnecting")
  const waiting = client.command("any")
  const [first, second] = [client.publishPresenceState("r", { state: "first" }), client.publishPresenceState("r", { state: "second" })]
  expect(await Promise.all([first, second])).toEqual([true, true])
  await waiting
  expect(server.peer.requests.map(({ command, payload }) => payload.state ?? command)).toEqual(["mesh/join-room", "before", "any", "first", "second"])
  expect(sent(await reconnected(client, server)).map(([command, { state }]) => state ?? command)).toEqual(["join-room", "second"])
})

test("of states whose connection is lost before the answer, the one before them is restored", async () => {
  const server = await scripted((request, peer) => (request.payload.state === "cut" ? void peer.socket.terminate() : usual()(request, peer)))
  const client = await connected(server.url)
  await client.joinRoom("r")
  const published = ["first", "cut"].map((state) => client.publishPresenceState("r", { state }))
  expect(await Promise.all(published)).toEqual([true, false])
  await until("first is back", () => server.peers.length === 2 && sent(server.peer).length === 2)
  expect(sent(server.peer)).toEqual([["join-room", { roomName: "r" }], ["publish-presence-state", { roomName: "r", state: "first" }]])
})

test("a state that is cleared, or whose room is left, while it is published is not restored", async () => {
  const server = await scripted(usual())
  const client = await connected(server.url)
  await Promise.all([client.joinRoom("r"), client.joinRoom("s")])
  const done = [client.publishPresenceState("r", { state: 1 }), client.publishPresenceState("s", { state: 1 }), client.clearPresenceState("r"), client.leaveRoom("s")]
  expect(await Promise.all(done)).toEqual([true, true, true, { success: true }])
  expect(sent(await reconnected(client, server))).toEqual([["join-room", { roomName: "r" }]])
})

test("without a connection: no state with an empty queue, or for longer than a call waits; what is cleared or left is not restored", async () => {
  const server = await scripted(usual())
  const none = newClient(server.url, { offlineQueue: 0 })
  expect(await none.publishPresenceState("r", { state: 1 })).toBe(false)

  const client = await connected(server.url, { reconnectInterval: 2_000, callTimeout: 200 })
  for (const room of ["r", "s", "t"]) {
    await client.joinRoom(room)
    await client.publishPresenceState(room, { state: room })
  }
  vi.spyOn(Math, "random").mockReturnValue(0.5) // a pause of 1 s
  onTestFinished(() => void vi.restoreAllMocks())
  server.peer.socket.close(1001)
  await until("it is offline", () => client.status === "reconnecting")
  const late = client.publishPresenceState("t", { state: "late" })
  const cleared = client.clearPresenceState("s")
  expect(await client.leaveRoom("r")).toEqual({ success: true })
  expect(await client.leaveRoom("never")).toEqual({ success: true })
  expect([await late, await cleared]).toEqual([false, false])
  await until("it is back", () => client.status === "online")
  expect(sent(server.peer)).toEqual([["join-room", { roomName: "s" }], ["join-room", { roomName: "t" }], ["publish-presence-state", { roomName: "t", state: "t" }]])
})

// refusing refuses joins from the second connection on, as often as it is told.
function refusing(times: number): Script {
  const connections = new Set<unknown>()
  let refused = 0
  return (request, peer) => {
    connections.add(peer)
    const { command } = request
    if (connections.size > 1 && command === "mesh/join-room" && refused++ < times) return { error: "Not yet.", code: "EDENIED", name: "DeniedError" }
    if (connections.size > 1 && command === "mesh/publish-presence-state" && refused <= times) return false
    return usual(() => ({ present: ["a"] }))(request, peer)
  }
}

test("a room that is refused after a reconnect is joined as soon as it is allowed, with its state", async () => {
  const server = await scripted(refusing(1))
  const client = await connected(server.url)
  const ended: unknown[] = []
  client.on("unsubscribed", (event) => ended.push(event))
  await client.joinRoom("r")
  await client.publishPresenceState("r", { state: "here" })
  const peer = await reconnected(client, server)
  expect(sent(peer)).toHaveLength(2)
  await until("it has joined", () => sent(peer).length === 4)
  await settled(client, peer)
  expect(sent(peer).slice(2)).toEqual([["join-room", { roomName: "r" }], ["publish-presence-state", { roomName: "r", state: "here" }]])
  expect(ended).toEqual([])
})

test("a room that is refused for long is over", async () => {
  vi.spyOn(Math, "random").mockReturnValue(0) // the shortest pauses: half of 15 s in all
  onTestFinished(() => void vi.restoreAllMocks())
  const server = await scripted(refusing(Infinity))
  const client = await connected(server.url)
  const ended: unknown[] = []
  client.on("unsubscribed", (event) => ended.push(event))
  await client.joinRoom("r")
  await client.publishPresenceState("r", { state: "here" })
  await reconnected(client, server)
  await until("it is over", () => ended.length > 0, 40_000)
  expect(ended).toEqual([{ kind: "room", name: "r", reason: "refused" }])
  expect(sent(await reconnected(client, server))).toEqual([])
})

test("joining twice is joining once: the newer callback takes over, without one the earlier stays, other subscriptions go on", async () => {
  const server = await scripted(usual(() => ({ present: ["a"], states: { a: 1 } })))
  const client = await connected(server.url)
  const seen: string[] = []
  const by = (name: string) => () => seen.push(name)
  const first = by("first")
  expect(await client.joinRoom("r", first)).toEqual({ success: true, present: ["a"], states: { a: 1 } })
  await client.subscribePresence("r", by("other"))
  expect(await client.joinRoom("r", by("second"))).toMatchObject({ success: true, present: ["a"], states: { a: 1 } })
  expect(await client.joinRoom("r")).toEqual({ success: true, present: ["a"] })
  expect(sent(server.peer).map(([command]) => command)).toEqual(["join-room", "subscribe-presence", "join-room", "join-room"])
  const join = (connectionId: string): void => server.peer.push("mesh/presence-update", { type: "join", connectionId, roomName: "r", timestamp: 1 })
  join("b")
  await settled(client, server.peer)
  expect(seen.sort()).toEqual(["other", "second"])
  expect(await client.unsubscribePresence("r", first)).toBe(false)
  expect(await client.leaveRoom("r")).toEqual({ success: true })
  join("c")
  await settled(client, server.peer)
  expect(seen.sort()).toEqual(["other", "other", "second"])
  expect(sent(server.peer).slice(4)).toEqual([["leave-room", { roomName: "r" }]])
})

test("a room that is left while it is being joined is not joined, and one joined again then is", async () => {
  const server = await scripted(usual(() => ({ present: ["a"] })))
  const client = await connected(server.url)
  const [joined, left, again] = await Promise.all([client.joinRoom("r", noop), client.leaveRoom("r"), client.joinRoom("r", noop)])
  expect(joined).toMatchObject({ success: false, present: [], error: { code: "EABORTED" } })
  expect([left, again]).toEqual([{ success: true }, { success: true, present: ["a"], states: {} }])
  expect(sent(server.peer).map(([command]) => command)).toEqual(["join-room", "leave-room", "join-room", "subscribe-presence"])
})

test("a room that is left while it is joined again is left", async () => {
  const server = await scripted(usual())
  const client = await connected(server.url)
  await client.joinRoom("r")
  const [again, left] = await Promise.all([client.joinRoom("r", noop), client.leaveRoom("r")])
  expect([again, left]).toMatchObject([{ success: false, present: [], error: { code: "EABORTED" } }, { success: true }])
  expect(sent(server.peer).map(([command]) => command)).toEqual(["join-room", "join-room", "leave-room"])
})
