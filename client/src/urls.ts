/** Adds a token to an address' query, in place of one that is there; without a token it stays. What is after a # is left out: servers do not see it, and WebSockets refuse it. */
export function withToken(url: string, name: string, token: string | null | undefined): string {
  const address = url.split("#", 1)[0]!
  if (token === null || token === undefined) return address
  const [path, ...query] = address.split("?")
  // What else is in the query stays as it was written.
  const parts = query.join("?").split("&").filter((part) => part && !new URLSearchParams(part).has(name))
  return `${path}?${[...parts, `${encodeURIComponent(name)}=${encodeURIComponent(token)}`].join("&")}`
}

/** A copy in random order. */
export function shuffled<T>(list: T[]): T[] {
  return list.map((one) => ({ one, at: Math.random() })).sort((a, b) => a.at - b.at).map(({ one }) => one)
}
