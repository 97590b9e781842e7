// What the tests share: the host that the Go test has started, its admin API,
// and clients that end with their test.
import assert from "node:assert/strict"
import { RealtimeClient } from "@prsm/realtime/client"

export const url = process.env.E2E_URL

/** How long what should happen at once may take on a busy machine, in ms. */
export const patience = 20_000

/** Calls an operation of the admin API and returns its result. */
export async function api(operation, request = {}, admin = process.env.E2E_ADMIN) {
  const response = await fetch(`${admin}/api/${operation}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(request),
  })
  const { result, error } = await response.json()
  if (error) throw new Error(`${operation}: ${error.message} (${error.code})`)
  return result
}

/** Publishes to a channel, as the server side does. */
export const publish = (channel, message) => api("channels.publish", { channel, message })

/** Makes a client that ends with the test; it has not connected yet. */
export function client(t, options, at = url) {
  const c = new RealtimeClient(at, { reconnectInterval: 20, ...options })
  t.after(() => c.close())
  return c
}

/** Makes a client that is connected. */
export async function connect(t, options, at) {
  const c = client(t, options, at)
  await c.connect()
  return c
}

/** Polls until a condition holds. */
export async function until(what, holds) {
  const end = Date.now() + patience
  while (!(await holds())) {
    if (Date.now() > end) assert.fail(`not within ${patience} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** Waits for an event of a client. */
export function event(c, name) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`no event ${name}`)), patience)
    c.once(name, (value) => {
      clearTimeout(late)
      resolve(value)
    })
  })
}

/** Collects what a callback is called with. */
export function inbox() {
  const all = []
  return {
    all,
    put: (value) => { all.push(value) },
    /** Waits until n values have come, and returns them. */
    async have(n) {
      await until(`${n} values; there are ${JSON.stringify(all)}`, () => all.length >= n)
      return all
    },
  }
}

/** The changes of presence among what a presence callback got, without times. */
export const changes = (box) => box.all.filter((u) => u.type).map(({ timestamp, ...change }) => {
  assert.equal(typeof timestamp, "number")
  return change
})
