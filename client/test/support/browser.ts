import { chromium, type Browser, type BrowserContext, type CDPSession, type Page } from "playwright-core"
import { afterAll, afterEach, beforeAll, expect } from "vitest"
import { until } from "./wait"

// startBrowser starts Debian's Chromium.
function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    ],
  })
}

/** A window of its own: nothing is shared with others but the browser's process. */
export class Window {
  /** Those of the present test. */
  static readonly all: Window[] = []
  readonly page: Page
  readonly #context: BrowserContext
  #devtools: CDPSession | undefined
  /** What the page's own code has thrown. */
  readonly thrown: Error[] = []

  private constructor(context: BrowserContext, page: Page) {
    this.#context = context
    this.page = page
    Window.all.push(this)
    page.setDefaultTimeout(20_000)
    page.on("pageerror", (error) => this.thrown.push(error))
  }

  static async open(browser: Browser, url: string): Promise<Window> {
    const context = await browser.newContext({ viewport: { width: 900, height: 800 } })
    const window = new Window(context, await context.newPage())
    await window.page.goto(url)
    return window
  }

  /** The texts of all elements that are selected. */
  texts(selector: string): Promise<string[]> {
    return this.page.$$eval(selector, (elements) => elements.map((element) => element.textContent ?? ""))
  }

  /** Waits until the selected elements have exactly these texts. */
  async shows(selector: string, ...texts: string[]): Promise<void> {
    let seen: string[] = []
    const same = async (): Promise<boolean> => JSON.stringify((seen = await this.texts(selector))) === JSON.stringify(texts)
    await until(`${selector} shows ${JSON.stringify(texts)}`, same).catch((late: Error) => {
      throw new Error(`${late.message}; it shows ${JSON.stringify(seen)}`)
    })
  }

  /**
   * Takes the network away, as the browser knows it, or gives it back. Chromium then holds back what
   * goes over connections that there are, and refuses new ones.
   */
  offline(offline: boolean): Promise<void> {
    return this.#context.setOffline(offline)
  }

  /**
   * Hides the window as a tab behind others, long enough for the browser to have its code stand
   * still; or shows it again. (What DevTools calls freezing does nothing to a page without a screen.)
   */
  async hidden(hidden: boolean): Promise<void> {
    this.#devtools ??= await this.#context.newCDPSession(this.page)
    if (!hidden) await this.#devtools.send("Debugger.resume")
    await this.page.evaluate((state) => {
      Object.defineProperty(document, "visibilityState", { value: state, configurable: true })
      document.dispatchEvent(new Event("visibilitychange"))
    }, hidden ? "hidden" : "visible")
    if (!hidden) return void (await this.#devtools.send("Debugger.disable"))
    const paused = new Promise((resolve) => this.#devtools!.once("Debugger.paused", resolve))
    await this.#devtools.send("Debugger.enable")
    await this.#devtools.send("Debugger.pause") // before the next statement
    this.page.evaluate("0").catch(() => {}) // a statement; it is done when the page goes on
    await paused
  }

  close(): Promise<void> {
    return this.#context.close()
  }
}

/**
 * Starts a browser for the tests of a file. What it returns gives it; windows end with their test,
 * and what their code has thrown by then is a failure.
 */
export function withBrowser(): () => Browser {
  let browser: Browser
  beforeAll(async () => {
    browser = await startBrowser()
  })
  afterEach(async () => {
    const windows = Window.all.splice(0)
    const thrown = windows.flatMap((window) => window.thrown)
    await Promise.all(windows.map((window) => window.close()))
    expect(thrown).toEqual([])
  })
  afterAll(() => browser.close())
  return () => browser
}
