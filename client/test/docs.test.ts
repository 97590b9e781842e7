import { execFile } from "node:child_process"
import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { transformSync } from "esbuild"
import ts from "typescript"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { installPacked } from "../scripts/packed.mjs"
import { startHost, type Host } from "./support/host"
import { patience } from "./support/wait"

// The examples of the documentation, as a reader would run them: with the package as it is
// published, against the real host with the page's configuration.

const root = join(import.meta.dirname, "../..")

interface Example { page: string; line: number; language: string; text: string }

// examplesOf finds the blocks of code of a page, or of one of its sections.
function examplesOf(page: string, section = ""): Example[] {
  const lines = readFileSync(join(root, page), "utf8").split("\n")
  const from = section ? lines.indexOf(section) : 0
  if (from < 0) throw new Error(`${page} has no section "${section}"`)
  const found: Example[] = []
  let open: Example | undefined
  for (const [i, line] of lines.entries()) {
    if (i < from || !line.startsWith("```")) {
      if (open) open.text += `${line}\n`
      else if (section && i > from && line.startsWith("## ")) break
    } else if (open) {
      found.push(open)
      open = undefined
    } else open = { page, line: i + 1, language: line.slice(3), text: "" }
  }
  return found
}

const guide = examplesOf("docs/CLIENT.md")
const others = [...examplesOf("client/README.md"), ...examplesOf("README.md", "## A client")]
const only = (language: string): Example => guide.find((example) => example.language === language)!
const programs = [...guide, ...others].filter(({ language }) => language === "ts" || language === "tsx")
const file = ({ page, line, language }: Example): string => `${page.replace(/\W+/g, "-")}-${line}.${language}`

// program is an example with what it takes for granted: a client.
function program({ text }: Example, url: string): string {
  const given = (name: string): boolean => new RegExp(`^import [^"]*\\b${name}\\b|^const ${name} =`, "m").test(text)
  const imports = ["MeshClient", "MeshError"].filter((name) => !given(name))
  const lines = [`import { ${imports.join(", ")} } from "@mesh-host/client"`]
  if (!given("WebSocket")) lines.push('import WebSocket from "ws"', "globalThis.WebSocket ??= WebSocket as never")
  if (!given("client")) lines.push(`const client = new MeshClient("${url}", { WebSocket })`)
  return `${lines.join("\n")}\n${text.replaceAll("ws://localhost:8080", url)}\nexport {}\n`
}

const run = async (folder: string, name: string): Promise<string> => (await promisify(execFile)(process.execPath, [name], { cwd: folder, timeout: patience })).stdout

let folder: string
let host: Host
let end: () => Promise<void>
beforeAll(async () => {
  folder = installPacked(["ws", "@types/ws", "@types/node", "undici-types", "react", "@types/react", "csstype"])
  const config = `${only("toml").text}\n[plugins.conformance]\nhttp = ["http://127.0.0.1:9"]\n`
  host = await startHost({ config, plugins: ["conformance-go.wasm"] }, (ending) => (end = ending))
})
afterAll(async () => {
  await end?.()
  if (folder) rmSync(folder, { recursive: true, force: true })
})

test("the quick start prints what the page says", async () => {
  writeFileSync(join(folder, "hello.mjs"), only("js").text.replace("ws://localhost:8080", host.url))
  const output = (await run(folder, "hello.mjs")).trim().split("\n")
  expect(output).toEqual(only("").text.trim().split("\n"))
})

test("every example compiles", () => {
  expect(programs.length).toBeGreaterThan(15)
  const files = programs.map((example) => {
    writeFileSync(join(folder, file(example)), program(example, host.url))
    return join(folder, file(example))
  })
  const checked = ts.createProgram(files, {
    target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler, jsx: ts.JsxEmit.ReactJSX,
    lib: ["lib.es2022.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"], strict: true, noEmit: true, skipLibCheck: true, types: ["node"], typeRoots: [join(folder, "node_modules/@types")],
  })
  const wrong = ts.getPreEmitDiagnostics(checked)
  expect(ts.formatDiagnostics(wrong, { getCanonicalFileName: (name) => name, getCurrentDirectory: () => folder, getNewLine: () => "\n" })).toBe("")
})

describe("runs", () => {
  // The one with other addresses and a page's token is compiled only, and so are components.
  const runnable = programs.filter(({ language, text }) => language === "ts" && !text.includes("wss://"))
  test.each(runnable.map((example) => [`${example.page}, line ${example.line}`, example] as const))("%s", async (_, example) => {
    const name = file(example).replace(/ts$/, "mjs")
    const { code } = transformSync(program(example, host.url), { loader: "ts", format: "esm", target: "es2022" })
    writeFileSync(join(folder, name), `${code}\nawait client.close()\n`)
    await run(folder, name)
  })
})
