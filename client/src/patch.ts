import { MeshError } from "./errors"
import { clone, equal, isContainer, type Members } from "./values"

/** An operation of a JSON Patch (RFC 6902). */
export type Operation =
  | { op: "add" | "replace" | "test"; path: string; value: unknown }
  | { op: "remove"; path: string }
  | { op: "move" | "copy"; from: string; path: string }

/**
 * Applies a JSON Patch to a document, which it changes, and returns what it became: another value
 * than document only where the patch replaces the whole. It throws a `MeshError` with the code
 * `EPATCH` if an operation does not apply, and then nothing has changed.
 */
export function applyPatch<T>(document: T, patch: Operation[]): T {
  patched(document, patch) // or it throws
  return run(document, clone(patch)) as T
}

/** What a patch makes of a value, which stays as it is, as the patch does: the result shares with both what operations do not change. */
export function patched(value: unknown, patch: unknown): unknown {
  return run(value, patch, new Set())
}

// run applies a patch; own are the containers that it may change, all without it.
function run(document: unknown, patch: unknown, own?: Set<unknown>): unknown {
  const root: Members = { "": document } // so that the whole is a member like any other: pointers begin with ""
  let at = 0
  try {
    (patch as Operation[]).forEach((operation, i) => {
      at = i
      apply(root, operation as Members, own)
    })
    return new Place(root, "").read()
  } catch {
    throw new MeshError(`Operation ${at} of the patch does not apply.`, "EPATCH")
  }
}

// What apply and Place throw, whatever it is, run reports.
function apply(root: Members, { op, path, from, value }: Members, own?: Set<unknown>): void {
  const at = (pointer: unknown): Place => new Place(root, pointer as string, own)
  if (op === "add") at(path).add(value)
  else if (op === "replace") at(path).replace(value)
  else if (op === "remove") at(path).remove()
  else if (op === "test") check(equal(at(path).read(), value))
  else if (op === "copy") at(path).add(clone(at(from).read()))
  else {
    check(op === "move" && !(path as string).startsWith(`${from as string}/`)) // not into itself
    const moved = at(from).remove()
    at(path).add(moved)
  }
}

/** What a JSON Pointer (RFC 6901) names: a member of a container that may be changed, and need not be there. */
class Place {
  readonly #container: Members
  readonly #name: string

  constructor(root: Members, pointer: string, own?: Set<unknown>) {
    check(!/^[^/]|~(?![01])/.test(pointer))
    const names = pointer.split("/").map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"))
    this.#container = root
    this.#name = names.shift()!
    for (const name of names) {
      let inner = this.read()
      check(isContainer(inner))
      if (own && !own.has(inner)) {
        own.add((inner = Array.isArray(inner) ? [...inner] : { ...(inner as Members) }))
        this.#put(inner)
      }
      this.#container = inner as Members
      this.#name = name
    }
  }

  read(): unknown {
    // An array's length is no member.
    check(Object.prototype.propertyIsEnumerable.call(this.#container, this.#name))
    return this.#container[this.#name]
  }

  replace(value: unknown): void {
    check(value !== undefined)
    this.read()
    this.#put(value)
  }

  add(value: unknown): void {
    check(value !== undefined)
    const list: unknown = this.#container
    if (!Array.isArray(list)) return this.#put(value)
    if (this.#name === "-" || this.#name === String(list.length)) list.push(value)
    else {
      this.read()
      list.splice(+this.#name, 0, value)
    }
  }

  remove(): unknown {
    const value = this.read()
    if (Array.isArray(this.#container)) this.#container.splice(+this.#name, 1)
    else delete this.#container[this.#name]
    return value
  }

  // put sets a member, also one whose name means something else in JavaScript.
  #put(value: unknown): void {
    Object.defineProperty(this.#container, this.#name, { value, writable: true, enumerable: true, configurable: true })
  }
}

function check(holds: boolean): void {
  if (!holds) throw new Error()
}
