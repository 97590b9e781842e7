import { badPayload, call, failure, payloadOf, put, reply, Request } from "./host";
import { integer, member, or, quote } from "./json";
import { field, words } from "./fields";
import { operations } from "./operations";

export function echo(): i32 {
  reply(or(new Request().raw("payload")));
  return 0;
}

export function add(): i32 {
  const payload = payloadOf(new Request());
  const left = field(payload, "a", "integer");
  const right = field(payload, "b", "integer");
  if (failure == "") {
    const a = integer(left), b = integer(right), sum = a + b;
    if (sum > a != b > 0) badPayload("field \"b\" makes a sum that 64 bits cannot hold");
    reply("{\"sum\":" + sum.toString() + "}");
  } else reply("");
  return 0;
}

export function fail_with(): i32 {
  const payload = payloadOf(new Request());
  const message = field(payload, "message", "text");
  const code = field(payload, "code", "text?");
  const name = field(payload, "name", "text?");
  if (failure != "") {
    reply("");
    return 0;
  }
  let error = "{\"message\":" + message;
  if (code != "") error += ",\"code\":" + code;
  if (name != "") error += ",\"name\":" + name;
  put("{\"status\":\"error\",\"error\":" + error + "}}");
  return 0;
}

export function whoami(): i32 {
  const r = new Request();
  reply("{\"connectionId\":" + or(r.raw("connectionId")) + ",\"locals\":" + or(r.raw("locals")) +
    ",\"metadata\":" + or(r.raw("metadata")) + "}");
  return 0;
}

export function count(): i32 {
  new Request();
  const counted = call("kv.increment", "{\"key\":\"count\",\"by\":1}");
  reply("{\"n\":" + member(counted, "value") + "}");
  return 0;
}

export function send(): i32 {
  run("connections.send", new Request());
  return 0;
}

// operation serves the commands that are named like operations.
export function operation(): i32 {
  const r = new Request();
  run(r.text("name"), r);
  return 0;
}

// run checks a payload by what the table says of an operation's fields, calls it
// with those of them that are there, and answers with its response.
function run(name: string, r: Request): void {
  for (let i = 0; i < operations.length; i++) {
    const parts = operations[i].split(" ");
    const silent = parts[0].endsWith("!");
    if ((silent ? parts[0].substring(0, parts[0].length - 1) : parts[0]) != name) continue;
    const request = parts.length == 1 ? "{}" : requestOf(parts, payloadOf(r));
    if (failure != "") {
      reply("");
      return;
    }
    const response = call(name, request);
    reply(silent ? "null" : response);
    return;
  }
  unreachable();
}

function requestOf(parts: string[], payload: string): string {
  let made = "";
  for (let i = 1; i < parts.length; i++) {
    const colon = parts[i].indexOf(":");
    const name = parts[i].substring(0, colon);
    let value = field(payload, name, parts[i].substring(colon + 1));
    if (value == "" && name == "level") value = "\"info\"";
    if (value == "") continue;
    if (made != "") made += ",";
    made += quote(name) + ":" + value;
  }
  return "{" + made + "}";
}

// hooks tells how often a hook has run, and what it saw last.
export function hooks(): i32 {
  const payload = payloadOf(new Request());
  let event = words(field(payload, "event", "text"));
  const name = words(field(payload, "roomName", "text?")) + words(field(payload, "recordId", "text?")) +
    words(field(payload, "collectionId", "text?"));
  if (name != "") event += ":" + name;
  let n = "", last = "";
  if (failure == "") n = member(call("kv.get", "{\"key\":" + quote("hook:" + event) + "}"), "value");
  if (failure == "") last = member(call("kv.get", "{\"key\":" + quote("last:" + event) + "}"), "value");
  reply("{\"count\":" + (n == "" ? "0" : n) + ",\"last\":" + or(last) + "}");
  return 0;
}
