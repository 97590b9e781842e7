import { defineConfig, type Options } from "tsup"
import { mangleProps } from "./mangle"

const common: Options = {
  format: ["esm", "cjs"],
  target: "es2022",
  dts: true,
  sourcemap: true,
  outDir: "dist",
}

const core: Options = {
  ...common,
  minify: true,
  esbuildOptions: (options) => {
    options.mangleProps = mangleProps
  },
}

export default defineConfig([
  { ...core, entry: { index: "src/index.ts" } },
  // What not every application has use for.
  { ...core, entry: { stores: "src/stores.ts", groups: "src/groups.ts" }, splitting: false },
  {
    ...common,
    entry: { react: "src/react.ts" },
    // The hooks take the client from the package, so that there is one MeshClient, not two.
    external: ["react", "@mesh-host/client"],
    // For frameworks whose components run on the server unless they say this.
    banner: { js: '"use client";' },
  },
])
