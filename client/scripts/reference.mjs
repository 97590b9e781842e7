// Checks that docs/client-api is what npm run reference makes of the sources now, and
// that everything in it has a comment.
import { execFileSync } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const client = join(import.meta.dirname, "..")
const committed = join(client, "../docs/client-api")
const made = mkdtempSync(join(tmpdir(), "mesh-reference-"))
try {
  execFileSync(process.execPath, [join(client, "node_modules/typedoc/bin/typedoc"), "--logLevel", "Warn", "--out", made], { cwd: client, stdio: "inherit" })
  const read = (folder, name) => (existsSync(join(folder, name)) ? readFileSync(join(folder, name), "utf8") : undefined)
  const names = new Set([...readdirSync(made), ...(existsSync(committed) ? readdirSync(committed) : [])])
  const stale = [...names].filter((name) => read(made, name) !== read(committed, name))
  if (stale.length > 0) {
    console.error(`reference: docs/client-api is not that of these sources (${stale.join(", ")}); run npm run reference in the folder client`)
    process.exitCode = 1
  }
} finally {
  rmSync(made, { recursive: true, force: true })
}
