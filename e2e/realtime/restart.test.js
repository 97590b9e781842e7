// The server goes and comes back while clients are connected.
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { test } from "node:test"
import { createInterface } from "node:readline"
import { api, connect, event, inbox, until } from "./harness.js"

/** Starts a host of our own; the addresses are those it printed. */
async function start(t, listen = "127.0.0.1:0", admin = "127.0.0.1:0") {
  const process_ = spawn(process.env.E2E_BINARY, ["serve", "--config", process.env.E2E_CONFIG, "--plugins", process.env.E2E_PLUGINS,
    "--listen", listen, "--admin", admin], { stdio: ["ignore", "pipe", "inherit"] })
  const ended = new Promise((resolve) => process_.once("exit", resolve))
  t.after(async () => {
    process_.kill("SIGKILL")
    await ended
  })
  for await (const line of createInterface({ input: process_.stdout })) {
    const found = /^mesh-host ready listen=(\S+) admin=(\S+)$/.exec(line)
    if (found) return { listen: found[1], admin: found[2], stop: (signal) => { process_.kill(signal); return ended } }
  }
  assert.fail("the host did not start")
}

for (const signal of ["SIGTERM", "SIGKILL"]) {
  test(`clients survive a server that ends by ${signal}`, async (t) => {
    let host = await start(t)
    const clients = []
    for (let i = 0; i < 5; i++) clients.push(await connect(t, { reconnectInterval: 50 }, `ws://${host.listen}`))
    const news = clients.map(() => inbox()), presence = clients.map(() => inbox())
    for (const [i, c] of clients.entries()) {
      await c.subscribeChannel("plain:news", news[i].put)
      assert.equal((await c.joinRoom("tracked:hall", presence[i].put)).success, true)
    }
    const back = clients.map((c) => event(c, "reconnect"))
    await host.stop(signal)
    host = await start(t, host.listen, host.admin)
    await Promise.all(back)
    const admin = `http://${host.admin}`
    await until("all are members again", async () => (await api("rooms.members", { roomName: "tracked:hall" }, admin)).members.length === 5)
    assert.deepEqual((await api("presence.list", { roomName: "tracked:hall" }, admin)).present, clients.map((c) => c.connectionId).sort())
    await api("channels.publish", { channel: "plain:news", message: "back" }, admin)
    for (const box of news) assert.deepEqual(await box.have(1), ["back"])
    await clients[0].publishPresenceState("tracked:hall", { state: "typing" })
    for (const box of presence) await until("the state", () => box.all.some((u) => u.type === "state" && u.state === "typing"))
    for (const c of clients) assert.equal(await c.command("rt/noop"), true)
  })
}
