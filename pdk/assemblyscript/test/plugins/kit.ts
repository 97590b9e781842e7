// A plugin that does what kit.test.js asks.

import {
  array, Call, config, denied, Handshake, identity, Info, Json, KV, log, main, MeshError, MiddlewareCall, now, object,
  Plugin, Records, RecordsGetResult, refuse, Reply,
} from "../../../index";

export * from "../../../exports";

let greeting: string = "";

function setup(p: Plugin): void {
  p.name("kit");
  const settings = config().config;
  greeting = settings.get("greeting").asText();
  if (settings.get("refuse").asBool()) {
    p.fail("refused");
    p.fail("as told");
  }
  p.command("text", text);
  p.command("member", member);
  p.command("memberRaw", memberRaw);
  p.command("log", logText);
  p.command("int", int);
  p.command("float", float);
  p.command("walk", walk);
  p.command("walkRaw", walkRaw);
  p.command("fields", fields);
  p.command("kv", kv);
  p.command("update", update).concurrent();
  p.command("surroundings", surroundings);
  p.command("throw", throwing);
  p.middleware("m", middleware).global().order(3);
  p.authenticate(authenticate).order(1);
}

function text(c: Call): Reply | null {
  const f = c.fields();
  const text = f.text("text");
  return f.failed ? f.error : Json.text(text);
}

/** Returns the member that "name" names. */
function member(c: Call): Reply | null {
  const f = c.fields();
  return f.value(f.text("name"));
}

/** Returns the member that "name" names of the object that "json" is the text of. */
function memberRaw(c: Call): Reply | null {
  const f = c.fields();
  return Json.raw(f.text("json")).get(f.text("name"));
}

function logText(c: Call): Reply | null {
  log(Info, c.fields().text("text"));
  return null;
}

function int(c: Call): Reply | null {
  const v = Json.raw(c.fields().text("text"));
  return Json.text(v.isInt ? Json.int(v.asInt()).toString() : "none");
}

function float(c: Call): Reply | null {
  const v = c.payload.get("n");
  return v.isNumber ? object().float("n", v.asFloat()).json() : Json.text("none");
}

function walk(c: Call): Reply | null {
  return copied(c.payload);
}

function walkRaw(c: Call): Reply | null {
  return copied(Json.raw(c.fields().text("json")));
}

/** Builds a value anew. */
function copied(v: Json): Json {
  if (v.isObject) {
    const o = object();
    for (const m = v.members(); m.next(); ) o.raw(m.name, copied(m.value));
    return o.json();
  }
  if (v.isArray) {
    const a = array();
    for (const i = v.items(); i.next(); ) a.raw(copied(i.value));
    return a.json();
  }
  if (v.isText) return Json.text(v.asText());
  if (v.isBool) return Json.bool(v.asBool());
  if (v.isInt) return Json.int(v.asInt());
  if (v.isNumber) return Json.float(v.asFloat());
  return Json.raw("null");
}

function fields(c: Call): Reply | null {
  const f = c.fields();
  f.text("text");
  f.int("int");
  f.float("float");
  f.bool("bool");
  f.texts("texts");
  f.object("object");
  return f.failed ? f.error : Json.text("ok");
}

function kv(c: Call): Reply | null {
  KV.set("k", c.payload);
  const r = KV.get("k");
  return r.failed ? r.error : r.value;
}

function update(c: Call): Reply | null {
  const r = Records.update<i64>("r", c.payload.asInt(), plus);
  return r.failed ? r.error : object().int("version", r.version).json();
}

function plus(r: RecordsGetResult, n: i64): Reply | null {
  return Json.int(r.value.asInt() + n);
}

function surroundings(c: Call): Reply | null {
  console.log("said");
  console.error("wrong");
  trace("traced", 1, 1.5);
  return object().text("greeting", greeting).float("random", Math.random()).int("now", now()).json();
}

function throwing(c: Call): Reply | null {
  throw new Error("thrown 😀");
}

function middleware(c: MiddlewareCall): MeshError | null {
  const what = c.payload.asText();
  if (what == "refuse") return denied("no");
  if (what == "reply") c.reply(Json.text("replied"));
  if (what == "change") {
    c.setPayload(Json.text("changed"));
    c.setLocals(object().int("a", 1).json());
  }
  return null;
}

function authenticate(h: Handshake): Reply | null {
  let token = h.queryValue("token");
  if (token === null) token = h.cookie("token");
  if (token === null && h.header("x-token").length > 0) token = h.header("X-Token");
  if (token === null) return null;
  return token == "bad" ? refuse(401, "unknown token") : identity(token);
}

main(setup);
