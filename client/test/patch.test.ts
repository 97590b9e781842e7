import fastJsonPatch from "fast-json-patch"
import { createRequire } from "node:module"
import { describe, expect, test } from "vitest"
import { applyPatch, MeshError, type Operation } from "../src"
import { patched } from "../src/patch"
import { clone, equal } from "../src/values"

interface Case {
  comment?: string
  doc: unknown
  patch: Operation[]
  expected?: unknown
  error?: string
  disabled?: boolean
}

const load = createRequire(import.meta.url)
const published = ["tests", "spec_tests"].flatMap((name) => load(`json-patch-test-suite/${name}.json`) as Case[])
// The cases that are disabled there need what JSON.parse does not do, but for one.
const cases = published.filter(({ disabled, comment }) => !disabled || comment === "Whole document")

test("the published cases are there", () => expect(cases.length).toBeGreaterThan(80))

describe.each(cases.map((one, i) => [`${i} ${one.comment ?? one.error ?? JSON.stringify(one.patch)}`, one] as const))("%s", (_, { doc, patch, expected, error }) => {
  test("a value that stays as it was", () => {
    const before = clone(doc)
    const frozen = deepFreeze(clone(doc))
    if (error !== undefined) expect(() => patched(frozen, patch)).toThrow(MeshError)
    else if (expected !== undefined) expect(patched(frozen, patch)).toEqual(expected)
    else patched(frozen, patch)
    expect(frozen).toEqual(before)
  })

  test("a document that is changed", () => {
    const document = clone(doc)
    if (error !== undefined) {
      expect(() => applyPatch(document, patch)).toThrow(MeshError)
      expect(document).toEqual(doc)
      return
    }
    const result = applyPatch(document, patch)
    if (expected !== undefined) expect(result).toEqual(expected)
    if (patch.every(({ path }) => path !== "") && typeof document === "object") expect(result).toBe(document)
  })
})

test("what does not apply changes nothing, also where what was before it did", () => {
  const document = { a: 1, list: [1, 2], deep: { x: { y: 1 } } }
  for (const last of [
    { op: "remove", path: "/nothing" },
    { op: "replace", path: "/list/3", value: 1 },
    { op: "add", path: "/list/4", value: 1 },
    { op: "add", path: "/list/01", value: 1 },
    { op: "add", path: "/list/1e0", value: 1 },
    { op: "remove", path: "/list/-" },
    { op: "replace", path: "/list/length", value: 0 },
    { op: "add", path: "/a/b", value: 1 },
    { op: "test", path: "/a", value: "1" },
    { op: "add", path: "a", value: 1 },
    { op: "add", path: "/a~2", value: 1 },
    { op: "add", path: "/b" },
    { op: "remove" },
    { op: "move", from: "/deep", path: "/deep/x/z" },
    { op: "move", path: "/z" },
    { op: "copy", from: "/nothing", path: "/z" },
    { op: "frobnicate", path: "/a" },
    { op: "remove", path: "" },
    null,
    7,
  ]) {
    const patch = [{ op: "add", path: "/b", value: { c: 1 } }, { op: "remove", path: "/deep/x/y" }, { op: "add", path: "/list/0", value: 0 }, last] as Operation[]
    const given = clone(patch)
    expect(() => applyPatch(document, patch), JSON.stringify(last)).toThrow(expect.objectContaining({ code: "EPATCH" }))
    expect(document).toEqual({ a: 1, list: [1, 2], deep: { x: { y: 1 } } })
    expect(patch).toEqual(given)
  }
  expect(() => applyPatch({}, "no list" as never)).toThrow(expect.objectContaining({ code: "EPATCH" }))
})

test("names that mean something in JavaScript are members like any other", () => {
  const document = JSON.parse('{"a":{}}') as Record<string, unknown>
  applyPatch(document, [{ op: "add", path: "/a/__proto__", value: { polluted: 1 } }, { op: "add", path: "/a/__proto__/more", value: 2 }, { op: "copy", from: "/a", path: "/b" }])
  expect(JSON.stringify(document)).toBe('{"a":{"__proto__":{"polluted":1,"more":2}},"b":{"__proto__":{"polluted":1,"more":2}}}')
  expect(({} as { polluted?: number }).polluted).toBeUndefined()
  expect(Object.getPrototypeOf(document.a)).toBe(Object.prototype)
  for (const path of ["/__proto__/polluted", "/constructor/prototype/polluted", "/toString/polluted", "/a/hasOwnProperty/x"]) {
    expect(() => applyPatch(document, [{ op: "add", path, value: 1 }])).toThrow(MeshError)
  }
  expect(() => applyPatch({} as object, [{ op: "remove", path: "/toString" }])).toThrow(MeshError)
  expect(() => applyPatch({}, [{ op: "test", path: "/__proto__", value: {} }])).toThrow(MeshError)
  applyPatch(document, [{ op: "remove", path: "/a/__proto__" }])
  expect(JSON.stringify(document.a)).toBe("{}")
})

test("what a patch does not touch keeps its identity, and nothing is shared with the patch", () => {
  const value = { kept: { x: 1 }, touched: { list: [{ a: 1 }, { b: 2 }] } }
  const patch: Operation[] = [{ op: "add", path: "/touched/list/-", value: { c: [3] } }, { op: "add", path: "/touched/list/2/c/-", value: 4 }]
  const next = patched(value, patch) as typeof value
  expect(next.kept).toBe(value.kept)
  expect(next.touched.list[0]).toBe(value.touched.list[0])
  expect(next.touched).not.toBe(value.touched)
  expect(value.touched.list).toHaveLength(2)
  expect(patch[0]).toEqual({ op: "add", path: "/touched/list/-", value: { c: [3] } })
  expect(next.touched.list[2]).toEqual({ c: [3, 4] })

  const { touched } = value
  const { list } = touched
  applyPatch(value, patch) // containers of a document stay the same objects
  expect(value.touched).toBe(touched)
  expect(value.touched.list).toBe(list)
  expect(patch[0]).toEqual({ op: "add", path: "/touched/list/-", value: { c: [3] } })
})

test("the whole is replaced in the result only", () => {
  const document = { a: 1 }
  expect(applyPatch<unknown>(document, [{ op: "replace", path: "", value: 0 }])).toBe(0)
  expect(document).toEqual({ a: 1 })
  expect(applyPatch<unknown>(false, [{ op: "replace", path: "", value: null }])).toBe(null)
})

test("as fast-json-patch does, on random documents", () => {
  const random = mulberry(42)
  for (let i = 0; i < 2_000; i++) {
    const [from, to] = [randomValue(random, 4), randomValue(random, 4)]
    const [a, b] = [{ value: from }, { value: to }]
    const patch = fastJsonPatch.compare(a, b) as Operation[]
    const document = clone(a)
    const expected = fastJsonPatch.applyPatch(clone(a), clone(patch) as never).newDocument
    expect(patched(deepFreeze(clone(a)), patch)).toEqual(expected)
    expect(applyPatch(document, patch)).toBe(document)
    expect(document).toEqual(b)
    expect(equal(document, b)).toBe(true)
    expect(equal(document, a)).toBe(patch.length === 0)
  }
})

test("as fast-json-patch does, with random operations that may not apply", () => {
  const random = mulberry(7)
  const pick = <T>(list: T[]): T => list[Math.floor(random() * list.length)]!
  let applied = 0
  for (let i = 0; i < 5_000; i++) {
    const document = { a: randomValue(random, 3), b: randomValue(random, 3), list: [randomValue(random, 2), randomValue(random, 2)] }
    const paths = ["/a", "/b", "/list", ...pathsOf(document), "/list/-", "/c", "/a/x"]
    const patch = Array.from({ length: 1 + Math.floor(random() * 3) }, () => ({ op: pick(["add", "remove", "replace", "move", "copy", "test"]), path: pick(paths), from: pick(paths), value: randomValue(random, 2) })) as Operation[]
    // What it lets pass: moving a value into itself.
    if (patch.some((one) => one.op === "move" && `${one.path}/`.startsWith(`${one.from}/`))) continue
    let expected: unknown
    try {
      expected = fastJsonPatch.applyPatch(clone(document), clone(patch) as never, true).newDocument
    } catch {
      expect(() => patched(document, patch), JSON.stringify([document, patch])).toThrow(MeshError)
      continue
    }
    let result: unknown
    try {
      result = patched(document, patch)
    } catch (thrown) {
      // It lets pass what is moved and copied beyond an array's end as well.
      const { op, path } = patch[Number(/^Operation (\d+) /.exec((thrown as Error).message)![1])]!
      expect(["move", "copy"]).toContain(op)
      expect(path).toMatch(/\/\d+$/)
      continue
    }
    applied++
    expect(result, JSON.stringify([document, patch])).toEqual(expected)
    expect(applyPatch(clone(document), patch)).toEqual(expected)
  }
  expect(applied).toBeGreaterThan(500)
})

function pathsOf(value: unknown, path = ""): string[] {
  if (value === null || typeof value !== "object") return []
  return Object.entries(value).flatMap(([name, inner]) => [`${path}/${name}`, ...pathsOf(inner, `${path}/${name}`)])
}

function randomValue(random: () => number, depth: number): unknown {
  const kind = Math.floor(random() * (depth > 0 ? 7 : 5))
  if (kind < 5) return [0, "", false, null, Math.floor(random() * 10)][kind]
  const size = Math.floor(random() * 4)
  if (kind === 5) return Array.from({ length: size }, () => randomValue(random, depth - 1))
  return Object.fromEntries(Array.from({ length: size }, () => ["abcxyz"[Math.floor(random() * 6)]!, randomValue(random, depth - 1)]))
}

/** Random numbers from 0 to 1, the same ones for the same seed. */
function mulberry(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

function deepFreeze<T>(value: T): T {
  if (value !== null && typeof value === "object") Object.values(Object.freeze(value)).forEach(deepFreeze)
  return value
}
