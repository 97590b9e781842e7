import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { build } from "tsup"
import { expect, onTestFinished, test } from "vitest"
import config, { page } from "../page.config"

test("the server's copy of the client is what the sources give", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mesh-client-bundle-"))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const root = join(import.meta.dirname, "..")
  await build({ ...config, config: false, entry: { client: join(root, "src", "page.ts") }, outDir: folder, silent: true })
  const fresh = readFileSync(join(folder, "client.js"), "utf8") === readFileSync(join(root, page), "utf8")
  expect(fresh, `${page} is older than the sources: run "npm run bundle" and commit it`).toBe(true)
})
