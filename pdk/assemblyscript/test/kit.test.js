// What the kit does besides encoding: JSON, text, memory, and the test host itself.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import { load, MeshError, TestHost } from "../testing/index.js";
import { build } from "./build.js";

let wasm, host;

before(async () => {
  wasm = await build("kit");
  host = await load(wasm, { config: { greeting: "hi" } });
});

const texts = [
  "", "a", "Ann", "ü", "größe", "日本", "😀", "a😀b", "\ud800", "x\udc00y", "\ud83d", '"\\/', "\b\f\n\r\t\u0000\u001f\u007f",
  "abcdefg\nhijklmnopq", "x".repeat(1000) + "ü", "\u2028", "\uffff", "é".repeat(257),
];

test("text is exact both ways, halves of surrogate pairs too", () => {
  for (const text of texts) {
    assert.equal(host.command("text", { text }), text);
    assert.equal(host.command("member", { [text]: 1, name: text }), text in { name: 1 } ? text : 1);
  }
  assert.equal(host.command("text", { text: "\ud800" }), "\ud800");
});

test("text outside JSON is UTF-8: what it cannot express is U+FFFD", () => {
  host.logged.length = 0;
  host.command("log", { text: "a\ud800b😀" });
  assert.deepEqual(host.logged, [{ level: "info", message: "a\ufffdb😀" }]);
});

test("numbers", () => {
  for (const n of ["0", "-1", "9223372036854775807", "-9223372036854775808", "12345678901"]) {
    assert.equal(host.command("int", { text: n }), n);
  }
  for (const n of ["9223372036854775808", "-9223372036854775809", "1.0", "1e3", "", "-", "99999999999999999999"]) {
    assert.equal(host.command("int", { text: n }), "none");
  }
  for (const n of [0, 1, -1.5, 0.1, 1e21, 1.5e-7, 123456789.125, 5e-324, 1.7976931348623157e308, -0.25]) {
    assert.equal(host.command("float", { n }).n, n);
  }
  for (const n of ['"1"', "null", "[]", "true"]) assert.equal(host.command("float", { n: JSON.parse(n) }), "none");
});

test("a tree is walked and written again", () => {
  const trees = [
    {}, [], [[]], { a: {} }, [1, [2, { b: [null, true, false] }], "x"], { "a\"b": '}]"', "": [{}], 日本: { x: "\\" } },
  ];
  for (const tree of trees) {
    assert.deepEqual(host.command("walk", tree), tree);
    assert.deepEqual(host.command("walkRaw", { json: JSON.stringify(tree, null, 3) }), tree);
  }
  for (const json of ["{", "[", '{"a"', '{"a":', '{"a":1,', "[1,", '["', '{"a":"\\', "]", "{]"]) host.command("walkRaw", { json });
});

test("of members with one name the last counts", () => {
  for (const json of ['{"a":1,"b":2,"a":3}', '{"a":1,"\\u0061":3}', '{"\\u0061":1,"a":3}', '{"a":{"a":1},"a":3}']) {
    assert.equal(host.command("memberRaw", { json, name: "a" }), JSON.parse(json).a);
  }
});

test("fields name the first thing wrong", () => {
  const good = { text: "a", int: 1, float: 1.5, bool: true, texts: ["a"], object: {} };
  assert.equal(host.command("fields", good), "ok");
  const problems = {
    text: "must be text", int: "must be an integer", float: "must be a number", bool: "must be true or false",
    texts: "must be a list of text", object: "must be an object",
  };
  for (const [name, problem] of Object.entries(problems)) {
    assert.throws(() => host.command("fields", { ...good, [name]: null }), { code: "EPAYLOAD", message: `field "${name}" ${problem}` });
    const { [name]: _, ...rest } = good;
    assert.throws(() => host.command("fields", rest), { code: "EPAYLOAD", message: `field "${name}" is missing` });
  }
  assert.throws(() => host.command("fields", 1), { code: "EPAYLOAD", message: "payload must be an object" });
  assert.throws(() => host.command("fields"), { code: "EPAYLOAD", message: "payload must be an object" });
});

test("a handshake's query, headers and cookies", () => {
  const ask = (request) => {
    try {
      return host.authenticate(request);
    } catch (e) {
      return [e.http, e.message];
    }
  };
  assert.deepEqual(ask({ query: "a=1&token=t%201%2B+%C3%BC%zz" }), { user: "t 1+ ü%zz" });
  assert.deepEqual(ask({ headers: { "X-Token": "h" } }), { user: "h" });
  assert.deepEqual(ask({ headers: { Cookie: "a=b; token=c=d" } }), { user: "c=d" });
  assert.deepEqual(ask({ query: "token=bad" }), [401, "unknown token"]);
  assert.equal(ask(), null);
});

test("middleware answers, changes and lets pass", () => {
  assert.deepEqual(host.middleware("m", "x", "reply"), { reply: "replied" });
  assert.deepEqual(host.middleware("m", "x", "change"), { payload: "changed", locals: { a: 1 } });
  assert.deepEqual(host.middleware("m", "x", "pass"), { payload: undefined, locals: undefined });
  assert.throws(() => host.middleware("m", "x", "refuse"), { code: "EDENIED", message: "no" });
});

test("a record is updated however often another write comes between", () => {
  let version = 3;
  let lost = 2;
  host.answer("records.get", () => ({ value: String(version * 10), version, epoch: "e" }));
  host.answer("records.set", (q) => {
    if (lost-- > 0) {
      version++;
      throw new MeshError("ECONFLICT", "another version", { data: { version } });
    }
    assert.equal(q.expectVersion, String(version));
    return { version: version + 1, epoch: "e", changed: true };
  });
  assert.deepEqual(host.command("update", 7), { version: 6 });
  assert.equal(host.calls.at(-1).request.value, "57");
});

test("settings, console, Math.random and the clock", () => {
  host.logged.length = 0;
  const got = host.command("surroundings");
  assert.equal(got.greeting, "hi");
  assert.ok(got.random >= 0 && got.random < 1);
  assert.ok(Math.abs(got.now - Date.now()) < 60_000);
  assert.deepEqual(host.logged, [{ level: "info", message: "said" }, { level: "error", message: "wrong" }, { level: "debug", message: "traced 1.5" }]);
});

test("a set-up that fails is a plugin that does not load", async () => {
  await assert.rejects(load(wasm, { config: { refuse: true } }), /the plugin refuses to run: refused\nas told/);
});

test("abort logs what, where, and traps", async () => {
  const other = new TestHost(await WebAssembly.compile(wasm), {});
  assert.throws(() => other.command("throw"), WebAssembly.RuntimeError);
  assert.equal(other.logged.length, 1);
  assert.match(other.logged[0].message, /^thrown 😀 in .*index\.ts:\d+:\d+$/);
  assert.equal(other.logged[0].level, "error");
});

test("memory does not grow over 100,000 calls", async () => {
  const other = await load(wasm);
  const payloads = [{ text: "x".repeat(1000) }, { text: "ü" }, { text: "😀".repeat(300) }];
  const round = (n) => {
    for (let i = 0; i < n; i++) {
      const payload = payloads[i % payloads.length];
      assert.equal(other.command(i % 2 ? "text" : "member", { ...payload, name: "text" }), payload.text);
      if (i % 10 === 0) other.command("kv", payload);
      other.calls.length = 0;
    }
  };
  round(2_000);
  const before = other.memorySize;
  round(100_000);
  assert.ok(other.memorySize <= before + 65_536, `from ${before} to ${other.memorySize} bytes`);
  other.command("text", { text: "y".repeat(1_000_000) });
  const large = other.memorySize;
  for (let i = 0; i < 20; i++) other.command("text", { text: "y".repeat(1_000_000) });
  assert.ok(other.memorySize <= 2 * large, `large payloads: from ${large} to ${other.memorySize} bytes`);
});
