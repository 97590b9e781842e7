// Checks what npm would publish as its users meet it: in a folder of its own it is
// imported and required, and compiled against by each of TypeScript's ways to find a
// module. It looks at dist: build first.
import { execFileSync } from "node:child_process"
import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { publint } from "publint"
import { formatMessage } from "publint/utils"
import ts from "typescript"
import { installPacked } from "./packed.mjs"

const client = join(import.meta.dirname, "..")

// A program that uses both entries, so that their types have to be those of one package.
const program = `
import { MeshClient, MeshError, type MeshClientOptions } from "@mesh-host/client"
import { MeshProvider, useChannel, useMeshClient, useRecord } from "@mesh-host/client/react"
import { groupPresence } from "@mesh-host/client/groups"
import { memoryStore } from "@mesh-host/client/stores"
import { createElement, type ReactElement } from "react"

interface Api { [name: string]: (payload?: any) => any; add(terms: { a: number; b: number }): number }
const options: MeshClientOptions = { callTimeout: 1000, store: memoryStore() }
export const client = new MeshClient<Api, { news: { title: string } }>("ws://localhost", options)
export const group = groupPresence
export const sum: Promise<number> = client.command("add", { a: 1, b: 2 })
client.on("news", ({ title }) => title.length)
// @ts-expect-error it takes numbers
void client.command("add", { a: "1", b: 2 })
function Page(): ReactElement {
  const own: MeshClient = useMeshClient()
  const error: MeshError | undefined = useRecord<{ n: number }>("x", { client: own }).error
  const text: string[] = useChannel<string>(null).messages
  return createElement("p", null, text, error?.code)
}
export const app: ReactElement = createElement(MeshProvider, { client, children: createElement(Page) })
`

const ways = [
  { file: "esm.mts", module: "nodenext", moduleResolution: "nodenext" },
  { file: "cjs.cts", module: "nodenext", moduleResolution: "nodenext" },
  { file: "node16.mts", module: "node16", moduleResolution: "node16" },
  { file: "node16.cts", module: "node16", moduleResolution: "node16" },
  { file: "bundled.ts", module: "esnext", moduleResolution: "bundler" },
]

const runs = {
  "run.mjs": `
import assert from "node:assert/strict"
import { createRequire } from "node:module"
import * as core from "@mesh-host/client"
import * as react from "@mesh-host/client/react"
const require = createRequire(import.meta.url)
assert.deepEqual(Object.keys(require("@mesh-host/client")).sort(), Object.keys(core).sort())
assert.deepEqual(Object.keys(require("@mesh-host/client/react")).sort(), Object.keys(react).sort())
assert.equal(typeof core.MeshClient, "function")
assert.equal(typeof react.useChannel, "function")
assert.equal(require("@mesh-host/client/package.json").name, "@mesh-host/client")
`,
}

const failed = []
const attempt = (what, check) => {
  try {
    check()
  } catch (error) {
    failed.push(what)
    console.error(`package: ${what}\n${error.stdout ?? ""}${error.stderr ?? error.message}`)
  }
}

const libraries = new Map() // TypeScript's own, read once

// compile checks a file and what it gets of this package; others' declarations are their own affair.
function compile(file, { module, moduleResolution }) {
  const { options } = ts.convertCompilerOptionsFromJson({
    module, moduleResolution, target: "es2022", lib: ["es2022", "dom"], strict: true, noEmit: true, types: [],
  }, folder)
  const host = ts.createCompilerHost(options)
  const { getSourceFile } = host
  host.getSourceFile = (name, ...rest) => {
    if (!name.includes("/typescript/lib/")) return getSourceFile(name, ...rest)
    if (!libraries.has(name)) libraries.set(name, getSourceFile(name, ...rest))
    return libraries.get(name)
  }
  const checked = ts.createProgram([file], options, host)
  const ours = checked.getSourceFiles().filter(({ fileName }) => fileName === file || fileName.includes("/@mesh-host/client/"))
  if (ours.length < 3) throw new Error("the types of the package were not found")
  const wrong = [...checked.getOptionsDiagnostics(), ...checked.getGlobalDiagnostics(), ...ours.flatMap((source) => [...checked.getSyntacticDiagnostics(source), ...checked.getSemanticDiagnostics(source)])]
  if (wrong.length > 0) throw new Error(ts.formatDiagnostics(wrong, { getCanonicalFileName: (name) => name, getCurrentDirectory: () => folder, getNewLine: () => "\n" }))
}

const { messages, pkg } = await publint({ pkgDir: client, strict: true })
for (const message of messages) {
  failed.push(message.code)
  console.error(`package: ${formatMessage(message, pkg)}`)
}
for (const file of ["dist/react.js", "dist/react.cjs"]) {
  attempt(`${file} has the client in it a second time`, () => {
    const text = readFileSync(join(client, file), "utf8")
    if (/class Mesh(Client|Error)\b/.test(text)) throw new Error("it is to import @mesh-host/client")
    if (!text.startsWith('"use client"')) throw new Error('it does not begin with "use client"')
  })
}

const folder = installPacked(["react", "@types/react", "csstype"])
try {
  for (const { file, ...options } of ways) {
    writeFileSync(join(folder, file), program)
    attempt(`types for ${file}, ${options.moduleResolution}`, () => compile(join(folder, file), options))
  }
  for (const [file, text] of Object.entries(runs)) {
    writeFileSync(join(folder, file), text)
    attempt(file, () => execFileSync(process.execPath, [join(folder, file)], { encoding: "utf8", stdio: "pipe", timeout: 60_000 }))
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
if (failed.length > 0) {
  console.error(`package: ${failed.length} failed`)
  process.exit(1)
}
console.log(`package: right for ${ways.map(({ file }) => file).join(", ")}, import and require`)
