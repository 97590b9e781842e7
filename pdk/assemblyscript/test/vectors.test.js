// The kit passes the vectors of the ABI: abi/testdata/vectors/README.md.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { before, test } from "node:test";

import { decode, encode } from "../testing/codec.js";
import { MeshError } from "../testing/error.js";
import { operations } from "../testing/generated/tables.js";
import { decodeError, Instance } from "../testing/instance.js";
import * as messages from "../testing/messages.js";
import { build, operationsSource } from "./build.js";

const read = async (name) => JSON.parse(await readFile(new URL(`../../../abi/testdata/vectors/${name}.json`, import.meta.url)));
const hex = (bytes) => Buffer.from(bytes).toString("hex");
const bytesOf = (text) => new Uint8Array(Buffer.from(text, "hex"));

let module, asked, answered, instance, handlers;

before(async () => {
  module = await WebAssembly.compile(await build("vectors", { "operations.ts": operationsSource() }));
  renew();
});

/** A trap ends an instance; the next test gets another. */
function renew() {
  instance = new Instance(module, (operation, bytes) => {
    asked = { operation, bytes };
    if (answered instanceof MeshError) throw answered;
    return answered ?? new Uint8Array();
  });
  const document = JSON.parse(new TextDecoder().decode(instance.document));
  handlers = Object.fromEntries([...document.commands, ...document.middleware].map((c) => [c.name, c.handler]));
  for (const h of document.hooks) handlers[h.event] = h.handler;
  handlers.guard = document.guards[0].handler;
}

/** Calls a handler and returns the response; errors are thrown. */
function call(name, request) {
  const fields = { kind: 1, name, connectionId: null, user: null, metadata: null, locals: null, payload: null, detail: null };
  const r = decode(messages.Response, instance.call(handlers[name], encode(messages.Request, { ...fields, ...request })));
  if (r.status > 1) throw decodeError(r.body);
  return r.body === null ? null : JSON.parse(new TextDecoder().decode(r.body));
}

/** What the plugin gets of a value: bytes as hexadecimal, integers as text. */
function plain(type, v) {
  if (v === null) return null;
  if (type === "int") return String(v);
  const raw = (s) => (s.startsWith("hex:") ? s.slice(4) : hex(Buffer.from(s)));
  if (type === "bytes") return raw(v);
  if (type === "string" && v.startsWith("hex:")) return Buffer.from(v.slice(4), "hex").toString();
  return v;
}

test("codec.json: the guest decodes and encodes every field", async () => {
  for (const v of await read("codec")) {
    if (v.type !== "fields") continue;
    if (v.error) {
      const types = v.value?.map((f) => f.type) ?? guesses;
      const failures = types === guesses ? types.map((t) => call("decode", { payload: JSON.stringify({ types: [t], hex: v.hex }) }).malformed) : [call("decode", { payload: JSON.stringify({ types, hex: v.hex }) }).malformed];
      assert.ok(failures.includes(v.error), `${v.name}: ${failures}`);
      continue;
    }
    const types = v.value.map((f) => f.type);
    const values = v.value.map((f) => plain(f.type, f.value));
    const got = call("decode", { payload: JSON.stringify({ types, hex: v.hex }) });
    assert.deepEqual(got, { malformed: "", values }, v.name);
    if (v.decodeOnly) continue;
    assert.equal(call("encode", { payload: JSON.stringify({ types, values }) }), v.hex, v.name);
  }
});
const guesses = ["int", "bool", "string", "bytes", "strings"];

test("operations.json: the guest asks and understands every operation", async () => {
  const vectors = await read("operations");
  const seen = new Set();
  for (const v of vectors) {
    const table = operations[v.operation];
    if (!table) continue; // operators'
    const object = (fields, value) => Object.fromEntries(fields.map(([name, type]) => [name, plain(type, value[name] ?? null)]));
    const pair = vectors.find((o) => o.operation === v.operation && o.message === (v.message === "request" ? "response" : "request"));
    const [request, response] = v.message === "request" ? [v, pair] : [pair, v];
    answered = bytesOf(response.hex);
    const got = call(v.operation, { payload: JSON.stringify(object(table.request, request.value)) });
    assert.equal(asked.operation, v.operation);
    if (!request.decodeOnly) assert.equal(hex(asked.bytes), request.hex, request.name);
    const want = object(table.response, response.value);
    for (const [name, type] of table.response) {
      want[name] ??= { string: "", int: "0", bool: false, strings: [] }[type] ?? null;
    }
    assert.deepEqual(got, want, response.name);
    seen.add(`${v.operation} ${v.message}`);
  }
  for (const name of Object.keys(operations)) {
    assert.ok(seen.has(`${name} request`) && seen.has(`${name} response`), `no vector of ${name}`);
  }
});

const none = { string: "", json: null, bytes: null, int: "0", strings: [] };

test("messages.json: the guest reads every request and detail", async () => {
  const list = await read("messages");
  for (const v of list) {
    if (v.error || v.type === "Response" || v.type === "Error") continue;
    const table = messages[v.type];
    const want = Object.fromEntries(table.map(([name, type]) => [name, plain(type, v.value[name] ?? null) ?? none[type]]));
    if (v.type === "Request") {
      const r = decode(messages.Response, instance.call(handlers.request, bytesOf(v.hex)));
      const got = JSON.parse(new TextDecoder().decode(r.body));
      delete want.kind; // the handler knows what it was registered for
      assert.deepEqual(got, want, v.name);
      continue;
    }
    const handler = { Handshake: "authenticate", Departure: "disconnect", Access: "guard", RoomChange: "join", RecordChange: "recordUpdate" }[v.type];
    assert.throws(() => call(handler, { detail: bytesOf(v.hex) }), (e) => {
      assert.deepEqual(e.data, want, v.name);
      return true;
    });
  }
});

test("messages.json: the guest writes every response and error, and reads errors", async () => {
  for (const v of await read("messages")) {
    if (v.error) continue;
    if (v.type === "Error") {
      const value = { ...v.value, http: v.value.http ?? 0 };
      if (!v.decodeOnly) {
        const request = encode(messages.Request, {
          kind: 1, name: "error", connectionId: null, user: null, metadata: null, locals: null, payload: JSON.stringify(value), detail: null,
        });
        const r = decode(messages.Response, instance.call(handlers.error, request));
        assert.equal(hex(r.body), v.hex, v.name);
      }
      const e = decodeError(bytesOf(v.hex));
      answered = new MeshError(e.code, e.message, { name: e.name, data: e.data, http: e.http });
      assert.throws(() => call("kv.get", { payload: '{"key":"k"}' }), (got) => {
        assert.deepEqual({ ...got, message: got.message, name: got.name }, { ...e, message: e.message, name: e.name }, v.name);
        return true;
      });
      answered = undefined;
    }
    if (v.type !== "Response" || v.decodeOnly || v.value.status > 1) continue;
    const { status, body, locals } = v.value;
    const name = status === 1 ? "echo" : "middleware";
    const payload = status === 1 ? body : JSON.stringify({ body: body ?? undefined, locals: locals ?? undefined });
    const request = encode(messages.Request, {
      kind: 1, name, connectionId: null, user: null, metadata: null, locals: null, payload, detail: null,
    });
    const got = decode(messages.Response, instance.call(handlers[name], request));
    const want = decode(messages.Response, bytesOf(v.hex));
    if (status === 1 && body === null) assert.equal(got.body, null, v.name);
    else assert.deepEqual(got, want, v.name);
  }
});
