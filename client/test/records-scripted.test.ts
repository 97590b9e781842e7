import { describe, expect, test } from "vitest"
import { applyPatch, type MeshClient, type RecordUpdate } from "../src"
import { connected, newClient } from "./support/client"
import { scripted, type Peer, type Request, type Script, type Scripted } from "./support/scripted"
import { rest, until } from "./support/wait"

const subscribe = "mesh/subscribe-record"

/** A record that a scripted server has. */
interface Has { record?: unknown; version: number; epoch?: string; [more: string]: unknown }

/** A server whose record r is what has says at the time. */
async function serving(has: Has, also: Script = () => ({ success: true })): Promise<Scripted> {
  return scripted((request, peer) => (request.command === subscribe ? { success: true, ...has } : also(request, peer)))
}

function asked(peer: Peer, command = subscribe): Request["payload"][] {
  return peer.requests.filter((request) => request.command === command).map(({ payload }) => payload)
}

const update = (more: object): object => ({ recordId: "r", epoch: "e", ...more })

/** Follows r; what the callback gets is in updates. */
async function follow(client: MeshClient, mode: "full" | "patch" = "full"): Promise<{ updates: RecordUpdate[]; subscribed: Awaited<ReturnType<MeshClient["subscribeRecord"]>> }> {
  const updates: RecordUpdate[] = []
  const subscribed = await client.subscribeRecord("r", (one) => void updates.push(one), { mode })
  return { updates, subscribed }
}

/** Resolves once everything that was sent before has been dealt with. */
async function flushed(client: MeshClient, server: Scripted): Promise<void> {
  const mark = `mark-${Math.random()}`
  const came = new Promise<void>((resolve) => void client.once(mark, () => resolve()))
  server.peer.push(mark, null)
  await came
}

test("values that are false, empty or no object are values", async () => {
  const server = await serving({ record: 0, version: 1, epoch: "e" })
  const client = await connected(server.url)
  const { updates, subscribed } = await follow(client)
  expect(subscribed).toMatchObject({ success: true, record: 0, value: 0, version: 1, epoch: "e" })
  const values = ["", false, null, 0, [], 7]
  values.forEach((full, i) => server.peer.push("mesh/record-update", update({ full, version: i + 2 })))
  await until("all have come", () => updates.length === values.length)
  expect(updates.map(({ full }) => full)).toEqual(values)
  expect(updates.map(({ value }) => value)).toEqual(values)
  expect(updates[2]).toEqual({ recordId: "r", full: null, value: null, version: 4, epoch: "e" })
})

test("a version comes once, and no older one after it; another epoch is taken", async () => {
  const server = await serving({ record: "a", version: 5, epoch: "e" })
  const client = await connected(server.url)
  const { updates } = await follow(client)
  for (const [full, version, epoch] of [["old", 4, "e"], ["same", 5, "e"], ["new", 6, "e"], ["new", 6, "e"], ["late", 3, "e"], ["jump", 9, "e"], ["other", 2, "f"], ["other2", 3, "f"]]) {
    server.peer.push("mesh/record-update", update({ full, version, epoch }))
  }
  server.peer.push("mesh/record-deleted", update({ version: 3, epoch: "f" }))
  server.peer.push("mesh/record-deleted", update({ version: 4, epoch: "f" }))
  await flushed(client, server)
  expect(updates.map(({ full, version, epoch, deleted }) => [full, version, epoch, deleted])).toEqual([
    ["new", 6, "e", undefined], ["jump", 9, "e", undefined], ["other", 2, "f", undefined], ["other2", 3, "f", undefined], [null, 4, "f", true],
  ])
  expect(asked(server.peer)).toHaveLength(1)
})

test("what comes in the turn of the reply is in the result, or told after it", async () => {
  const server = await scripted((request, peer) => {
    if (request.command !== subscribe) return true
    peer.send({ id: request.id, command: request.command, payload: { success: true, record: { n: 1 }, version: 1, epoch: "e" } })
    for (let version = 2; version <= 50; version++) peer.push("mesh/record-update", update({ patch: [{ op: "replace", path: "/n", value: version }], version }))
    return undefined
  })
  const client = await connected(server.url)
  const seen: number[] = []
  const { record, version } = await client.subscribeRecord("r", ({ version }) => void seen.push(version), { mode: "patch" })
  expect(seen).toEqual([]) // nothing is told before the result is there
  expect(record).toEqual({ n: version })
  seen.unshift(version)
  await until("all have come", () => seen[seen.length - 1] === 50)
  expect(seen).toEqual(Array.from({ length: 51 - version }, (_, i) => version + i))
})

describe("patches that lead nowhere", () => {
  const bad: [string, object][] = [
    ["one that does not apply", { patch: [{ op: "remove", path: "/nothing" }], version: 2 }],
    ["one that is no patch", { patch: "rubbish", version: 2 }],
    ["a version too far", { patch: [{ op: "replace", path: "/n", value: 3 }], version: 3 }],
    ["a patch of another epoch", { patch: [{ op: "replace", path: "/n", value: 3 }], version: 2, epoch: "f" }],
  ]
  test.each(bad)("%s: the whole is asked for, once", async (_, push) => {
    const has: Has = { record: { n: 1 }, version: 1, epoch: "e" }
    const server = await serving(has)
    const client = await connected(server.url)
    const { updates } = await follow(client, "patch")
    Object.assign(has, { record: { n: 7 }, version: 7 })
    server.peer.push("mesh/record-update", update(push))
    server.peer.push("mesh/record-update", update(push))
    server.peer.push("mesh/record-update", update({ patch: [{ op: "replace", path: "/n", value: 5 }], version: 5 }))
    await until("the whole is there", () => updates.length > 0)
    await flushed(client, server)
    expect(updates).toEqual([{ recordId: "r", full: { n: 7 }, value: { n: 7 }, version: 7, epoch: "e" }])
    expect(asked(server.peer)).toEqual([{ recordId: "r", mode: "patch" }, { recordId: "r", mode: "patch" }])
    server.peer.push("mesh/record-update", update({ patch: [{ op: "replace", path: "/n", value: 8 }], version: 8 }))
    await until("it goes on", () => updates.length > 1)
    expect(updates[1]).toEqual({ recordId: "r", patch: [{ op: "replace", path: "/n", value: 8 }], value: { n: 8 }, version: 8, epoch: "e" })
  })

  test("endless ones are bounded", async () => {
    let version = 1
    const server = await scripted((request, peer) => {
      if (request.command !== subscribe) return true
      peer.send({ id: request.id, command: request.command, payload: { success: true, record: { n: 1 }, version, epoch: "e" } })
      peer.push("mesh/record-update", update({ patch: [{ op: "remove", path: "/nothing" }], version: ++version }))
      return undefined
    })
    const client = await connected(server.url)
    await follow(client, "patch")
    await rest(1_500) // a pause of 1 s, and one of 2 s that has begun
    expect(asked(server.peer).length).toBeGreaterThanOrEqual(2)
    expect(asked(server.peer).length).toBeLessThanOrEqual(3)
    expect(await client.unsubscribeRecord("r")).toBe(true)
  })
})

test("pushes of the wrong shape are reported, and passed over", async () => {
  const server = await serving({ record: { n: 1 }, version: 1, epoch: "e" })
  const client = await connected(server.url)
  const errors: unknown[] = []
  client.on("error", (error) => void errors.push(error))
  const { updates } = await follow(client, "patch")
  const wrong = [
    { recordId: "r" }, { recordId: "r", full: 1, version: "2", epoch: "e" }, { recordId: "r", full: 1, version: -2, epoch: "e" }, { recordId: "r", full: 1, version: 1.5, epoch: "e" },
    { recordId: "r", full: 1, version: 2, epoch: 7 }, { recordId: "r", version: 2, epoch: "e" },
  ]
  for (const payload of wrong) server.peer.push("mesh/record-update", payload)
  for (const payload of [null, 7, "r", [], { recordId: {} }, { recordId: "other", full: 1, version: 9 }]) server.peer.push("mesh/record-update", payload)
  server.peer.push("mesh/record-deleted", { recordId: "r" })
  server.peer.send(`{"command":"mesh/record-update","payload":{"recordId":"r","epoch":"e","version":2,"full":${"[".repeat(20_000)}${"]".repeat(20_000)}}}`)
  await flushed(client, server)
  expect(errors.length).toBeGreaterThanOrEqual(wrong.length + 1)
  for (const error of errors.slice(0, wrong.length + 1)) expect(error).toMatchObject({ code: "EPROTOCOL" })
  server.peer.push("mesh/record-update", update({ full: "well", version: 3 }))
  await until("it goes on", () => updates.at(-1)?.full === "well")
})

test.each([
  ["no reply", null], ["no version", { success: true, record: 1 }], ["a version that is none", { success: true, record: 1, version: "1" }],
  ["recovered without a past", { success: true, recovered: true, patches: [], version: 1, epoch: "e" }], ["refused", { success: false }],
])("a subscription with %s does not begin", async (_, payload) => {
  const server = await scripted(({ command }) => (command === subscribe ? payload : true))
  const client = await connected(server.url)
  const { subscribed } = await follow(client)
  expect(subscribed).toMatchObject({ success: false, record: null, version: 0 })
  expect(subscribed.error).toBeDefined()
  expect(await subscribed.unsubscribe()).toBe(false)
})

describe("on a new connection", () => {
  async function again(first: Has, second: Has, third?: Has): Promise<{ updates: RecordUpdate[]; server: Scripted; client: MeshClient }> {
    const replies = [first, second, ...(third ? [third] : [])]
    const server = await scripted(({ command }) => (command === subscribe ? { success: true, ...replies.shift() } : true))
    const client = await connected(server.url)
    const { updates } = await follow(client, "patch")
    const back = new Promise<void>((resolve) => void client.on("reconnect", () => resolve()))
    server.peer.socket.terminate()
    await back
    return { updates, server, client }
  }

  test("the patches that were missed are told one by one", async () => {
    const patches = [2, 3].map((version) => ({ version, patch: [{ op: "replace", path: "/n", value: version }] }))
    const { updates, server } = await again({ record: { n: 1 }, version: 1, epoch: "e" }, { recovered: true, patches, version: 3, epoch: "e" })
    expect(asked(server.peer)).toEqual([{ recordId: "r", mode: "patch", epoch: "e", version: 1 }])
    expect(updates).toEqual(patches.map(({ version, patch }) => ({ recordId: "r", patch, value: { n: version }, version, epoch: "e" })))
  })

  test("a value of another epoch is told, whatever its version", async () => {
    const { updates } = await again({ record: 1, version: 9, epoch: "e" }, { recovered: false, record: false, version: 2, epoch: "f" })
    expect(updates).toEqual([{ recordId: "r", full: false, value: false, version: 2, epoch: "f" }])
  })

  test("the same version is not told again", async () => {
    const { updates } = await again({ record: 1, version: 9, epoch: "e" }, { recovered: false, record: 1, version: 9, epoch: "e" })
    expect(updates).toEqual([])
  })

  test("a record that is gone with its epoch was deleted", async () => {
    const { updates } = await again({ record: 1, version: 9, epoch: "e" }, { recovered: false, record: null, version: 0 })
    expect(updates).toEqual([{ recordId: "r", full: null, value: null, version: 0, deleted: true }])
  })

  test.each([
    ["that do not apply", [{ version: 2, patch: [{ op: "remove", path: "/x" }] }]],
    ["with a gap", [{ version: 3, patch: [] }]],
    ["that are none", [null]],
    ["that end too early", [{ version: 2, patch: [] }]],
  ])("missed patches %s: the whole is asked for", async (_, patches) => {
    const { updates, server } = await again({ record: { n: 1 }, version: 1, epoch: "e" }, { recovered: true, patches, version: 3, epoch: "e" }, { record: { n: 3 }, version: 3, epoch: "e" })
    await until("the whole is there", () => updates.at(-1)?.version === 3)
    expect(updates.at(-1)).toEqual({ recordId: "r", full: { n: 3 }, value: { n: 3 }, version: 3, epoch: "e" })
    expect(asked(server.peer)).toEqual([{ recordId: "r", mode: "patch", epoch: "e", version: 1 }, { recordId: "r", mode: "patch" }])
  })
})

test("a gap has the rest asked for, from where the client is", async () => {
  const has: Has = { record: { n: 1 }, version: 1, epoch: "e" }
  const server = await serving(has)
  const client = await connected(server.url)
  const { updates } = await follow(client, "patch")
  Object.assign(has, { record: undefined, recovered: true, version: 2, patches: [{ version: 2, patch: [{ op: "add", path: "/m", value: 0 }] }] })
  server.peer.push("mesh/gap", { kind: "record", name: "r", epoch: "e", offset: 2 })
  await until("the rest is there", () => updates.length === 1)
  expect(asked(server.peer)).toEqual([{ recordId: "r", mode: "patch" }, { recordId: "r", mode: "patch", epoch: "e", version: 1 }])
  expect(updates[0]!.value).toEqual({ n: 1, m: 0 })
})

test("followers of both modes share one subscription, and what they are handed is their own", async () => {
  const has: Has = { record: { list: [{ n: 1 }] }, version: 1, epoch: "e" }
  const server = await serving(has)
  const client = await connected(server.url)
  // One that spoils whatever it gets comes before all others.
  const spoil = (value: any): void => {
    if (value === null || typeof value !== "object") return
    Object.values(value).forEach(spoil)
    for (const name of Object.keys(value)) delete value[name]
    if (Array.isArray(value)) value.length = 0
  }
  spoil((await client.subscribeRecord("r", ({ full, patch }) => spoil([full, patch]))).record)
  Object.assign(has, { record: undefined, recovered: true, patches: [] })
  const full = await follow(client, "full")
  spoil((await client.subscribeRecord("r", ({ full, patch }) => spoil([full, patch]), { mode: "patch" })).record)
  await until("patches are asked for", () => asked(server.peer).length === 2)
  await flushed(client, server)
  const first = await follow(client, "patch")
  const second = await follow(client, "patch")
  expect(asked(server.peer)).toEqual([{ recordId: "r", mode: "full" }, { recordId: "r", mode: "patch", epoch: "e", version: 1 }])
  const documents = [first, second].map(({ subscribed }) => subscribed.record as { list: { n: number }[] })
  expect(documents).toEqual([{ list: [{ n: 1 }] }, { list: [{ n: 1 }] }])

  // What the applications do with what they got: the first changes its own beyond the patches.
  documents[0]!.list[0]!.n = 100
  ;(full.subscribed.record as { list: unknown[] }).list.length = 0
  const patch = [{ op: "add", path: "/list/-", value: { n: 2 } }]
  server.peer.push("mesh/record-update", update({ patch, version: 2 }))
  await until("it has come", () => second.updates.length === 1)
  for (const [i, { updates }] of [first, second].entries()) {
    expect(updates[0]).toMatchObject({ patch, version: 2 })
    applyPatch(documents[i], updates[0]!.patch!)
  }
  documents[0]!.list[1]!.n = 200
  first.updates[0]!.patch!.length = 0
  ;(full.updates[0]!.full as { list: unknown[] }).list.length = 0
  server.peer.push("mesh/record-update", update({ patch: [{ op: "replace", path: "/list/1/n", value: 3 }], version: 3 }))
  await until("it has come", () => second.updates.length === 2)
  applyPatch(documents[1], second.updates[1]!.patch!)
  expect(documents[1]).toEqual({ list: [{ n: 1 }, { n: 3 }] })
  expect(full.updates[1]).toEqual({ recordId: "r", full: { list: [{ n: 1 }, { n: 3 }] }, value: { list: [{ n: 1 }, { n: 3 }] }, version: 3, epoch: "e" })
  // Of the kept value the part that did not change is the same object.
  expect(full.updates[1]!.value.list[0]).toBe((second.subscribed.value as any).list[0])
  expect(first.updates[1]!.value).toBe(full.updates[1]!.value)
})

test("what is pushed while the mode changes comes once", async () => {
  const requests: Request[] = []
  const server = await scripted((request) => {
    if (request.command !== subscribe) return true
    requests.push(request)
    return requests.length === 1 ? { success: true, record: { n: 1 }, version: 1, epoch: "e" } : undefined
  })
  const client = await connected(server.url)
  const full = await follow(client)
  const second = follow(client, "patch")
  await until("patches are asked for", () => requests.length === 2)
  server.peer.push("mesh/record-update", update({ full: { n: 2 }, version: 2 }))
  const patches = [2, 3].map((version) => ({ version, patch: [{ op: "replace", path: "/n", value: version }] }))
  server.peer.send({ id: requests[1]!.id, command: subscribe, payload: { success: true, recovered: true, patches, version: 3, epoch: "e" } })
  server.peer.push("mesh/record-update", update({ patch: [{ op: "replace", path: "/n", value: 4 }], version: 4 }))
  const patch = await second
  await flushed(client, server)
  expect(full.updates.map(({ full, version }) => [full, version])).toEqual([[{ n: 2 }, 2], [{ n: 3 }, 3], [{ n: 4 }, 4]])
  const seen = [patch.subscribed.version, ...patch.updates.map(({ version }) => version)]
  expect(seen).toEqual([1, 2, 3, 4])
  expect(patch.updates.reduce((document: any, { patch, full }) => (patch ? applyPatch(document, patch) : full), patch.subscribed.record)).toEqual({ n: 4 })
})

test("the subscription ends on the wire with the last follower", async () => {
  const server = await serving({ record: 1, version: 1, epoch: "e" }, ({ command }) => command === "mesh/unsubscribe-record")
  const client = await connected(server.url)
  const [a, b] = [await follow(client), await follow(client)]
  expect(await a.subscribed.unsubscribe()).toBe(true)
  expect(await a.subscribed.unsubscribe()).toBe(false)
  server.peer.push("mesh/record-update", update({ full: 2, version: 2 }))
  await until("the other has it", () => b.updates.length === 1)
  expect(a.updates).toEqual([])
  expect(asked(server.peer, "mesh/unsubscribe-record")).toEqual([])
  expect(await b.subscribed.unsubscribe()).toBe(true)
  expect(asked(server.peer, "mesh/unsubscribe-record")).toEqual([{ recordId: "r" }])
  expect(await client.unsubscribeRecord("r")).toBe(false)
})

test("a callback that throws, and one that subscribes or ends others, leaves the rest alone", async () => {
  const server = await serving({ record: 1, version: 1, epoch: "e" }, () => true)
  const client = newClient(server.url)
  const errors: Error[] = []
  client.on("error", (error) => void errors.push(error))
  const told: string[] = []
  let late: Promise<unknown> | undefined
  await client.subscribeRecord("r", ({ version }) => {
    told.push(`a${version}`)
    if (version === 2) {
      void ended.unsubscribe()
      late = client.subscribeRecord("r", ({ version }) => void told.push(`d${version}`))
    }
    throw new Error("a")
  })
  await client.subscribeRecord("r", async ({ version }) => {
    told.push(`b${version}`)
    throw new Error("b")
  })
  const ended = await client.subscribeRecord("r", ({ version }) => void told.push(`c${version}`))
  server.peer.push("mesh/record-update", update({ full: 2, version: 2 }))
  await until("it has come", () => late !== undefined)
  expect(await late).toMatchObject({ success: true, record: 2, version: 2 })
  server.peer.push("mesh/record-update", update({ full: 3, version: 3 }))
  await flushed(client, server)
  expect(told).toEqual(["a2", "b2", "a3", "b3", "d3"])
  expect(errors.map(({ message }) => message)).toEqual(["a", "b", "a", "b"])
})

test("the server ends the subscription", async () => {
  const server = await serving({ record: 1, version: 1, epoch: "e" }, () => true)
  const client = await connected(server.url)
  const reasons: string[] = []
  await client.subscribeRecord("r", () => {}, { onUnsubscribed: (reason) => void reasons.push(reason) })
  server.peer.push("mesh/unsubscribed", { kind: "record", name: "r", reason: "kicked" })
  await until("it is told", () => reasons.length === 1)
  expect(reasons).toEqual(["kicked"])
  expect(await client.unsubscribeRecord("r")).toBe(false)
})
