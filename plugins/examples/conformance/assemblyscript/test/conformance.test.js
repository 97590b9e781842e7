import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { load, MeshError } from "@mesh-host/as-pdk/testing";

let host;

beforeEach(async () => {
  host = await load(new URL("../build/conformance.wasm", import.meta.url), { config: { a: 1 } });
});

test("commands", () => {
  for (const payload of [null, 1, "ü", "\ud800", { a: [1, "😀"] }, "x".repeat(100_000)]) {
    assert.deepEqual(host.command("echo", payload), payload);
  }
  assert.equal(host.command("echo"), null);
  assert.deepEqual(host.command("add", { a: 1, b: 2 }), { sum: 3 });
  assert.throws(() => host.command("add", { a: 1 }), { code: "EPAYLOAD", message: 'field "b" is missing' });
  assert.throws(() => host.command("fail", { message: "oops", code: "EBEER", name: "B" }), { code: "EBEER", name: "B", message: "oops" });
  assert.deepEqual(host.command("whoami", undefined, { metadata: { user: "ann" } }), {
    connectionId: "c1", locals: null, metadata: { user: "ann" },
  });
  assert.deepEqual([host.command("count"), host.command("count")], [{ n: 1 }, { n: 2 }]);
  assert.deepEqual(host.command("config.get"), { config: { a: 1 } });
});

test("what is sent and logged", () => {
  assert.deepEqual(host.command("send", { to: ["c1", "c2"], command: "hi", payload: [1], exclude: ["c2"] }), { sent: 2 });
  host.command("log", { message: "hello\n", level: "warn" });
  assert.deepEqual(host.sent, [{ operation: "connections.send", to: ["c1", "c2"], command: "hi", payload: [1], exclude: ["c2"] }]);
  assert.deepEqual(host.logged, [{ level: "warn", message: "hello\n" }]);
});

test("guards", () => {
  host.answer("rooms.has", (q) => ({ member: q.connectionId === "c1" }));
  const access = { topic: "channel", action: "subscribe", name: "guarded:x" };
  host.guard("members", access);
  assert.throws(() => host.guard("members", access, { connectionId: "c2" }), {
    code: "EDENIED", message: "This is for members of the room guarded:x.",
  });
  host.answer("rooms.has", () => {
    throw new MeshError("EUNAVAILABLE", "no backplane");
  });
  assert.throws(() => host.guard("members", access), { code: "EUNAVAILABLE", message: "no backplane" });
});

test("hooks and resolvers", () => {
  host.hook("leave", { room: "lobby", reason: "disconnect" }, { user: "ann" });
  assert.deepEqual(host.command("hooks", { event: "leave", roomName: "lobby" }), {
    count: 1, last: { connectionId: "c1", user: "ann", metadata: null, roomName: "lobby", reason: "disconnect" },
  });
  host.answer("records.get", { value: '["a","b"]', version: 1, epoch: "e1" });
  assert.deepEqual(host.resolve("/^list:.+$/", "list:x"), ["a", "b"]);
});

test("bodies of HTTP are bytes", () => {
  for (const body of ["", "A", "AB", "ABC", "\xff\x00"].map((s) => Buffer.from(s, "latin1"))) {
    host.answer("http.fetch", (q) => ({ status: 200, headers: ["a", "b"], body: q.body }));
    assert.equal(host.command("http.fetch", { url: "http://x/", body: body.toString("base64") }).body, body.toString("base64"));
  }
  assert.throws(() => host.command("http.fetch", { url: "http://x/", body: "%" }), { code: "EPAYLOAD" });
});

test("misbehaviour traps", async () => {
  for (const name of ["trap", "recurse"]) {
    const other = await load(new URL("../build/conformance.wasm", import.meta.url));
    assert.throws(() => other.command(name), WebAssembly.RuntimeError);
  }
});
