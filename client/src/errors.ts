import { isText } from "./frames"

/**
 * What a command, a subscription or a connection failed with.
 *
 * Codes of the server are those of the protocol (`ENOTFOUND`, `EDENIED`, `EPAYLOAD`, …).
 * The client has these, too: `EOFFLINE` (not connected, and the call was not to wait, or too many
 * already do), `ECONNECTION` (the connection was lost before the reply came, and whether the
 * command has run is unknown; or none could be made, with the close code in `data.code`),
 * `ETIMEOUT`, `EABORTED`, `ECLOSED` (the client was closed), `EPAYLOAD` (what JSON cannot say) and
 * `EPROTOCOL` (the server sent what makes no sense).
 */
export class MeshError extends Error {
  /** What went wrong, for programs. */
  readonly code: string
  /** What the server adds to the error, `{version}` of a conflict for example. */
  readonly data: unknown
  /** The id under which the server has logged an error of its own. */
  readonly ref: string | undefined

  constructor(message: string, code: string, name?: string, data?: unknown, ref?: string) {
    super(message)
    this.name = name ?? names[code] ?? "MeshError"
    this.code = code
    this.data = data
    this.ref = ref
  }
}

/** What errors are called, where they are not called MeshError. */
const names: Record<string, string> = { ETIMEOUT: "TimeoutError", EABORTED: "AbortError", EDENIED: "DeniedError" }

/** What the client's own errors say, before what they are about. */
const texts = {
  EOFFLINE: "No connection",
  ECONNECTION: "The connection was lost; the command may have run",
  ETIMEOUT: "It took too long",
  EABORTED: "It was ended",
  ECLOSED: "The client was closed",
  EDENIED: "Not allowed",
  EPAYLOAD: "It cannot be sent",
  EPROTOCOL: "The server makes no sense",
}

/** An error of the client's own; about says of what, and why: `channel news`, `mesh/noop, 5000 ms`. */
export function failure(code: keyof typeof texts, about?: string, data?: unknown): MeshError {
  return new MeshError(about ? `${texts[code]}: ${about}` : texts[code], code, undefined, data)
}

/** The failure of a server that sent what is none; thrown is what its reader threw. */
export function senseless(what: string, thrown: unknown): MeshError {
  return failure("EPROTOCOL", `${what}: ${asError(thrown).message}`)
}

/** Makes any thrown value an error. It never throws. */
export function asError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown
  try {
    return new Error(String(thrown))
  } catch {
    return new Error("unknown")
  }
}

/** The error that a failed command's payload tells of; undefined for a reply that is none. */
export function failureOf(payload: unknown): MeshError | undefined {
  const { error, code, name, data, ref } = (payload ?? {}) as Record<string, unknown>
  const text = (value: unknown): string | undefined => (isText(value) ? value : undefined)
  return isText(error) && isText(code) ? new MeshError(error, code, text(name), data, text(ref)) : undefined
}
