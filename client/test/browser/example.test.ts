import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { withBrowser, Window } from "../support/browser"
import { startHost } from "../support/host"
import { until } from "../support/wait"

const browser = withBrowser()
const folder = join(import.meta.dirname, "..", "..", "examples", "react")

/** The example's configuration, less where its page is. */
const config = readFileSync(join(folder, "config.toml"), "utf8").replace(/\[static\]\ndir = .*\n/, "")

test("the example in React: two windows count, talk and point, over a restart of the server", async () => {
  expect(existsSync(join(folder, "dist", "index.html")), "npm run build in examples/react makes its page").toBe(true)
  const host = await startHost({ config, files: "client/examples/react/dist", store: true })
  const windows = await Promise.all(["", ""].map(() => Window.open(browser(), `http://${host.listen}/`)))
  const [ann, bob] = windows as [Window, Window]
  const both = (selector: string, ...texts: string[]): Promise<unknown> => Promise.all(windows.map((window) => window.shows(selector, ...texts)))
  await both("header span", "online")
  await both(".field p", "You and 1 more. Move your pointer.")
  await Promise.all(windows.flatMap((window) => [1, 2, 3].map(() => window.page.click("button"))))
  await both("button", "6 clicks by everyone")
  await say(ann, "hello")
  await until("both have the message", async () => (await Promise.all(windows.map((window) => window.texts("li")))).every((texts) => texts.length === 1 && texts[0]!.endsWith(" hello")))
  await host.stop()
  await both("header span", "reconnecting")
  await host.start()
  await both("header span", "online")
  await both(".field p", "You and 1 more. Move your pointer.")
  await bob.page.click("button")
  await both("button", "7 clicks by everyone")
  await say(bob, "again")
  await until("both have both messages", async () => (await Promise.all(windows.map((window) => window.texts("li")))).every((texts) => texts.length === 2))
  await ann.page.mouse.move(300, 300)
  await until("bob sees where ann points", async () => (await bob.texts(".cursor")).length === 1)
})

async function say(window: Window, text: string): Promise<void> {
  await window.page.fill("input", text)
  await window.page.press("input", "Enter")
}
