import assert from "node:assert/strict";
import { test } from "node:test";

import { load, MeshError } from "@mesh-host/as-pdk/testing";

const DAY = 86_400_000;
const today = () => Math.floor(Date.now() / DAY) * DAY;

/** Starts the plugin on a host that has records, too. `host.before`, where it is set, is called once before the next write. */
async function start(config = {}) {
  const host = await load(new URL("../build/leaderboard.wasm", import.meta.url), { config });
  const records = (host.records = new Map());
  const get = (id) => records.get(id) ?? { value: "null", version: 0 };
  const write = (id, value, expected = null) => {
    host.before?.();
    const r = get(id);
    if (expected !== null && Number(expected) !== (r.value === "null" ? 0 : r.version)) {
      throw new MeshError("ECONFLICT", "conflict", { data: { version: r.version, recordId: id } });
    }
    if (r.value !== value) records.set(id, { value, version: r.version + 1 });
    return { version: get(id).version, epoch: "e", changed: r.value !== value };
  };
  host.answer("records.get", (q) => ({ ...get(q.recordId), epoch: "e" }));
  host.answer("records.set", (q) => write(q.recordId, q.value, q.expectVersion));
  host.answer("records.transaction", (q) => {
    for (const o of JSON.parse(q.operations)) write(o.recordId, JSON.stringify(o.value), o.options?.expectVersion ?? null);
    return { results: "[]" };
  });
  host.answer("connections.metadata.get", (q) => {
    if (q.connectionId !== "guest") throw new MeshError("ENOTFOUND", "no such connection");
    return { metadata: '{"name":"Gus"}', user: "" };
  });
  host.list = (board) => JSON.parse(get(`leaderboard:${board}`).value)?.entries.map((e) => `${e.player}${e.user ? "" : "?"} ${e.score}`);
  host.submits = (user, score, more = {}) => host.command("leaderboard.submit", { board: "points", score, ...more }, { user });
  return host;
}

test("the best score of each counts", async () => {
  const host = await start({ top: 2 });
  assert.deepEqual(host.submits("ann", 5), { score: 5, rank: 1 });
  assert.deepEqual(host.submits("bob", 7), { score: 7, rank: 1 });
  assert.deepEqual(host.submits("cat", 4), { score: 4, rank: null });
  assert.deepEqual(host.submits("bob", 1), { score: 7, rank: 1 });
  assert.deepEqual(host.list("points"), ["bob 7", "ann 5"]);
  assert.deepEqual(host.submits("cat", 5), { score: 5, rank: null }); // ann was first
  assert.deepEqual(host.submits("cat", 8), { score: 8, rank: 1 });
  assert.deepEqual(host.list("points"), ["cat 8", "bob 7"]);
  const version = host.records.get("leaderboard:points").version;
  host.submits("cat", 8);
  assert.equal(host.records.get("leaderboard:points").version, version);
  assert.deepEqual(host.command("leaderboard.score", { board: "points" }, { user: "ann" }), { score: 5, rank: null });
  assert.deepEqual(host.command("leaderboard.score", { board: "games" }, { user: "ann" }), { score: null, rank: null });
});

test("or the sum", async () => {
  const host = await start({ count: "sum" });
  host.submits("ann", 5);
  host.submits("bob", 6);
  assert.deepEqual(host.submits("ann", 5), { score: 10, rank: 1 });
  assert.deepEqual(host.list("points"), ["ann 10", "bob 6"]);
});

test("guests have the name in their metadata, and are nobody else", async () => {
  const host = await start();
  host.submits("ann", 5);
  host.command("leaderboard.submit", { board: "points", score: 6 }, { metadata: { name: "ann" } });
  assert.deepEqual(host.list("points"), ["ann? 6", "ann 5"]);
});

test("refusals", async () => {
  const host = await start({ most: 100, submits: 1000 });
  const refused = (payload, client, expected) => assert.throws(() => host.command("leaderboard.submit", payload, client), expected);
  refused({ board: "points", score: 1 }, {}, { code: "EDENIED", message: "Choose a name first." });
  refused({ board: "x", score: 1 }, { user: "ann" }, { code: "ENOTFOUND" });
  refused({ board: "games", score: 1 }, { user: "ann" }, { code: "EDENIED", message: "This board is for games that are won." });
  refused({ board: "points", score: 1 }, { user: "ü".repeat(65) }, { code: "EDENIED" });
  for (const payload of [undefined, null, [], {}, { board: "points" }, { board: 1, score: 1 }, ...[-1, 101, 1.5, "1", null].map((score) => ({ board: "points", score }))]) {
    refused(payload, { user: "ann" }, { code: "EPAYLOAD" });
  }
  assert.equal(host.records.size, 0);
});

test("a connection submits only so often", async () => {
  const host = await start({ submits: 2, submit_seconds: 30 });
  const ask = (connectionId) => host.middleware("limit", "leaderboard.submit", {}, { connectionId });
  ask("a");
  ask("a");
  assert.throws(() => ask("a"), { code: "ERATELIMIT", message: "At most 2 scores in 30 s. Try again later." });
  ask("b");
  assert.ok(host.calls.every((c) => c.operation !== "kv.increment" || c.request.ttl === 30_000));
  assert.deepEqual(host.registration.commands.map((c) => [c.name, c.middleware]), [["leaderboard.submit", ["limit"]], ["leaderboard.score", undefined]]);
});

test("what others do meanwhile is not lost", async () => {
  for (const count of ["best", "sum"]) {
    const host = await start({ count });
    host.submits("ann", 5);
    let times = 3;
    host.before = () => {
      const before = host.before;
      host.before = undefined;
      host.submits(`other${times}`, times);
      if (--times > 0) host.before = before;
    };
    host.submits("bob", 9);
    assert.deepEqual(host.list("points"), ["bob 9", "ann 5", "other3 3", "other2 2", "other1 1"]);
  }
  // Another connection of the same player, between reading and writing.
  const host = await start();
  const { get } = host.kv;
  host.kv.get = function (key) {
    delete host.kv.get;
    const value = get.call(this, key);
    this.set(key, "8");
    return value;
  };
  assert.deepEqual(host.submits("ann", 7), { score: 8, rank: 1 });
});

test("it does not try for ever", async () => {
  const host = await start();
  host.answer("records.set", () => {
    throw new MeshError("ECONFLICT", "conflict", { data: { version: 1 } });
  });
  assert.throws(() => host.submits("ann", 5), { code: "ECONFLICT", message: /^Too many score at once/ });
  host.answer("kv.compareAndSet", { swapped: false, current: "1" });
  assert.throws(() => host.submits("ann", 6), { code: "ECONFLICT", message: /^You score too often/ });
});

test("a game that is won is a point, once", async () => {
  const host = await start();
  const played = (version, winner, more = {}) => host.hook("recordUpdate", { recordId: "game:g", version, epoch: "e", value: { state: winner ? "won" : "on", winner }, ...more });
  const points = () => host.list("games") ?? [];
  played(1, "");
  assert.deepEqual(points(), []);
  played(2, "ann");
  played(2, "ann"); // heard of twice
  played(3, "ann"); // written over by an operator
  played(1, ""); // late
  played(3, "ann");
  assert.deepEqual(points(), ["ann 1"]);

  // Another game of that name, after the first one or in another life.
  host.hook("recordRemoved", { recordId: "game:g", version: 4, epoch: "e", reason: "expired", value: { winner: "ann" } });
  played(5, "ann");
  assert.deepEqual(points(), ["ann 2"]);
  played(6, "");
  played(7, "guest");
  assert.deepEqual(points(), ["ann 2", "Gus? 1"]);
  played(1, "", { epoch: "f" });
  played(2, "guest", { epoch: "f" });
  assert.deepEqual(points(), ["ann 2", "Gus? 2"]);
  host.hook("recordUpdate", { recordId: "game:x", version: 1, epoch: "e", value: "rubbish" });
});

test("a point that could not be counted is not noted as if it had been", async () => {
  const host = await start();
  const value = { state: "won", winner: "ann" };
  host.kv.set(`score:day:${today()}:games:user:ann`, '"rubbish"');
  assert.throws(() => host.hook("recordUpdate", { recordId: "game:g", version: 2, epoch: "e", value }), { code: "ECONFLICT" });
  host.kv.clear();
  host.hook("recordUpdate", { recordId: "game:g", version: 3, epoch: "e", value });
  assert.deepEqual(host.list("games"), ["ann 1"]);
});

test("seasons", async () => {
  const host = await start({ boards: ["points", "other"] });
  const old = JSON.stringify({ season: "day", since: today() - DAY, entries: [{ player: "bob", user: true, score: 99 }] });
  const begin = () => host.records.set("leaderboard:points", { value: old, version: 7 });
  begin();
  assert.deepEqual(host.command("leaderboard.score", { board: "points" }, { user: "bob" }), { score: null, rank: null });
  host.submits("ann", 5);
  assert.deepEqual(host.list("points"), ["ann 5"]);
  assert.equal(host.records.get("lastseason:points").value, old);

  // The schedule begins what nobody has begun, and running it twice changes nothing.
  begin();
  host.schedule("season");
  assert.deepEqual([host.list("points"), host.list("other"), host.list("games")], [[], [], []]);
  host.submits("ann", 5);
  host.schedule("season");
  assert.deepEqual(host.list("points"), ["ann 5"]);
  assert.equal(host.records.get("lastseason:points").value, old);

  // A score that comes late, from a node whose clock is behind, changes nothing.
  host.records.set("leaderboard:points", { value: old.replace(today() - DAY, today() + DAY), version: 20 });
  assert.deepEqual(host.submits("ann", 6), { score: 6, rank: null });
  assert.deepEqual(host.list("points"), ["bob 99"]);
});

test("when seasons begin", async () => {
  for (const [season, cron, first] of [
    ["day", "0 0 * * *", today()],
    ["week", "0 0 * * 1", today() - ((new Date().getUTCDay() + 6) % 7) * DAY],
    ["month", "0 0 1 * *", Date.UTC(new Date().getUTCFullYear(), new Date().getUTCMonth(), 1)],
    ["never", undefined, 0],
  ]) {
    const host = await start({ season });
    assert.deepEqual(host.registration.schedules?.map((s) => [s.cron, s.scope])[0], cron && [cron, "cluster"]);
    host.submits("ann", 5);
    const list = JSON.parse(host.records.get("leaderboard:points").value);
    assert.deepEqual([list.season, list.since], [season, first]);
    assert.ok(host.kv.has(`score:${season}:${first}:points:user:ann`));
  }
});

test("settings", async () => {
  for (const [config, problem] of [
    [{ boards: ["a", "b-1_"], games: "", count: "sum", season: "week", top: 100, most: 1e9, submits: 1, submit_seconds: 1 }],
    [{ boards: [] }, "boards must be a list of 1 to 100 names, each 1 to 32 letters a to z, digits, '-' and '_'"],
    [{ boards: ["A"] }, "boards must be a list"], [{ boards: "a" }, "boards must be a list"],
    [{ games: 1 }, "games must be"], [{ games: "points" }, "games must not be one of boards"],
    [{ count: "most" }, "count must be best or sum"], [{ season: "year" }, "season must be day, week, month or never"],
    [{ top: 0 }, "top must be a whole number, 1 to 100"], [{ top: 101 }, "top must be"], [{ most: "x" }, "most must be"],
    [{ submits: 1.5 }, "submits must be"], [{ submit_seconds: 86_401 }, "submit_seconds must be"], [{ board: 1 }, "board is unknown"],
  ]) {
    if (problem) await assert.rejects(start(config), (e) => e.message.includes(`config: ${problem}`), problem);
    else assert.equal((await start(config)).registration.hooks, undefined);
  }
});
