// subscribeChannel, unsubscribeChannel and getChannelHistory.
import assert from "node:assert/strict"
import { test } from "node:test"
import { api, connect, inbox, publish } from "./harness.js"

/** Publishes "<prefix> 1" to "<prefix> n". */
async function fill(channel, n, prefix = "m") {
  for (let i = 1; i <= n; i++) await publish(channel, `${prefix} ${i}`)
}

test("messages arrive in order, each once", async (t) => {
  const c = await connect(t)
  const got = inbox()
  assert.deepEqual(await c.subscribeChannel("plain:order", got.put), { success: true, history: [] })
  await fill("plain:order", 50)
  assert.deepEqual(await got.have(50), Array.from({ length: 50 }, (_, i) => `m ${i + 1}`))
})

test("what is no string arrives as its JSON text", async (t) => {
  const c = await connect(t)
  const got = inbox()
  await c.subscribeChannel("plain:json", got.put)
  for (const message of [{ a: [1, "x"] }, 7, null, "text", ""]) await publish("plain:json", message)
  assert.deepEqual(await got.have(5), ['{"a":[1,"x"]}', "7", "null", "text", ""])
})

test("a channel that is not exposed is refused", async (t) => {
  const c = await connect(t)
  const got = inbox()
  assert.deepEqual(await c.subscribeChannel("closed", got.put), { success: false, history: [] })
  assert.deepEqual(await c.getChannelHistory("closed"), { success: false, history: [] })
  assert.deepEqual(await publish("closed", "secret"), {})
  assert.equal(await c.command("rt/noop"), true)
  assert.deepEqual(got.all, [])
})

test("unsubscribeChannel ends it", async (t) => {
  const c = await connect(t)
  const got = inbox()
  await c.subscribeChannel("plain:end", got.put)
  await publish("plain:end", "one")
  await got.have(1)
  assert.equal(await c.unsubscribeChannel("plain:end"), true)
  assert.equal(await c.unsubscribeChannel("plain:end"), false)
  await publish("plain:end", "two")
  assert.equal(await c.command("rt/noop"), true)
  assert.deepEqual(got.all, ["one"])
})

test("history comes oldest first, the newest ones", async (t) => {
  const c = await connect(t)
  await fill("kept:history", 30)
  const got = inbox()
  const newest = Array.from({ length: 10 }, (_, i) => `m ${i + 21}`)
  assert.deepEqual(await c.subscribeChannel("kept:history", got.put, { historyLimit: 10 }), { success: true, history: newest })
  assert.deepEqual(got.all, newest)
  await publish("kept:history", "m 31")
  assert.deepEqual(await got.have(11), [...newest, "m 31"])
  assert.deepEqual(await c.subscribeChannel("kept:history", got.put), { success: true, history: [] })
})

test("getChannelHistory: limit, since an offset, since a time", async (t) => {
  const c = await connect(t)
  const history = async (options) => {
    const { success, history } = await c.getChannelHistory("kept:since", options)
    assert.equal(success, true)
    return history
  }
  assert.deepEqual(await history(), [])
  await fill("kept:since", 60)
  const all = Array.from({ length: 60 }, (_, i) => `m ${i + 1}`)
  assert.deepEqual(await history(), all.slice(10)) // 50
  assert.deepEqual(await history({ limit: 3 }), all.slice(57))
  assert.deepEqual(await history({ limit: 1000 }), all)
  assert.deepEqual(await history({ since: 55 }), all.slice(55))
  assert.deepEqual(await history({ since: "55" }), all.slice(55)) // as its types say
  assert.deepEqual(await history({ since: 20, limit: 5 }), all.slice(55))

  const past = (await api("channels.history", { channel: "kept:since", limit: 60 })).history
  const time = past[0].time // newest first
  while (Date.now() <= time + 1) await new Promise((resolve) => setImmediate(resolve))
  await publish("kept:since", "later")
  assert.deepEqual(await history({ since: time + 1 }), ["later"])
  assert.deepEqual(await history({ since: String(time + 1) }), ["later"])
  assert.deepEqual(await history({ since: Date.now() + 60_000 }), [])

  const got = inbox()
  assert.deepEqual((await c.subscribeChannel("kept:since", got.put, { historyLimit: 100, since: 59 })).history, ["m 60", "later"])
})

test("every subscriber gets every message, also while others come and go", async (t) => {
  const clients = []
  for (let i = 0; i < 10; i++) clients.push(await connect(t))
  const boxes = await Promise.all(clients.map(async (c) => {
    const box = inbox()
    await c.subscribeChannel("kept:many", box.put)
    return box
  }))
  const fickle = await connect(t)
  const churn = (async () => {
    for (let i = 0; i < 20; i++) {
      await fickle.subscribeChannel("kept:many", () => {})
      await fickle.unsubscribeChannel("kept:many")
    }
  })()
  await fill("kept:many", 40)
  await churn
  for (const box of boxes) assert.deepEqual(await box.have(40), Array.from({ length: 40 }, (_, i) => `m ${i + 1}`))
})
