import type { Options } from "tsup"
import { mangleProps } from "./mangle"

/** Where the server has its copy of the client, for the pages that it serves. */
export const page = "../host/static/client.js"

/** The client as one file for pages without a bundler. */
export default {
  entry: { client: "src/page.ts" },
  outDir: "../host/static",
  format: "esm",
  outExtension: () => ({ js: ".js" }),
  target: "es2022",
  minify: true,
  esbuildOptions: (options) => {
    options.mangleProps = mangleProps
  },
  banner: { js: "/*! @mesh-host/client, Apache-2.0. Made by \"npm run bundle\" in the folder client. */" },
  splitting: false,
  dts: false,
  sourcemap: false,
  clean: false,
} satisfies Options
