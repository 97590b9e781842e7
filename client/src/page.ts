/** All of the package but the hooks for React, for pages that the server serves. */
export * from "./groups"
export * from "./index"
export * from "./stores"
