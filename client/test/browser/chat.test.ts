import { expect, test } from "vitest"
import { withBrowser } from "../support/browser"
import type { Host } from "../support/host"
import { agree, startPages, Talker } from "../support/pages"
import { startProxy } from "../support/proxy"
import { rest } from "../support/wait"

const browser = withBrowser()

const enter = (address: string, name: string): Promise<Talker> => Talker.enter(browser(), address, name, "lobby")

/** Two windows that are both seen by both. */
async function two(host: Host): Promise<[Talker, Talker]> {
  const [ann, bob] = await Promise.all([enter(host.listen, "Ann"), enter(host.listen, "Bob")])
  await bothSeen(ann, bob)
  return [ann, bob]
}

async function bothSeen(ann: Talker, bob: Talker): Promise<void> {
  await ann.sees("Ann (you)", "Bob")
  await bob.sees("Ann", "Bob (you)")
}

test("two windows talk, and see who is there and who is typing", async () => {
  const host = await startPages(false)
  const [ann, bob] = await two(host)
  await ann.say("hello")
  await bob.say("is <b>this</b> right?")
  await agree(["hello", "is <b>this</b> right?"], ann, bob)
  await bob.window.page.type("#text", "well")
  await ann.window.shows("#typing", "Bob is typing…")
  await bob.window.page.fill("#text", "")
  await ann.window.shows("#typing", "")
  await bob.window.page.reload()
  await ann.sees("Ann (you)")
  await bob.window.page.click("#enter") // it knows the name
  await bothSeen(ann, bob)
  await agree(["hello", "is <b>this</b> right?"], ann, bob)
})

test("windows that were hidden show what was said meanwhile, once", async () => {
  const host = await startPages(false)
  const proxy = await startProxy(() => host.listen)
  const [ann, bob] = await two(host)
  const carl = await enter(proxy.address, "Carl")
  await carl.sees("Ann", "Bob", "Carl (you)")
  const texts = ["before"]
  await ann.say("before")
  await agree(texts, ann, bob, carl)
  await Promise.all([bob.window.hidden(true), carl.window.hidden(true)])
  proxy.freeze() // Bob's connection lives on, Carl's is dead and does not know it
  for (let i = 0; i < 5; i++) {
    texts.push(`behind ${i}`)
    await ann.say(`behind ${i}`)
  }
  await Promise.all([bob.window.hidden(false), carl.window.hidden(false)])
  await agree(texts, ann, bob, carl)
  await ann.sees("Ann (you)", "Bob", "Carl")
  await bob.sees("Ann", "Bob (you)", "Carl")
  await carl.sees("Ann", "Bob", "Carl (you)")
})

test.each([
  ["keeps", true],
  ["has forgotten", false],
])("windows come back to a server that was restarted and %s what was said", async (_, store) => {
  const host = await startPages(store)
  const [ann, bob] = await two(host)
  await ann.say("before")
  await agree(["before"], ann, bob)
  await host.stop("SIGKILL")
  await ann.window.shows("#state", "connecting…")
  await host.start()
  await bothSeen(ann, bob)
  await ann.window.shows("#state", "")
  await bob.window.shows("#state", "")
  await bob.say("after")
  await agree(store ? ["before", "after"] : ["after"], ann, bob)
})

/** What is said while Bob has no network: a message each second. */
async function tenSeconds(ann: Talker): Promise<string[]> {
  const texts = []
  for (let i = 0; i < 10; i++) {
    texts.push(`meanwhile ${i}`)
    const [said] = await Promise.allSettled([ann.say(`meanwhile ${i}`), rest(1_000)])
    if (said.status === "rejected") throw said.reason
  }
  return texts
}

test("a window whose network was away for ten seconds shows what was said meanwhile, once", { timeout: 90_000 }, async () => {
  const host = await startPages(false)
  // As the browser simulates it, connections stay as they are; in the other window they are dead.
  const proxy = await startProxy(() => host.listen)
  const [ann, bob] = await two(host)
  const carl = await enter(proxy.address, "Carl")
  await carl.sees("Ann", "Bob", "Carl (you)")
  await ann.say("before")
  await agree(["before"], ann, bob, carl)
  for (const { window } of [bob, carl]) await window.page.evaluate("document.querySelector('#log li').id = 'kept'")
  await Promise.all([bob.window.offline(true), carl.window.offline(true)])
  proxy.freeze()
  const texts = ["before", ...(await tenSeconds(ann))]
  await Promise.all([bob.window.offline(false), carl.window.offline(false)])
  await agree(texts, ann, bob, carl)
  await ann.sees("Ann (you)", "Bob", "Carl")
  await bob.sees("Ann", "Bob (you)", "Carl")
  await carl.sees("Ann", "Bob", "Carl (you)")
  await carl.say("back")
  await bob.say("me too")
  await agree([...texts, "back", "me too"], ann, bob, carl)
  for (const { window } of [bob, carl]) expect(await window.page.$("#kept")).not.toBeNull() // what was missed was added, and nothing shown anew
})
