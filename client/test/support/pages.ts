import { startHost, type Host } from "./host"
import { Window } from "./browser"
import { until } from "./wait"
import type { Browser } from "playwright-core"

const config = `
[plugins.chat.config]
rate = 1000
[[collections]]
pattern = "/^cursors:(.+)$/"
records = "/^cursor:.+$/"
filter = {board = "$1"}
`

/** Starts a host that serves the examples' pages. */
export function startPages(store: boolean, afterwards?: (end: () => Promise<void>) => void): Promise<Host> {
  return startHost({ plugins: ["chat-go.wasm", "whiteboard-go.wasm"], config, files: "plugins/examples", store }, afterwards)
}

/** A window in a room of the chat. */
export class Talker {
  private constructor(readonly name: string, readonly window: Window) {}

  /** Opens the chat at an address, "host:port", and enters a room. */
  static async enter(browser: Browser, address: string, name: string, room: string): Promise<Talker> {
    const window = await Window.open(browser, `http://${address}/chat/page/#${room}`)
    await window.page.fill("#name", name)
    await window.page.click("#enter")
    await window.shows("#title", `#${room}`)
    return new Talker(name, window)
  }

  async say(text: string): Promise<void> {
    await this.window.page.fill("#text", text)
    await this.window.page.press("#text", "Enter")
    await until(`${this.name} has said ${text}`, async () => (await this.window.page.inputValue("#text")) === "")
  }

  /** All that was said, without who said it and when: the texts between them are what the author has written. */
  said(): Promise<string[]> {
    return this.window.page.$$eval("#log li:not(.notice)", (items) => items.map((item) => item.childNodes[1]!.textContent ?? ""))
  }

  /** All messages and notices. */
  log(): Promise<string[]> {
    return this.window.texts("#log li")
  }

  /** Waits until exactly these are shown to be there. */
  sees(...people: string[]): Promise<void> {
    return this.window.shows("#people span", ...people)
  }
}

/** Waits until all windows show the same log, with exactly these messages in it. */
export async function agree(texts: string[], ...talkers: Talker[]): Promise<void> {
  let logs: string[][] = []
  let said: string[][] = []
  const all = async (): Promise<boolean> => {
    logs = await Promise.all(talkers.map((talker) => talker.log()))
    said = await Promise.all(talkers.map((talker) => talker.said()))
    const [first] = logs
    return logs.every((log) => JSON.stringify(log) === JSON.stringify(first)) && said.every((list) => JSON.stringify(list) === JSON.stringify(texts))
  }
  await until("all windows show the same", all).catch((late: Error) => {
    throw new Error(`${late.message}\nexpected ${JSON.stringify(texts)}\nthey show ${logs.map((log) => JSON.stringify(log)).join("\n")}`)
  })
}

type Place = [x: number, y: number]

/** A window at a board of the whiteboard. */
export class Artist {
  private constructor(readonly name: string, readonly window: Window) {}

  /** Opens the whiteboard at an address, "host:port", and goes to a board. */
  static async enter(browser: Browser, address: string, name: string, board: string): Promise<Artist> {
    const window = await Window.open(browser, `http://${address}/whiteboard/page/#${board}`)
    await window.page.fill("#name", name)
    await window.page.click("#enter")
    await window.shows("#title", board)
    return new Artist(name, window)
  }

  /** Moves the pointer to a place of the board. */
  async point(...[x, y]: Place): Promise<void> {
    const box = (await this.window.page.locator("#canvas").boundingBox())!
    await this.window.page.mouse.move(box.x + (x * box.width) / 1600, box.y + (y * box.height) / 1000)
  }

  /** Draws a line. */
  async draw(from: Place, to: Place): Promise<void> {
    await this.point(...from)
    await this.window.page.mouse.down()
    await this.point(...to)
    await this.window.page.mouse.up()
  }

  /** Waits until exactly these people's cursors are shown. */
  async seesCursors(...people: string[]): Promise<void> {
    let seen: string[] = []
    await until(`${this.name} sees the cursors of ${people}`, async () => (seen = (await this.window.texts("#cursors span")).sort()).join() === people.join()).catch((late: Error) => {
      throw new Error(`${late.message}, but of ${seen}`)
    })
  }

  /** Waits until someone's cursor is shown at a place of the board. */
  async seesCursorAt(name: string, ...[x, y]: Place): Promise<void> {
    const where = (name: string): [number, number] => {
      const cursor = [...document.querySelectorAll("#cursors div")].find(({ textContent }) => textContent === name)
      if (!cursor) return [-1, -1]
      const at = cursor.getBoundingClientRect()
      const board = document.getElementById("canvas")!.getBoundingClientRect()
      return [((at.left - board.left) / board.width) * 1600, ((at.top - board.top) / board.height) * 1000]
    }
    await until(`${this.name} sees ${name}'s cursor at ${x}, ${y}`, async () => {
      const at = await this.window.page.evaluate(where, name)
      return Math.abs(at[0] - x) < 6 && Math.abs(at[1] - y) < 6
    })
  }

  /** Is there ink at a place? */
  inked([x, y]: Place): Promise<boolean> {
    return this.window.page.evaluate(([x, y]) => {
      const from = document.getElementById("canvas") as HTMLCanvasElement
      if (!from.width) return false // not drawn yet
      const to = new OffscreenCanvas(1, 1).getContext("2d")!
      to.drawImage(from, (x! * from.width) / 1600, (y! * from.height) / 1000, 1, 1, 0, 0, 1, 1)
      return to.getImageData(0, 0, 1, 1).data[3]! > 0
    }, [x, y])
  }

  /** The picture, to be compared with that of a window of the same size. */
  picture(): Promise<string> {
    return this.window.page.evaluate(() => (document.getElementById("canvas") as HTMLCanvasElement).toDataURL())
  }
}

/** Waits until all windows show the same picture, with ink at these places. */
export async function samePicture(places: Place[], ...artists: Artist[]): Promise<void> {
  await until(`all windows show the same, with ink at ${places.join("; ")}`, async () => {
    const pictures = await Promise.all(artists.map((artist) => artist.picture()))
    const inked = await Promise.all(artists.flatMap((artist) => places.map((place) => artist.inked(place))))
    return pictures.every((picture) => picture === pictures[0]) && inked.every(Boolean)
  })
}
