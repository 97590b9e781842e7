// The package as npm would publish it, installed in a folder of its own.
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"

const client = join(import.meta.dirname, "..")

/**
 * Packs the package and unpacks it into the node_modules of a new folder, with other packages from
 * those of the client beside it. Whoever calls it removes the folder.
 */
export function installPacked(others) {
  if (!existsSync(join(client, "dist/react.d.cts"))) throw new Error("There is no build of the client: run npm run build first.")
  const folder = mkdtempSync(join(tmpdir(), "mesh-packed-"))
  try {
    const into = join(folder, "node_modules/@mesh-host/client")
    mkdirSync(into, { recursive: true })
    const [{ filename }] = JSON.parse(execFileSync("npm", ["pack", "--json", "--ignore-scripts", "--silent", "--pack-destination", folder], { cwd: client, encoding: "utf8" }))
    execFileSync("tar", ["-xzf", join(folder, filename), "-C", into, "--strip-components=1"])
    for (const name of others) {
      const link = join(folder, "node_modules", name)
      mkdirSync(dirname(link), { recursive: true })
      symlinkSync(join(client, "node_modules", name), link)
    }
    writeFileSync(join(folder, "package.json"), '{"private": true, "type": "module"}\n')
    return folder
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}
