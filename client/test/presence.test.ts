import { describe, expect, test } from "vitest"
import type { MeshClient } from "../src"
import { connected } from "./support/client"
import { everything, startHost, type Host } from "./support/host"
import { sharedHosts } from "./support/hosts"
import { startProxy } from "./support/proxy"
import { sorted, View } from "./support/views"
import { rest, until } from "./support/wait"

let rooms = 0
const newRoom = (): string => `tracked:${++rooms}`

/** Follows a room; resolves with what the client is told. */
async function watch(client: MeshClient, room: string): Promise<View> {
  const view = new View()
  const subscribed = await client.subscribePresence(room, view.take)
  expect(subscribed.error).toBeUndefined()
  view.began(subscribed)
  return view
}

/** Who is present, as the server has it. */
async function truth(host: Host, room: string): Promise<{ present: string[]; states: Record<string, unknown> }> {
  const { present, states } = await host.op("presence.list", { roomName: room })
  return sorted(present, states ?? {})
}

/** Waits until all views are what the server has, which goes on being so. */
async function agreed(host: Host, room: string, views: View[], clients: MeshClient[]): Promise<void> {
  const same = async (): Promise<boolean> => {
    const now = JSON.stringify(await truth(host, room))
    return clients.every((client) => client.status === "online") && views.every((view) => JSON.stringify(view.now) === now)
  }
  await until("all views are equal", same).catch(async () => {
    const now = await truth(host, room)
    for (const view of views) expect(view.now).toEqual(now)
    expect(clients.map((client) => client.status)).toEqual(clients.map(() => "online"))
  })
}

/** Does something at random in a room, again and again, until it is time to stop; resolves with the state that it shows then, null for none. */
async function bustle(client: MeshClient, room: string, goesOn: () => boolean): Promise<unknown> {
  let state: unknown = null
  for (let i = 0; goesOn(); i++) {
    const what = Math.random()
    if (what < 0.2) {
      await client.leaveRoom(room)
      await rest(Math.random() * 20)
      state = null
      await client.joinRoom(room)
    } else if (what < 0.8) {
      const next = { i, by: client.connectionId }
      if (await client.publishPresenceState(room, { state: next, silent: false, expireAfter: what < 0.4 ? 60_000 : undefined })) state = next
    } else {
      await client.clearPresenceState(room)
      state = null
    }
    await rest(Math.random() * 20)
  }
  return state
}

describe.each(["in memory", "on Redis, two nodes"])("%s", (kind) => {
  const hosts = sharedHosts(kind !== "in memory")

  test("three clients see each join, leave, state, clear and expiry once", async () => {
    const room = newRoom()
    const [a, b, watcher] = [await connected(hosts[0].url), await connected(hosts[1].url), await connected(hosts[1].url)]
    const outside = await watch(watcher, room)
    const [ofA, ofB] = [new View(), new View()]
    const joinedA = await a.joinRoom(room, ofA.take)
    expect(joinedA).toEqual({ success: true, present: [a.connectionId], states: {} })
    ofA.began(joinedA)
    expect(await a.publishPresenceState(room, { state: { typing: true } })).toBe(true)
    const joinedB = await b.joinRoom(room, ofB.take)
    expect({ ...joinedB, present: [...joinedB.present].sort() }).toEqual({ success: true, present: [a.connectionId, b.connectionId].sort(), states: { [a.connectionId!]: { typing: true } } })
    ofB.began(joinedB)
    expect((await a.joinRoom(room)).present.sort()).toEqual([a.connectionId, b.connectionId].sort())
    expect(await b.publishPresenceState(room, { state: "soon over", expireAfter: 100 })).toBe(true)
    await until("it has expired", () => ofA.short.at(-1) === `state:${b.connectionId}:null`)
    expect(await a.publishPresenceState(room, { state: "unseen", silent: true })).toBe(true)
    expect(await a.clearPresenceState(room)).toBe(true)
    await until("b has seen it", () => ofB.short.at(-1) === `state:${a.connectionId}:null`) // it is told nothing once it leaves
    expect(await b.leaveRoom(room)).toEqual({ success: true })
    expect(await b.publishPresenceState(room, { state: "not there" })).toBe(false)
    await until("all have seen b leave", () => ofA.short.at(-1) === `leave:${b.connectionId}` && outside.short.at(-1) === `leave:${b.connectionId}`)
    const ofBoth = [
      `join:${b.connectionId}`, `state:${b.connectionId}:"soon over"`, `state:${b.connectionId}:null`,
      `state:${a.connectionId}:null`, `leave:${b.connectionId}`,
    ]
    expect(ofA.short).toEqual([`state:${a.connectionId}:{"typing":true}`, ...ofBoth])
    expect(outside.short).toEqual([`join:${a.connectionId}`, `state:${a.connectionId}:{"typing":true}`, ...ofBoth])
    expect(ofB.short).toEqual(ofBoth.slice(1, -1))
    expect(await watcher.unsubscribePresence(room)).toBe(true)
    await a.leaveRoom(room)
    expect((await watcher.subscribePresence(room, () => {})).present).toEqual([])
    expect(outside.short.length).toBe(ofBoth.length + 2)
  })

  test("clients whose connections are cut all the time see in the end what is, one change after the other", async () => {
    const room = newRoom()
    const proxies = await Promise.all(hosts.map((host) => startProxy(() => host.listen)))
    const clients = await Promise.all([0, 1, 0, 1].map((n) => connected(proxies[n]!.url)))
    const views = await Promise.all(clients.map((client) => watch(client, room)))
    for (const client of clients) expect(await client.joinRoom(room)).toMatchObject({ success: true })
    const end = Date.now() + 4_000
    let cuts = 0
    const cutting = (async () => {
      while (Date.now() < end) {
        await rest(200)
        proxies[cuts++ % 2]!.cut(() => Math.random() < 0.5)
      }
    })()
    const states = await Promise.all(clients.map((client) => bustle(client, room, () => Date.now() < end)))
    await cutting
    await agreed(hosts[1], room, views, clients)
    const now = await truth(hosts[0], room)
    expect(now.present).toEqual(clients.map((client) => client.connectionId).sort())
    expect(clients.map((client) => now.states[client.connectionId!] ?? null)).toEqual(states)
    expect(cuts).toBeGreaterThan(5)
  })

  test("who is put out, and who is sent away", async () => {
    const room = newRoom()
    const [a, b] = [await connected(hosts[0].url), await connected(hosts[1].url)]
    const view = await watch(b, room)
    await a.joinRoom(room, () => {})
    await a.publishPresenceState(room, { state: 1 })
    await hosts[1].op("rooms.remove", { roomName: room, connectionId: a.connectionId })
    const putOut = a.connectionId
    await until("b has seen it", () => view.short.at(-1) === `leave:${putOut}`)
    expect(await a.publishPresenceState(room, { state: 2 })).toBe(false)
    a.forceReconnect()
    await new Promise<void>((resolve) => a.once("reconnect", () => resolve()))
    await until("it is back", () => view.now.present.length === 1)
    expect(await truth(hosts[0], room)).toEqual({ present: [a.connectionId], states: { [a.connectionId!]: 1 } })

    expect(await a.joinRoom(room, () => {})).toMatchObject({ success: true })
    let over = false
    a.on("disconnect", (code) => (over = code === 4003))
    await hosts[1].op("connections.disconnect", { connectionId: a.connectionId, code: 4003, reason: "bye" })
    await until("a has been sent away", () => over)
    await until("b has seen it leave", () => view.now.present.length === 0)
    await rest(300) // longer than the pauses between attempts
    expect(a.status).toBe("offline")
    expect(view.now.present).toEqual([])
  })
})

test("a host that restarts while everything changes: all views are equal in the end", async () => {
  const host = await startHost()
  const room = newRoom()
  const clients = await Promise.all([1, 2, 3, 4].map(() => connected(host.url)))
  const views = await Promise.all(clients.map((client) => watch(client, room)))
  for (const client of clients) await client.joinRoom(room)
  let goesOn = true
  const bustling = Promise.all(clients.map((client) => bustle(client, room, () => goesOn)))
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    await rest(500)
    await host.stop(signal)
    await host.start()
    await until("all are back", () => clients.every((client) => client.status === "online"))
  }
  await rest(300)
  goesOn = false
  const states = await bustling
  await agreed(host, room, views, clients)
  const now = await truth(host, room)
  expect(now.present).toEqual(clients.map((client) => client.connectionId).sort())
  expect(clients.map((client) => now.states[client.connectionId!] ?? null)).toEqual(states)
})

test("20 clients that join, leave and are cut for 10 s see in the end what the server has", async () => {
  const host = await startHost()
  const proxy = await startProxy(() => host.listen)
  const room = newRoom()
  const clients = await Promise.all(Array.from({ length: 20 }, () => connected(proxy.url)))
  const views = await Promise.all(clients.map((client) => watch(client, room)))
  const end = Date.now() + 10_000
  const cutting = (async () => {
    while (Date.now() < end) {
      await rest(250)
      proxy.cut(() => Math.random() < 0.2)
    }
  })()
  await Promise.all(clients.map((client) => client.joinRoom(room).then(() => bustle(client, room, () => Date.now() < end))))
  await cutting
  await agreed(host, room, views, clients)
  expect((await truth(host, room)).present).toEqual(clients.map((client) => client.connectionId).sort())
})

test("what is refused says so: rooms by a guard, presence that is not tracked or is for others", async () => {
  const config = `${everything}\n[plugins.conformance]\nhttp = ["http://127.0.0.1:9"]\n[plugins.auth.config.tokens]\n"right" = "ann"\n`
  const host = await startHost({ plugins: ["auth-go.wasm", "conformance-go.wasm"], config })
  const anonymous = await connected(host.url)
  const ann = await connected(host.url, { getToken: () => "right" })
  const denied = { success: false, error: { code: "EDENIED" }, present: [] }
  expect(await anonymous.joinRoom("closed:a", () => {})).toMatchObject(denied)
  expect(await ann.joinRoom("closed:a")).toEqual({ success: true, present: [ann.connectionId] })
  expect(await anonymous.subscribePresence("nowhere", () => {})).toMatchObject({ ...denied, states: {} })
  expect(await anonymous.joinRoom("nowhere", () => {})).toMatchObject({ success: false, error: { code: "EDENIED" }, present: [anonymous.connectionId] })
  expect((await host.op("rooms.members", { roomName: "nowhere" })).members).toEqual([anonymous.connectionId])
  expect(await anonymous.leaveRoom("nowhere")).toEqual({ success: true })
  expect((await host.op("rooms.members", { roomName: "nowhere" })).members).toEqual([])

  expect(await ann.joinRoom("private:a", () => {})).toEqual({ success: true, present: [ann.connectionId], states: {} })
  expect(await anonymous.subscribePresence("private:a", () => {})).toMatchObject(denied)
  expect(await anonymous.joinRoom("private:a")).toEqual({ success: true, present: [] })
  expect(await anonymous.publishPresenceState("private:a", { state: 1 })).toBe(false)
  expect(await anonymous.joinRoom("")).toMatchObject({ success: false, error: { code: "EPAYLOAD" }, present: [] })
  // What it is in is restored, what was refused is not.
  anonymous.forceReconnect()
  await new Promise<void>((resolve) => anonymous.once("reconnect", () => resolve()))
  expect((await host.op("rooms.list", { connectionId: anonymous.connectionId })).rooms).toEqual(["private:a"])
})
