import { describe, expect, test } from "vitest"
import { MeshError, type MeshClient, type PresenceUpdate, type RecordUpdate, type CollectionDiff } from "../src"
import { connected } from "./support/client"
import { everything, startHost, startRedis, type Host } from "./support/host"
import { until } from "./support/wait"

// Every method, wherever the server keeps what it knows, and with the two clients on one node or on two.

const conformance = { plugins: ["conformance-go.wasm"], config: `${everything}[plugins.conformance]\nhttp = ["http://127.0.0.1:9"]\n` }

const setups: [string, () => Promise<Host[]>][] = [
  ["one node in memory", async () => [await startHost(conformance)]],
  ["one node on Redis", async () => [await startHost({ ...conformance, redis: await startRedis() })]],
  ["two nodes on Redis", async () => {
    const redis = await startRedis()
    return [await startHost({ ...conformance, redis }), await startHost({ ...conformance, redis })]
  }],
]

/** Two clients, each on a node of its own where there are two. */
async function pair(start: () => Promise<Host[]>): Promise<{ ann: MeshClient; bob: MeshClient; host: Host }> {
  const hosts = await start()
  const host = hosts[0]!
  return { host, ann: await connected(host.url), bob: await connected(hosts[hosts.length - 1]!.url) }
}

const bare = (update: PresenceUpdate): object => {
  const { timestamp, ...rest } = update
  expect(timestamp).toBeGreaterThan(1e12)
  return rest
}

describe.each(setups)("%s", (_, start) => {
  test("connection: connect, status, connectionId, command, on, close", async () => {
    const { ann, bob } = await pair(start)
    expect(ann.status).toBe("online")
    expect(ann.connectionId).toMatch(/./)
    expect(ann.connectionId).not.toBe(bob.connectionId)
    expect(await ann.command("echo", { a: [1, null, "x"] })).toEqual({ a: [1, null, "x"] })
    const refusal = await ann.command("no.such").catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(MeshError)
    expect(refusal).toMatchObject({ code: "ENOTFOUND", name: "CommandError" })
    const ended: unknown[] = []
    ann.on("disconnect", (code) => ended.push(code))
    await ann.close()
    expect([ann.status, ended]).toEqual(["offline", [1000]])
  })

  test("channels: subscribeChannel, publishChannel, getChannelHistory, unsubscribeChannel and their short names", async () => {
    const { ann, bob } = await pair(start)
    const heard: unknown[] = []
    const take = (message: unknown): void => void heard.push(message)
    expect(await ann.subscribeChannel("kept:a", take)).toMatchObject({ success: true, history: [] })
    expect(await ann.subscribe("plain:a", take)).toMatchObject({ success: true, history: [] })
    expect(await bob.publishChannel("kept:a", "one")).toMatchObject({ success: true, offset: 1 })
    expect(await bob.publishChannel("kept:a", { two: 2 })).toMatchObject({ success: true, offset: 2 })
    await until("both have come", () => heard.length === 2)
    expect(await bob.publishChannel("plain:a", "three")).toMatchObject({ success: true })
    await until("all have come", () => heard.length === 3)
    expect(heard).toEqual(["one", '{"two":2}', "three"])
    expect(await bob.getChannelHistory("kept:a", { limit: 1 })).toMatchObject({ success: true, history: ['{"two":2}'], offset: 2 })
    expect(await bob.subscribeChannel("kept:a", () => {}, { historyLimit: 10 })).toMatchObject({ success: true, history: ['{"two":2}', "one"], offset: 2 })
    expect(await ann.unsubscribeChannel("kept:a")).toBe(true)
    expect(await ann.unsubscribe("plain:a")).toBe(true)
    expect(await ann.unsubscribeChannel("kept:a")).toBe(false)
    expect(await ann.subscribeChannel("closed", take)).toMatchObject({ success: false, history: [] })
    expect(await ann.publishChannel("closed", "x")).toMatchObject({ success: false, error: { code: "EDENIED" } })
    expect(await ann.getChannelHistory("closed")).toMatchObject({ success: false, history: [] })
    expect(heard.length).toBe(3)
  })

  test("rooms and presence: joinRoom, leaveRoom, subscribePresence, unsubscribePresence, publishPresenceState, clearPresenceState", async () => {
    const { ann, bob } = await pair(start)
    const [a, b, room] = [ann.connectionId!, bob.connectionId!, "tracked:r"]
    const seen: object[] = []
    const joined = await ann.joinRoom(room, (update) => seen.push(bare(update)))
    expect(joined).toMatchObject({ success: true, present: [a] })
    const watched: object[] = []
    expect(await bob.subscribePresence(room, (update) => watched.push(bare(update)))).toMatchObject({ success: true, present: [a], states: {} })
    expect(await bob.joinRoom(room)).toMatchObject({ success: true })
    expect(await bob.publishPresenceState(room, { state: { typing: true } })).toBe(true)
    expect(await bob.clearPresenceState(room)).toBe(true)
    expect(await bob.leaveRoom(room)).toMatchObject({ success: true })
    const changes = [
      { type: "join", connectionId: b, roomName: room },
      { type: "state", connectionId: b, roomName: room, state: { typing: true } },
      { type: "state", connectionId: b, roomName: room, state: null },
      { type: "leave", connectionId: b, roomName: room },
    ]
    await until("both have seen it", () => seen.length >= 4 && watched.length >= 4)
    expect(seen).toEqual(changes)
    expect(watched).toEqual(changes)
    expect(await bob.unsubscribePresence(room)).toBe(true)
    expect(await bob.unsubscribePresence(room)).toBe(false)
    expect(await ann.leaveRoom(room)).toMatchObject({ success: true })
    expect(await ann.subscribePresence("untracked", () => {})).toMatchObject({ success: false, present: [] })
    expect(await ann.publishPresenceState(room, { state: 1 })).toBe(false)
  })

  test("records: subscribeRecord, publishRecordUpdate, setRecord, transaction, unsubscribeRecord", async () => {
    const { ann, bob } = await pair(start)
    const [full, patches]: [RecordUpdate[], RecordUpdate[]] = [[], []]
    expect(await ann.subscribeRecord("open:a", (update) => full.push(update))).toMatchObject({ success: true, record: null, version: 0 })
    expect(await bob.subscribeRecord("open:a", (update) => patches.push(update), { mode: "patch" })).toMatchObject({ success: true, record: null, version: 0 })
    expect(await bob.publishRecordUpdate("open:a", { text: "tea", n: 1 })).toBe(true)
    expect(await ann.publishRecordUpdate("open:a", { n: 2 }, { strategy: "merge" })).toBe(true)
    expect(await ann.setRecord("open:a", { text: "tea", n: 3 }, { expectVersion: 2 })).toMatchObject({ version: 3 })
    await expect(ann.setRecord("open:a", 0, { expectVersion: 1 })).rejects.toMatchObject({ code: "ECONFLICT", data: { version: 3 } })
    const { results } = await bob.transaction([{ op: "write", recordId: "open:b", value: 0 }, { op: "delete", recordId: "open:a" }])
    expect(results).toMatchObject([{ op: "write", version: 1 }, { op: "delete", version: 4 }])
    await until("both have all versions", () => full.length >= 4 && patches.length >= 4)
    expect(full.map(({ version, full, deleted }) => [version, deleted ?? full])).toEqual([[1, { text: "tea", n: 1 }], [2, { text: "tea", n: 2 }], [3, { text: "tea", n: 3 }], [4, true]])
    expect(patches.map(({ version, value }) => [version, value])).toEqual([[1, { text: "tea", n: 1 }], [2, { text: "tea", n: 2 }], [3, { text: "tea", n: 3 }], [4, null]])
    expect(patches[1]!.patch).toEqual([{ op: "replace", path: "/n", value: 2 }])
    expect(await ann.subscribeRecord("open:b", () => {})).toMatchObject({ success: true, record: 0, version: 1 })
    expect(await ann.publishRecordUpdate("read:a", 1)).toBe(false)
    expect(await ann.subscribeRecord("closed", () => {})).toMatchObject({ success: false, record: null, version: 0 })
    expect(await ann.unsubscribeRecord("open:a")).toBe(true)
    expect(await ann.unsubscribeRecord("open:a")).toBe(false)
  })

  test("optimistic writes are shown at once, and taken back where they are refused", async () => {
    const { ann, bob } = await pair(start)
    const shown: unknown[] = []
    await ann.subscribeRecord("open:o", ({ full }) => shown.push(full))
    await bob.setRecord("open:o", "theirs")
    await until("it is seen", () => shown.length === 1)
    const write = ann.publishRecordUpdate("open:o", "mine", { optimistic: true })
    expect(shown).toEqual(["theirs", "mine"])
    expect(await write).toBe(true)
    expect(await ann.publishRecordUpdate("open:o", "late", { optimistic: true, expectVersion: 1 })).toBe(false)
    await until("what was refused is taken back", () => shown[shown.length - 1] === "mine" && shown.includes("late"))
  })

  test("collections: subscribeCollection, unsubscribeCollection", async () => {
    const { ann, bob, host } = await pair(start)
    await host.op("records.set", { recordId: "open:1", value: { board: "x", rank: 1 } })
    const diffs: CollectionDiff[] = []
    const first = await ann.subscribeCollection("board:x", { onDiff: (diff) => diffs.push(diff) })
    expect(first).toMatchObject({ success: true, ids: ["open:1"], records: [{ id: "open:1", record: { board: "x", rank: 1 }, version: 1 }] })
    await bob.setRecord("open:2", { board: "x", rank: 0 })
    await until("it has joined", () => diffs.length === 1)
    expect(diffs[0]).toMatchObject({ added: [{ id: "open:2", record: { board: "x", rank: 0 } }], removed: [], changed: [] })
    await bob.setRecord("open:2", { board: "x", rank: 5 })
    await until("it has changed", () => diffs.length === 2)
    expect(diffs[1]).toMatchObject({ added: [], removed: [], changed: [{ id: "open:2", record: { board: "x", rank: 5 } }] })
    await bob.setRecord("open:2", { board: "y" })
    await until("it has left", () => diffs.some(({ removed }) => removed.length > 0))
    expect(await ann.unsubscribeCollection("board:x")).toBe(true)
    expect(await ann.unsubscribeCollection("board:x")).toBe(false)
    expect(await ann.subscribeCollection("closed")).toMatchObject({ success: false, ids: [], records: [], version: 0 })
  })

  test("metadata: getConnectionMetadata, setConnectionMetadata, getRoomMetadata", async () => {
    const { ann, bob, host } = await pair(start)
    expect(await ann.getConnectionMetadata()).toBe(null)
    expect(await ann.setConnectionMetadata({ nick: "Ann" })).toBe(true)
    expect(await ann.setConnectionMetadata({ admin: true })).toBe(false)
    expect(await ann.getConnectionMetadata()).toEqual({ nick: "Ann" })
    expect(await bob.getConnectionMetadata(ann.connectionId)).toBe(null)
    await Promise.all([ann.joinRoom("r"), bob.joinRoom("r")])
    await until("it may be read", async () => ((await bob.getConnectionMetadata(ann.connectionId)) as { nick?: string } | null)?.nick === "Ann")
    await host.op("rooms.metadata.set", { roomName: "r", metadata: { topic: "tea" } })
    await until("the room's may be read", async () => ((await bob.getRoomMetadata("r")) as { topic?: string } | null)?.topic === "tea")
    expect(await ann.getRoomMetadata("elsewhere")).toBe(null)
  })

  test("pushes come under their names, and as message and push", async () => {
    const { ann, host } = await pair(start)
    const heard: unknown[] = []
    ann.on("hello.there", (payload: unknown) => heard.push(payload))
    ann.on("push", ({ command }) => heard.push(command))
    await host.op("connections.send", { to: [ann.connectionId], command: "hello.there", payload: { n: 1 } })
    await until("it has come", () => heard.length === 2)
    expect(heard).toEqual(["hello.there", { n: 1 }])
  })
})
