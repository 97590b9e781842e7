// A plugin that shows what the kit reads and writes, for vectors.test.js.

import { Malformed, Reader, Writer } from "../../../assembly/codec";
import {
  array, ArrayBuilder, Call, Departure, fail, GuardCall, Handshake, Json, main, MeshError, MiddlewareCall, object,
  ObjectBuilder, Plugin, RecordChange, Reply, RoomChange,
} from "../../../index";
import { operations } from "./operations";

export * from "../../../exports";

main(setup);

function setup(p: Plugin): void {
  p.name("vectors");
  p.command("echo", echo);
  p.command("decode", decode);
  p.command("encode", encode);
  p.command("request", request);
  p.command("error", error);
  p.middleware("middleware", middleware);
  p.guard("guard", guard);
  p.authenticate(authenticate);
  p.onDisconnect(disconnected);
  p.onJoin(joined);
  p.onRecordUpdate(updated);
  operations(p);
}

export function hexed(v: Uint8Array | null): Json {
  if (v === null) return Json.none;
  let s = "";
  for (let i = 0; i < v.length; i++) s += (<u32>v[i]).toString(16).padStart(2, "0");
  return Json.text(s);
}

export function unhex(s: string): Uint8Array {
  const v = new Uint8Array(s.length >> 1);
  for (let i = 0; i < v.length; i++) v[i] = <u8>U32.parseInt(s.slice(2 * i, 2 * i + 2), 16);
  return v;
}

export function quoted(v: Json): Json {
  return v.exists ? Json.text(v.toString()) : Json.none;
}

function echo(c: Call): Reply | null {
  return c.payload;
}

function decode(c: Call): Reply | null {
  const f = c.fields();
  const types = f.texts("types");
  const bytes = unhex(f.text("hex"));
  if (f.failed) return f.error;
  const r = new Reader().open(bytes.dataStart, bytes.length, bytes.buffer);
  const values = array();
  for (let i = 0; i < types.length; i++) decodeField(r, types[i], values);
  const why = r.malformed == Malformed.Truncated ? "truncated" : r.malformed == Malformed.Size ? "size" : "";
  return object().text("malformed", why).raw("values", values.json()).json();
}

/** Reads a field twice: whether it is there, and what it is. */
function decodeField(r: Reader, type: string, values: ArrayBuilder): void {
  if (!r.peek()) {
    r.next();
    values.raw(Json.none);
  } else if (type == "int") values.text(r.int().toString());
  else if (type == "bool") values.bool(r.bool());
  else if (type == "string") values.text(r.string());
  else if (type == "bytes") values.raw(hexed(r.bytes()));
  else values.raw(Json.texts(r.strings()));
}

function encode(c: Call): Reply | null {
  const f = c.fields();
  const types = f.texts("types");
  const values = f.value("values");
  if (f.failed) return f.error;
  const w = new Writer();
  for (let i = 0; i < types.length; i++) {
    const v = values.at(i);
    const type = types[i];
    if (v.isNull) w.absent();
    else if (type == "int") w.int(I64.parseInt(v.asText()));
    else if (type == "bool") w.bool(v.asBool());
    else if (type == "string") w.string(v.asText());
    else if (type == "bytes") w.bytes(unhex(v.asText()));
    else w.strings(v.asTexts());
  }
  const bytes = new Uint8Array(<i32>w.length);
  memory.copy(bytes.dataStart, w.start, w.length);
  return hexed(bytes);
}

function request(c: Call): Reply | null {
  const detail = c.detail;
  return object()
    .text("name", c.name).text("connectionId", c.connectionId).text("user", c.user)
    .raw("metadata", quoted(c.metadata)).raw("locals", quoted(c.locals)).raw("payload", quoted(c.payload))
    .raw("detail", detail.exists ? hexed(detail.toBytes()) : Json.none).json();
}

function error(c: Call): Reply | null {
  const f = c.fields();
  const e = new MeshError(f.text("code"), f.text("message"), f.text("name"));
  if (f.has("data")) e.data = Json.raw(f.text("data"));
  e.http = <i32>f.int("http");
  return f.failed ? f.error : e;
}

function middleware(c: MiddlewareCall): MeshError | null {
  const f = c.fields();
  if (f.has("body")) c.setPayload(Json.raw(f.text("body")));
  if (f.has("locals")) c.setLocals(Json.raw(f.text("locals")));
  return f.error;
}

/** Tells what a handler has read that cannot reply. */
function tell(o: ObjectBuilder): MeshError {
  return fail("ETOLD", "").withData(o.json());
}

function guard(c: GuardCall): MeshError | null {
  return tell(object().text("topic", c.topic).text("action", c.action).text("strategy", c.strategy));
}

function authenticate(h: Handshake): Reply | null {
  return tell(object().text("method", h.method).text("path", h.path).text("query", h.query)
    .texts("headers", h.headers).text("remoteAddress", h.remoteAddress));
}

function disconnected(d: Departure): MeshError | null {
  return tell(object().text("code", d.code.toString()).text("reason", d.reason));
}

function joined(c: RoomChange): MeshError | null {
  return tell(object().text("room", c.room).text("reason", c.reason));
}

function updated(c: RecordChange): MeshError | null {
  return tell(object().text("recordId", c.recordId).text("version", c.version.toString())
    .text("epoch", c.epoch).text("reason", c.reason));
}
