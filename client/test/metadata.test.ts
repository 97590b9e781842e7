import { expect, test } from "vitest"
import type { MeshClient } from "../src"
import { OwnMetadata } from "../src/metadata"
import type { Wire } from "../src/wire"
import { connected } from "./support/client"
import { sent, usual, reconnected } from "./support/frames"
import { everything, startHost } from "./support/host"
import { scripted } from "./support/scripted"

async function renewed(client: MeshClient): Promise<void> {
  const back = new Promise<void>((resolve) => client.once("reconnect", () => resolve()))
  client.forceReconnect()
  await back
}

test("metadata is set, read, and set again: several writes make the same on a new connection", async () => {
  const host = await startHost()
  const client = await connected(host.url)
  expect(await client.getConnectionMetadata()).toBeNull()
  expect(await client.setConnectionMetadata({ nick: { first: "Ann", tags: [1] } }, { strategy: "deepMerge" })).toBe(true)
  expect(await client.setConnectionMetadata({ nick: { last: "Lee", tags: [2] } }, { strategy: "deepMerge" })).toBe(true)
  expect(await client.setConnectionMetadata({ color: "red" }, { strategy: "merge" })).toBe(true)
  expect(await client.setConnectionMetadata({ rank: 1 })).toBe(false)
  const before = client.connectionId
  await renewed(client)
  expect(client.connectionId).not.toBe(before)
  expect(await client.getConnectionMetadata()).toEqual({ nick: { first: "Ann", last: "Lee", tags: [2] }, color: "red" })

  expect(await client.setConnectionMetadata({ nick: "ann" })).toBe(true)
  expect(await client.getConnectionMetadata()).toEqual({ nick: "ann" })
  await renewed(client)
  expect(await client.getConnectionMetadata()).toEqual({ nick: "ann" })
})

test("metadata of others and of rooms is read by those who may; null to the others", async () => {
  const host = await startHost({ config: everything })
  const [a, b] = [await connected(host.url), await connected(host.url)]
  await a.setConnectionMetadata({ nick: "a" })
  expect(await b.getConnectionMetadata(a.connectionId)).toBeNull()
  await host.op("rooms.metadata.set", { roomName: "r", metadata: { topic: "tea" } })
  expect(await b.getRoomMetadata("r")).toBeNull()
  await a.joinRoom("r")
  await b.joinRoom("r")
  expect(await b.getConnectionMetadata(a.connectionId)).toEqual({ nick: "a" })
  expect(await b.getRoomMetadata("r")).toEqual({ topic: "tea" })
  expect(await b.getRoomMetadata("")).toBeNull()
})

test("metadata that the server refuses on a new connection is an error, and nothing else waits for it", async () => {
  const server = await scripted((request, peer) => (server.peers.length > 1 && request.command.endsWith("metadata") ? { error: "No.", code: "EDENIED" } : usual()(request, peer)))
  const client = await connected(server.url)
  const errors: string[] = []
  client.on("error", (error) => errors.push(error.message))
  await client.setConnectionMetadata({ nick: "a" })
  await client.joinRoom("r")
  expect(sent(await reconnected(client, server)).map(([command]) => command)).toEqual(["set-my-connection-metadata", "join-room"])
  expect(errors).toEqual(["No."])
})

type Write = [metadata: unknown, strategy?: "replace" | "merge" | "deepMerge"]

/** What a server makes of writes, with all keys writable by clients but those that begin with "srv". */
function applied(base: Record<string, unknown>, writes: Write[]): unknown {
  const isFields = (value: unknown): value is Record<string, unknown> => value !== null && typeof value === "object" && !Array.isArray(value)
  const deep = (a: unknown, b: unknown): unknown =>
    isFields(a) && isFields(b) ? { ...a, ...Object.fromEntries(Object.entries(b).map(([key, value]) => [key, deep(a[key], value)])) } : b
  let now = base
  for (const [metadata, strategy] of writes as [Record<string, unknown>, string?][]) {
    if (strategy === "merge") now = { ...now, ...metadata }
    else if (strategy === "deepMerge") now = deep(now, metadata) as typeof now
    else now = { ...Object.fromEntries(Object.entries(now).filter(([key]) => key.startsWith("srv"))), ...metadata }
  }
  return now
}

test.each<[string, Write[]]>([
  ["merges", [[{ a: 1, b: { x: 1 } }, "merge"], [{ b: { y: 2 } }, "merge"]]],
  ["deep merges", [[{ a: { x: 1 } }, "deepMerge"], [{ a: { y: { z: [1] } } }, "deepMerge"], [{ a: { y: { z: [2], w: 0 } } }, "deepMerge"]]],
  ["a deep merge after a merge", [[{ a: { x: 1 } }, "merge"], [{ a: { y: 2 }, b: { z: 3 } }, "deepMerge"]]],
  ["a merge after a deep merge", [[{ a: { x: 1 }, b: { z: 3 } }, "deepMerge"], [{ a: { y: 2 } }, "merge"]]],
  ["a deep merge after a replacement", [[{ a: { x: 1 } }, "merge"], [{ b: { x: 1 } }], [{ a: { y: 1 }, b: { y: 2 } }, "deepMerge"]]],
  ["a replacement after all", [[{ a: { x: 1 } }, "deepMerge"], [{ b: 2 }, "merge"], [{ c: 3 }]]],
  ["a key that means something in JavaScript", [[JSON.parse('{"__proto__": {"x": 1}}'), "deepMerge"], [JSON.parse('{"__proto__": {"y": 1}, "constructor": 1}'), "deepMerge"]]],
])("what is restored is what was written: %s", (_, writes) => {
  const again: Write[] = []
  const wire = { ask: (_command: string, { metadata, options }: { metadata: unknown; options: { strategy: "merge" } }) => again.push([metadata, options.strategy]) }
  const own = new OwnMetadata(wire as unknown as Wire)
  for (const [metadata, strategy] of writes) own.note(metadata, strategy)
  void own.restore()
  expect(again.length).toBeLessThanOrEqual(2)
  for (const base of [{}, { srv: { k: 1 } }, { srv: 1, a: { own: true, y: { v: 1 } }, b: { own: 1 } }]) {
    expect(JSON.stringify(sortedKeys(applied(base, again)))).toBe(JSON.stringify(sortedKeys(applied(base, writes))))
  }
})

function sortedKeys(value: unknown): unknown {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return value
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, member]) => [key, sortedKeys(member)])
}
