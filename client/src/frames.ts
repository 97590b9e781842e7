/** A frame of the protocol: a request with an id, a reply with the same id, or a push without. */
export interface Frame {
  id?: unknown
  command: string
  payload?: unknown
}

/** Reads a frame; undefined for what is none. */
export function readFrame(data: unknown): Frame | undefined {
  try {
    if (isText(data)) return shape<Frame>(JSON.parse(data), { command: isText })
  } catch {} // it is none
}

/** Reads a member of what should be an object. */
export function member(value: unknown, name: string): unknown {
  return value !== null && typeof value === "object" ? (value as Record<string, unknown>)[name] : undefined
}

/** Says whether a value is what it should be. */
export type Check = (value: unknown) => boolean

/**
 * What the server sent, as what it must be: an object whose members pass their checks. It throws a
 * TypeError that names the first that does not; the client reports what `push` and a topic's
 * `begun` throw, as EPROTOCOL. Members without a check are passed over.
 */
export function shape<T extends object>(value: unknown, checks: { [Name in keyof T]?: Check }): T {
  if (value === null || typeof value !== "object") throw new TypeError("it is no object")
  for (const name in checks) if (!checks[name]!(member(value, name))) throw new TypeError(`its ${name} is wrong`)
  return value as T
}

export const isText = (value: unknown): value is string => typeof value === "string"

/** A version or an offset: a whole number from 0. */
export const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/** May be missing, or null. */
export const maybe = (check: Check): Check => (value) => value === undefined || value === null || check(value)

export const listOf = (check: Check): Check => (value) => Array.isArray(value) && value.every(check)
