import { defineConfig } from "vite"

export default defineConfig({
  esbuild: { jsx: "automatic" },
  // The client is a link into its own folder, where there is another React for its tests.
  resolve: { dedupe: ["react", "react-dom"] },
})
