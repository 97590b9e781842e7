import { expect, test } from "vitest"
import { createDedupedPresenceHandler, groupPresence, type PresenceGroup } from "../src/groups"
import { connected } from "./support/client"
import { everything, startHost } from "./support/host"
import { until } from "./support/wait"

const update = (type: "join" | "leave", connectionId: string) => ({ type, connectionId, roomName: "r", timestamp: 1 })
const state = (connectionId: string, value: unknown, timestamp: number) => ({ type: "state" as const, connectionId, roomName: "r", state: value, timestamp })

/** Groups in short: `<group>=<members> <representative>:<state>`. */
const short = (groups: Map<string, PresenceGroup>): string[] =>
  [...groups].map(([id, group]) => `${id}=${[...group.members].join()} ${group.representative}:${JSON.stringify(group.state)}`)

test("connections are grouped, and a group shows the newest state of its members", async () => {
  let groups: string[] = []
  const handle = groupPresence({ getGroupId: async (id) => (id === "x" ? null : id[0]!), onUpdate: (now) => (groups = short(now)) })
  const first = { success: true, present: ["a1", "b1", "x"], states: { b1: "old" } }
  expect(await handle(first)).toBe(first)
  expect(groups).toEqual(["a=a1 a1:null", 'b=b1 b1:"old"', "conn:x=x x:null"])
  await handle(update("join", "a2"))
  await handle(state("a2", 2, 20))
  await handle(state("a1", 1, 10)) // an older one that came later
  expect(groups[0]).toBe("a=a1,a2 a2:2")
  await handle(state("a1", 3, 30))
  expect(groups[0]).toBe("a=a1,a2 a1:3")
  await handle(state("a1", null, 40))
  expect(groups[0]).toBe("a=a1,a2 a2:2")
  await handle(update("leave", "a2"))
  expect(groups[0]).toBe("a=a1 a1:null")
  await handle({ success: true, present: ["x"], states: {} })
  expect(groups).toEqual(["conn:x=x x:null"])
  await handle({ success: false, present: [], states: {} })
  expect(groups).toEqual(["conn:x=x x:null"])
})

test("who has left before it is known whose it is is not shown; who cannot be asked about is a group of its own", async () => {
  let groups: string[] = []
  const answers = new Map<string, (group: string) => void>()
  const handle = groupPresence({
    getGroupId: (id) => (id === "bad" ? Promise.reject(new Error("unknown")) : new Promise((resolve) => answers.set(id, resolve))),
    onUpdate: (now) => (groups = short(now)),
  })
  const [joined, other] = [handle(update("join", "a")), handle(update("join", "b"))]
  await handle(update("leave", "a"))
  await handle(state("b", "early", 1))
  expect(groups).toEqual([])
  answers.get("a")!("g")
  answers.get("b")!("g")
  await Promise.all([joined, other])
  expect(groups).toEqual(['g=b b:"early"'])
  await expect(handle(update("join", "bad"))).rejects.toThrow("unknown")
  expect(groups).toEqual(['g=b b:"early"', "conn:bad=bad bad:null"])
})

test("the tabs of a user are one group, by their metadata", async () => {
  const host = await startHost({ config: everything })
  const [one, two, three] = [await connected(host.url), await connected(host.url), await connected(host.url)]
  for (const [client, nick] of [[one, "ann"], [two, "ann"], [three, "bob"]] as const) await client.setConnectionMetadata({ nick })
  let groups = new Map<string, PresenceGroup>()
  const handle = createDedupedPresenceHandler({ getGroupId: async (id) => (await three.getConnectionMetadata(id))?.nick, onUpdate: (now) => (groups = now) })
  const joined = await three.joinRoom("tracked:g", handle)
  await handle({ states: {}, ...joined })
  await one.joinRoom("tracked:g")
  await two.joinRoom("tracked:g")
  await two.publishPresenceState("tracked:g", { state: "typing" })
  await until("ann is typing", () => groups.get("ann")?.state === "typing")
  expect([...groups].map(([id, { members }]) => [id, members.size])).toEqual([["bob", 1], ["ann", 2]])
  await two.close()
  await until("one tab is left", () => groups.get("ann")?.members.size === 1)
  expect(groups.get("ann")).toMatchObject({ state: null, representative: one.connectionId })
})
