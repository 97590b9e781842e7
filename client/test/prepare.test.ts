import { describe, expect, it } from "vitest"
import { newClient } from "./support/client"
import { scripted } from "./support/scripted"
import { until } from "./support/wait"

describe("prepare", () => {
  it("goes ahead of calls that wait, on each connection", async () => {
    const server = await scripted(({ command, payload }) => (command === "login" && payload.fail ? { error: "no", code: "ENO" } : true))
    const client = newClient(server.url, { prepare: (call) => call("login", { name: "ann" }) })
    expect(await client.command("early")).toBe(true)
    expect(server.peer.requests.map(({ command }) => command)).toEqual(["login", "early"])
    server.peer.socket.close(4100)
    await until("it has noticed", () => client.status !== "online")
    await client.command("later")
    expect(server.peers).toHaveLength(2)
    expect(server.peer.requests.map(({ command, payload }) => `${command} ${payload.name ?? ""}`)).toEqual(["login ann", "later "])
  })

  it("is reported when it fails or takes too long, and the connection is used nevertheless", async () => {
    const server = await scripted(({ command }) => (command === "login" ? { error: "Who?", code: "EDENIED" } : command === "mute" ? undefined : true))
    for (const [command, code] of [["login", "EDENIED"], ["mute", "ETIMEOUT"]] as const) {
      const errors: any[] = []
      const client = newClient(server.url, { prepare: (call) => call(command), callTimeout: 1_000 })
      client.on("error", (error) => errors.push(error))
      await client.connect()
      expect(errors.map((error) => error.code)).toEqual([code])
      expect(await client.command("x")).toBe(true)
    }
  })

  it("belongs to its connection: what is restored waits for that of the present one", async () => {
    let late = () => {}
    const server = await scripted(({ command }) => (command === "login" ? undefined : true))
    let round = 0
    const client = newClient(server.url, {
      retryConnect: true,
      prepare: (call) => (++round === 1 ? new Promise<void>((resolve) => (late = resolve)) : call("name")),
    })
    const connected = client.connect()
    await until("it prepares", () => round === 1)
    server.peer.socket.close(4100)
    await connected
    late()
    await client.command("x")
    expect(server.peers.map((peer) => peer.requests.map(({ command }) => command))).toEqual([[], ["name", "x"]])
  })

  it("calls nothing on another connection than its own", async () => {
    let late = () => {}
    let round = 0
    let outcome = ""
    const server = await scripted(() => true)
    const client = newClient(server.url, {
      retryConnect: true,
      prepare: async (call) => {
        if (++round > 1) return call("login", "new")
        await new Promise<void>((resolve) => (late = resolve))
        await call("login", "old").catch(({ code }) => (outcome = code))
      },
    })
    const connected = client.connect()
    await until("it prepares", () => round === 1)
    server.peer.socket.close(4100)
    await connected
    late()
    await until("the first knows", () => outcome)
    await client.command("x")
    expect([outcome, server.peer.requests.map(({ payload }) => payload)]).toEqual(["ECONNECTION", ["new", {}]])
  })
})
