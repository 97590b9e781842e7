import { call, done, failure, Request } from "./host";
import { items, member, or, quote } from "./json";

// LONGEST is the length, in bytes, of the names that are counted.
const LONGEST: i32 = 200;
const HOUR = "3600000";

export function tooLong(name: string): bool { return String.UTF8.byteLength(name) > LONGEST; }

function seen(r: Request): string {
  return "{\"connectionId\":" + quote(r.text("connectionId")) + ",\"user\":" + quote(r.text("user")) +
    ",\"metadata\":" + or(r.raw("metadata"));
}

function set(key: string, value: string): void {
  call("kv.set", "{\"key\":" + quote(key) + ",\"value\":" + value + ",\"ttl\":" + HOUR + "}");
}

// note counts an event, of a room, record or collection where there is one, and
// keeps what it saw; what is more, with a comma before it, or nothing.
export function note(event: string, name: string, r: Request, more: string): void {
  if (tooLong(name)) return;
  if (name != "") event += ":" + name;
  set("last:" + event, seen(r) + more + "}");
  if (failure != "") return;
  // last: who sees the number finds the rest
  call("kv.increment", "{\"key\":" + quote("hook:" + event) + ",\"by\":1,\"ttl\":" + HOUR + "}");
}

export function connect(): i32 {
  note("connect", "", new Request(), "");
  done();
  return 0;
}

export function disconnect(): i32 {
  const r = new Request();
  note("disconnect", "", r, ",\"code\":" + r.detail("code") + ",\"reason\":" + r.detail("reason"));
  done();
  return 0;
}

export function room_change(): i32 {
  const r = new Request();
  let more = ",\"roomName\":" + r.detail("room");
  if (r.detail("reason") != "") more += ",\"reason\":" + r.detail("reason");
  note(r.text("kind"), r.detailText("room"), r, more);
  done();
  return 0;
}

// record_change keeps the versions that it is told of, too, in their order.
export function record_change(): i32 {
  const r = new Request();
  const id = r.detailText("recordId");
  if (!tooLong(id)) {
    const key = "versions:" + id;
    const list = items(member(call("kv.get", "{\"key\":" + quote(key) + "}"), "value"));
    list.push(r.detail("version"));
    if (failure == "") set(key, "[" + list.join(",") + "]");
    if (failure == "") {
      note(r.text("kind"), id, r, ",\"recordId\":" + r.detail("recordId") + ",\"value\":" + or(r.raw("payload")) +
        ",\"version\":" + r.detail("version") + ",\"epoch\":" + r.detail("epoch") +
        ",\"reason\":" + quote(r.detailText("reason")));
    }
  }
  done();
  return 0;
}
