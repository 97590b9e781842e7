import assert from "node:assert/strict";
import { test } from "node:test";

import { load, MeshError } from "@mesh-host/as-pdk/testing";

// What is asked of every build of this plugin is in ../../../whiteboard_test.go.
// Here is what every client might send.

const dot = { line: [1, 2], width: 4, color: "black" };
const note = { note: "x", x: 1, y: 1, color: "black" };
const ann = { metadata: { name: "Ann" } };

/** Starts the plugin on a host with the board x, on which there are so many items. */
async function start(items = 0, config = {}) {
  const host = await load(new URL("../build/whiteboard.wasm", import.meta.url), { config });
  host.answer("records.get", (q) =>
    q.recordId === "about:x" ? { value: JSON.stringify({ by: "Ann", owner: "c9", items }), version: 1, epoch: "e" } : { value: "null", version: 0, epoch: "e" });
  host.answer("connections.metadata.set", (q) => ({ metadata: q.metadata }));
  host.answer("connections.metadata.get", () => {
    throw new MeshError("ENOTFOUND", "no such connection");
  });
  host.answer("records.list", { records: "[]" });
  host.answer("records.transaction", { results: "[]" });
  return host;
}

test("names", async () => {
  const host = await start();
  const choose = (name, client) => host.command("whiteboard.name", { name }, client);
  for (const name of ["Ann", "Jean-Luc P.", "日本", "a1_٣", "e\u0301e", "𝒜b", "𐐀".repeat(24)]) assert.deepEqual(choose(name), { name });
  assert.deepEqual(choose("Bob", { user: "ann" }), { name: "ann" });
  for (const name of ["", " a", "a ", "1a", "\u0301a", "a\n", "<b>", "a\u200b", "a\ud800", "a🦀", "a".repeat(25), "𐐀".repeat(25), 1, null]) {
    assert.throws(() => choose(name), { code: "EPAYLOAD" }, JSON.stringify(name));
  }
});

test("names of boards", async () => {
  const host = await start();
  const create = (board) => host.command("whiteboard.create", { board }, ann);
  for (const board of ["x", "日-_1", "1", "𐐀".repeat(32)]) assert.deepEqual(create(board), { board });
  for (const board of ["", "a:b", "a b", "{}", "e\u0301", "\ud800", "x".repeat(33), 1, null]) {
    assert.throws(() => create(board), { code: "EPAYLOAD" }, JSON.stringify(board));
  }
});

test("what may be drawn", async () => {
  const host = await start(10, { items: 200 });
  const draw = (value) => host.guard("drawing", { topic: "record", action: "write", name: "board:x", strategy: "merge", value }, ann);
  const many = (n, item) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`a${i}`, item]));
  for (const value of [
    { a: dot, "b.1-Z": note, c: null }, many(100, dot), { a: { ...dot, line: Array(400).fill(1000), width: 100 } },
    { a: { ...note, note: "ä".repeat(280) } }, { a: { ...note, note: "🦀".repeat(280) } }, { ["a".repeat(40)]: dot },
  ]) {
    draw(value);
  }
  const bad = [null, [], 7, {}, many(101, dot)];
  for (const id of ["", "1", "_a", "a_b", "a b", "a/b", "ä", "a".repeat(41)]) bad.push({ [id]: dot });
  for (const item of [
    1, [], {}, { color: "black" }, { ...dot, color: "pink" }, { ...dot, color: 1 }, { ...dot, width: 0 }, { ...dot, width: 101 },
    { ...dot, width: 1.5 }, { ...dot, more: 1 }, { width: 4, color: "black" }, ...[null, {}, [], [1], [1, 1, 1], [1601, 1], [1, 1001],
      [1, -1], [1, 1.5], [1, "1"], Array(402).fill(1)].map((line) => ({ ...dot, line })),
    { ...note, note: "" }, { ...note, note: 1 }, { ...note, x: 1601 }, { ...note, x: undefined }, { ...note, line: [1, 1] },
    { ...note, note: "🦀".repeat(281) },
  ]) {
    bad.push({ ok: dot, a: item });
  }
  for (const value of bad) assert.throws(() => draw(value), { code: "EPAYLOAD" }, JSON.stringify(value).slice(0, 200));
  assert.throws(() => host.guard("drawing", { topic: "record", action: "write", name: "board:y", value: { a: dot } }, ann), { code: "ENOTFOUND" });
  const full = await start(200, { items: 200 });
  const write = (value) => full.guard("drawing", { topic: "record", action: "write", name: "board:x", value }, ann);
  assert.throws(() => write({ a: dot }), { code: "ELIMIT" });
  write({ a: null });
});

test("cursors", async () => {
  const host = await start();
  const at = { board: "x", name: "Ann", x: 1600, y: 0 };
  const write = (value, name = "cursor:c1") => host.guard("own", { topic: "record", action: "write", name, value }, ann);
  write(at);
  assert.throws(() => write(at, "cursor:c2"), { code: "EDENIED", message: "This cursor is not yours." });
  assert.throws(() => write({ ...at, name: "Bob" }), { code: "EDENIED", message: "This name is not yours." });
  for (const value of [null, [], {}, "x", { ...at, x: 1601 }, { ...at, y: -1 }, { ...at, x: 1.5 }, { ...at, x: "1" }, { ...at, board: "a:b" }, { ...at, more: 1 }, { ...at, y: undefined }]) {
    assert.throws(() => write(value), { code: "EPAYLOAD" }, JSON.stringify(value));
  }
});

test("settings", async () => {
  for (const [config, problem] of [
    [{ boards: 1000, items: 1, board_seconds: 31_536_000, cursor_seconds: 1 }],
    [{ boards: 0 }, "boards must be a whole number, 1 to 1000"], [{ boards: 1001 }, "boards must"],
    [{ items: "many" }, "items must be a whole number, 1 to 100000"], [{ items: 1.5 }, "items must"],
    [{ board_seconds: 0 }, "board_seconds must be a whole number, 1 to 31536000"], [{ board_seconds: 31_536_001 }, "board_seconds must"],
    [{ cursor_seconds: 1e15 }, "cursor_seconds must"],
    [{ board: 1 }, "board is unknown: boards, items, board_seconds or cursor_seconds"],
  ]) {
    if (problem) await assert.rejects(start(0, config), (e) => e.message.includes(`config: ${problem}`), problem);
    else await start(0, config);
  }
});
