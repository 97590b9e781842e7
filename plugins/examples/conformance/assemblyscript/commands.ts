import {
  badPayload, broadcast, Call, Fields, Info, Json, KV, log, MeshError, object, Reply, send,
} from "@mesh-host/as-pdk";
import { answerInt, text } from "./shapes";

/** Returns its payload. */
export function echo(c: Call): Reply | null {
  return c.payload;
}

/** Takes two integers {"a", "b"} and returns {"sum"}. */
export function add(c: Call): Reply | null {
  const f = c.fields();
  const a = f.int("a");
  const b = f.int("b");
  if (f.failed) return f.error;
  const sum = a + b;
  if (sum > a != b > 0) return badPayload("b", "makes a sum that 64 bits cannot hold");
  return object().int("sum", sum).json();
}

/** Takes {"message", "code"?, "name"?} and fails with that error. */
export function failing(c: Call): Reply | null {
  const f = c.fields();
  const e = new MeshError(text(f, "code"), f.text("message"), text(f, "name"));
  return f.failed ? f.error : e;
}

/** Returns {"connectionId", "locals", "metadata"}, null for what is not there. */
export function whoami(c: Call): Reply | null {
  return object().text("connectionId", c.connectionId).raw("locals", c.locals).raw("metadata", c.metadata).json();
}

/** Counts its calls, over all instances and nodes, and returns {"n"}. */
export function count(c: Call): Reply | null {
  const r = KV.increment("count");
  return answerInt(r, "n", r.value);
}

/** What is pushed: {"command", "payload"?, "exclude"?: [ids]}. */
export class Push {
  command: string;
  payload: Json = Json.none;
  exclude: string[] | null = null;

  constructor(f: Fields) {
    this.command = f.text("command");
    if (f.has("payload")) this.payload = f.value("payload");
    if (f.has("exclude")) this.exclude = f.texts("exclude");
  }
}

/** Takes {"to": [ids], …}, pushes it to those connections and returns {"sent"}. */
export function sending(c: Call): Reply | null {
  const f = c.fields();
  const to = f.texts("to");
  const push = new Push(f);
  if (f.failed) return f.error;
  const r = send(to, push.command, push.payload, push.exclude);
  return answerInt(r, "sent", r.sent);
}

/** Takes a push, pushes it to every connection and returns {"sent"}. */
export function broadcasting(c: Call): Reply | null {
  const f = c.fields();
  const push = new Push(f);
  if (f.failed) return f.error;
  const r = broadcast(push.command, push.payload, push.exclude);
  return answerInt(r, "sent", r.sent);
}

/** Takes {"message", "level"?} and writes the line to the host's log. */
export function logLine(c: Call): Reply | null {
  const f = c.fields();
  const message = f.text("message");
  const level = f.has("level") ? f.text("level") : Info;
  if (f.failed) return f.error;
  log(level, message);
  return null;
}
