import { execFile, spawn } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, cpSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"

const run = promisify(execFile)
const client = join(import.meta.dirname, "..", "..")
const realtime = join(client, "..", "e2e", "realtime")

/** How long a build, or an installation, may take, in ms. */
export const buildTime = 180_000

/** How a program of the test ended. */
export interface Ended {
  code: number | null
  output: string
}

/** The package as it is published, installed in a folder of the test. */
export class Built {
  // Below node_modules, so that programs there find the package ws.
  readonly #folder = mkdtempSync(join(client, "node_modules", ".built-"))

  /** Builds it. */
  async build(): Promise<void> {
    const installed = join(this.#folder, "node_modules", "@mesh-host", "client")
    mkdirSync(installed, { recursive: true })
    cpSync(join(client, "package.json"), join(installed, "package.json"))
    await run(process.execPath, [join(client, "node_modules", "tsup", "dist", "cli-default.js"), "--no-dts", "--out-dir", join(installed, "dist")], { cwd: client, timeout: buildTime })
  }

  /** Runs a program of it by a Node, "x.mjs" or "x.cjs", and resolves when it has ended by itself, or after 20 s. */
  async run(node: string, name: string, program: string, ...args: string[]): Promise<Ended> {
    const file = join(this.#folder, name)
    writeFileSync(file, program)
    const child = spawn(node, ["--unhandled-rejections=strict", file, ...args], { stdio: ["ignore", "pipe", "pipe"], timeout: 20_000, killSignal: "SIGKILL" })
    let output = ""
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += String(data)))
    const code = await new Promise<number | null>((resolve) => child.once("close", resolve))
    return { code, output }
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** The path of a Node that has a WebSocket of its own: that of the folder e2e/realtime, which is installed if it is not. */
export async function newerNode(): Promise<string> {
  const path = join(realtime, "node_modules", `node-linux-${process.arch}`, "bin", "node")
  if (!existsSync(path)) await run("npm", ["ci"], { cwd: realtime, timeout: buildTime })
  return path
}
