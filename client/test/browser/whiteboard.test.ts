import { expect, test } from "vitest"
import { withBrowser } from "../support/browser"
import type { Host } from "../support/host"
import { Artist, samePicture, startPages } from "../support/pages"
import { rest, until } from "../support/wait"

const browser = withBrowser()

/** Two windows at the same board. */
function two(host: Host): Promise<[Artist, Artist]> {
  return Promise.all([Artist.enter(browser(), host.listen, "Ann", "garden"), Artist.enter(browser(), host.listen, "Bob", "garden")])
}

/** What the server has of the board, by colors. */
async function colors(host: Host): Promise<string[]> {
  const { value } = await host.op("records.get", { recordId: "board:garden" })
  return Object.values(value as Record<string, { color: string } | null>).flatMap((item) => item?.color ?? []).sort()
}

test("two windows see each other's cursors, and what is drawn", async () => {
  const host = await startPages(false)
  const [ann, bob] = await two(host)
  await ann.point(100, 100)
  await bob.seesCursorAt("Ann", 100, 100)
  await bob.point(1500, 900)
  await ann.seesCursorAt("Bob", 1500, 900)
  await ann.draw([200, 200], [600, 200])
  await bob.draw([200, 600], [600, 600])
  await samePicture([[400, 200], [400, 600]], ann, bob)
  await bob.window.page.click("#undo")
  await samePicture([[400, 200]], ann, bob)
  expect(await ann.inked([400, 600])).toBe(false)
  await ann.window.page.click("#leave")
  await bob.seesCursors()
})

test("a window that was hidden shows what was drawn meanwhile", async () => {
  const host = await startPages(false)
  const [ann, bob] = await two(host)
  await ann.point(100, 100)
  await bob.seesCursors("Ann")
  await bob.window.hidden(true)
  for (let y = 200; y <= 800; y += 200) await ann.draw([200, y], [600, y])
  await bob.window.hidden(false)
  await samePicture([[400, 200], [400, 400], [400, 600], [400, 800]], ann, bob)
  await bob.seesCursorAt("Ann", 600, 800)
})

test("windows come back to a server that was restarted, with what was drawn meanwhile", async () => {
  const host = await startPages(true)
  const [ann, bob] = await two(host)
  await ann.draw([200, 200], [600, 200])
  await samePicture([[400, 200]], ann, bob)
  await host.stop()
  for (const { window } of [ann, bob]) await window.shows("#state", "connecting…")
  await ann.draw([200, 400], [600, 400])
  await bob.draw([200, 600], [600, 600])
  await until("both see their own", async () => (await ann.inked([400, 400])) && (await bob.inked([400, 600])))
  await host.start()
  await samePicture([[400, 200], [400, 400], [400, 600]], ann, bob)
  await ann.seesCursors("Bob")
  await bob.seesCursors("Ann")
})

test("a window whose network was away for ten seconds shows what was drawn meanwhile, and others what it has drawn", { timeout: 90_000 }, async () => {
  const host = await startPages(false)
  const [ann, bob] = await two(host)
  await ann.window.page.click('[value="red"]')
  await bob.window.page.click('[value="blue"]')
  await ann.draw([200, 100], [300, 100])
  await samePicture([[250, 100]], ann, bob)
  await bob.window.offline(true)
  const places: [number, number][] = []
  for (let i = 0; i < 10; i++) {
    const y = 150 + 50 * i
    const [drawn] = await Promise.allSettled([ann.draw([200, y], [300, y]), rest(1_000)])
    if (drawn.status === "rejected") throw drawn.reason
    places.push([250, y])
  }
  await bob.draw([800, 500], [1200, 500])
  await bob.window.offline(false)
  await samePicture([...places, [1000, 500]], ann, bob)
  expect((await colors(host)).includes("blue")).toBe(true)
  await ann.seesCursors("Bob")
  await bob.seesCursors("Ann")
})
