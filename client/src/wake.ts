/**
 * Calls wake whenever a page may have slept or its network come back; returns what ends that. Does
 * nothing where there is no page.
 */
export function onWake(wake: () => void): () => void {
  const { document, window } = globalThis as { document?: Document; window?: Window }
  const ends = new AbortController()
  document?.addEventListener?.("visibilitychange", () => {
    if (document.visibilityState === "visible") wake()
  }, ends)
  for (const name of ["pageshow", "online", "focus"]) window?.addEventListener?.(name, wake, ends)
  return () => ends.abort()
}
