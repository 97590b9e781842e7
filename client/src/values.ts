/** What JSON has in containers, by their names. */
export type Members = Record<string, unknown>

/** Is it an object, or an array? */
export function isContainer(value: unknown): value is Members {
  return value !== null && typeof value === "object"
}

/** Is it an object, and no array? */
export function isMembers(value: unknown): value is Members {
  return isContainer(value) && !Array.isArray(value)
}

/** A copy of a JSON value that shares nothing with it. It throws of what JSON does not know. */
export function clone<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T
}

/** Are these the same JSON value? Numbers are compared by value, objects whatever the order of their members (RFC 6902, section 4.6). */
export function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (!isContainer(a) || !isContainer(b) || Array.isArray(a) !== Array.isArray(b)) return false
  const names = Object.keys(a)
  return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && equal(a[name], b[name]))
}
