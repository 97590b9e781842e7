import { call, done, fail, failure, put, Request } from "./host";
import { isObject, member, or, quote } from "./json";
import { spin, trap } from "./misbehave";

function deny(message: string): void { fail("EDENIED", message); }

export function members(): i32 {
  const r = new Request();
  const name = r.text("name");
  const has = call("rooms.has", "{\"roomName\":" + quote(name) + ",\"connectionId\":" + quote(r.text("connectionId")) + "}");
  if (failure == "" && member(has, "member") != "true") deny("This is for members of the room " + name + ".");
  done();
  return 0;
}

export function users(): i32 {
  if (new Request().text("user") == "") deny("This is for known users.");
  done();
  return 0;
}

export function admins(): i32 {
  const r = new Request();
  if (member(r.raw("metadata"), "admin") != "true") {
    deny("Only for administrators: " + r.detailText("topic") + " " + r.detailText("action") + ".");
  }
  done();
  return 0;
}

export function owners(): i32 {
  const r = new Request();
  if (r.text("user") == "" || r.text("name") != "own:" + r.text("user")) deny("This is not yours.");
  done();
  return 0;
}

export function values(): i32 {
  const r = new Request();
  const action = r.detailText("action");
  if (member(r.raw("payload"), "ok") != "true" || action != "write") {
    deny("Not this: " + r.detailText("topic") + " " + action + " " + r.raw("payload") + ".");
  }
  done();
  return 0;
}

export function merges(): i32 {
  const r = new Request();
  const strategy = r.detailText("strategy");
  if ((strategy != "merge" && strategy != "deepMerge") || !isObject(r.raw("payload"))) {
    deny("Not so: " + r.detailText("action") + " " + strategy + " " + r.raw("payload") + ".");
  }
  done();
  return 0;
}

// What follows must refuse, whatever it does.

export function trapping(): i32 { return trap(); }

export function spinning(): i32 { return spin(); }

export function rubbish(): i32 {
  put("{\"status\":\"error\",\"error\":{\"code\":\"ERUBBISH\",\"message\":\"rubbish\",\"data\":{\"rubbish}}");
  return 0;
}
