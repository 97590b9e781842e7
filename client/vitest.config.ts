import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const source = (name: string): string => fileURLToPath(new URL(`src/${name}.ts`, import.meta.url))

export default defineConfig({
  resolve: {
    // The package by its name is its source here.
    alias: [
      { find: /^@mesh-host\/client$/, replacement: source("index") },
      { find: /^@mesh-host\/client\/react$/, replacement: source("react") },
    ],
  },
  test: {
    include: ["test/**/*.test.ts", "test/**/*.test.tsx"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Most tests wait for something, so more run at once than there are processors.
    minWorkers: 4,
    maxWorkers: 4,
    // A rejection that nobody handles fails the run.
    dangerouslyIgnoreUnhandledErrors: false,
  },
})
