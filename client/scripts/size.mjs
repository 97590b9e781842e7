// Says how large the client is in a page's bundle, minified and gzipped, and fails
// where that is more than it may be. It measures dist: build first.
import { gzipSync } from "node:zlib"
import { build } from "esbuild"

const bound = 12 * 1024 // bytes, for all of the package but the hooks for React

/** Bundles a module, given as its text, and tells how many bytes a page loads for it. */
async function sizeOf(contents, external = []) {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: import.meta.dirname },
    bundle: true, minify: true, format: "esm", target: "es2022", platform: "browser", write: false, external,
  })
  return gzipSync(outputFiles[0].contents, { level: 9 }).length
}

const all = await sizeOf('export * from "../dist/index.js"')
const client = await sizeOf('import { MeshClient } from "../dist/index.js"; globalThis.client = new MeshClient("/")')
const react = await sizeOf('export * from "../dist/react.js"', ["react", "@mesh-host/client"])
console.log(`all of @mesh-host/client: ${all} bytes, at most ${bound}`)
console.log(`only MeshClient:          ${client} bytes`)
console.log(`the hooks for React:      ${react} bytes, beside it`)
if (all > bound) {
  console.error(`size: the client is ${all - bound} bytes larger than it may be`)
  process.exit(1)
}
