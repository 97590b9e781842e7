// A command for every operation, named like it: it takes the operation's request
// as an object and returns the response as one, null where there is nothing in it.
// Those on connections, users and rooms are in addressing.ts, those on records and
// collections in records.ts.

import {
  badPayload, Call, Channels, config, HistoryQuery, HTTP, HTTPRequest, KV, object, Plugin, Presence, Reply,
} from "@mesh-host/as-pdk";
import { fromBase64, toBase64 } from "./base64";
import { logLine } from "./commands";
import { answerBool, answerInt, answerRaw, Ending, number, raw, text } from "./shapes";

export function operations(p: Plugin): void {
  p.command("log", logLine);
  p.command("config.get", configGet);

  p.capability("kv", "count and the hooks keep their numbers there");
  p.command("kv.get", kvGet);
  p.command("kv.set", kvSet);
  p.command("kv.delete", kvDelete);
  p.command("kv.increment", kvIncrement);
  p.command("kv.compareAndSet", kvCompareAndSet);

  p.capability("http", "http.fetch");
  p.command("http.fetch", httpFetch);

  p.capability("channels.publish", "channels.publish");
  p.capability("channels.read", "channels.history");
  p.capability("channels.unsubscribe", "channels.unsubscribe");
  p.command("channels.publish", channelsPublish);
  p.command("channels.history", channelsHistory);
  p.command("channels.unsubscribe", channelsUnsubscribe);

  p.capability("presence.read", "presence.list");
  p.capability("presence.write", "presence.set and clear");
  p.capability("presence.unsubscribe", "presence.unsubscribe");
  p.command("presence.list", presenceList);
  p.command("presence.set", presenceSet);
  p.command("presence.clear", presenceClear);
  p.command("presence.unsubscribe", presenceUnsubscribe);
}

function configGet(c: Call): Reply | null {
  const r = config();
  return answerRaw(r, "config", r.config);
}

function kvGet(c: Call): Reply | null {
  const f = c.fields();
  const key = f.text("key");
  if (f.failed) return f.error;
  const r = KV.get(key);
  if (r.failed) return r.error;
  const o = object();
  if (r.value.exists) o.raw("value", r.value);
  return o.json();
}

function kvSet(c: Call): Reply | null {
  const f = c.fields();
  const key = f.text("key");
  const value = f.value("value");
  const ttl = number(f, "ttl");
  return f.failed ? f.error : KV.set(key, value, ttl).error;
}

function kvDelete(c: Call): Reply | null {
  const f = c.fields();
  const key = f.text("key");
  if (f.failed) return f.error;
  const r = KV.delete(key);
  return answerBool(r, "deleted", r.deleted);
}

function kvIncrement(c: Call): Reply | null {
  const f = c.fields();
  const key = f.text("key");
  const by = f.int("by");
  const ttl = number(f, "ttl");
  if (f.failed) return f.error;
  const r = KV.increment(key, by, ttl);
  return answerInt(r, "value", r.value);
}

function kvCompareAndSet(c: Call): Reply | null {
  const f = c.fields();
  const key = f.text("key");
  const expected = raw(f, "expected");
  const value = raw(f, "value");
  const ttl = number(f, "ttl");
  if (f.failed) return f.error;
  const r = KV.compareAndSet(key, expected, value, ttl);
  if (r.failed) return r.error;
  const o = object().bool("swapped", r.swapped);
  if (r.current.exists) o.raw("current", r.current);
  return o.json();
}

/** Bodies are base64. */
function httpFetch(c: Call): Reply | null {
  const f = c.fields();
  const q = new HTTPRequest(f.text("url"));
  q.method = text(f, "method");
  if (f.has("headers")) q.headers = f.texts("headers");
  const body = text(f, "body");
  q.timeout = number(f, "timeout");
  if (f.failed) return f.error;
  if (f.has("body")) {
    q.body = fromBase64(body);
    if (q.body === null) return badPayload("body", "must be base64");
  }
  const r = HTTP.fetch(q);
  if (r.failed) return r.error;
  const answer = r.body;
  return object().int("status", r.status).texts("headers", r.headers)
    .text("body", answer === null ? "" : toBase64(answer)).json();
}

function channelsPublish(c: Call): Reply | null {
  const f = c.fields();
  const channel = f.text("channel");
  const message = f.value("message");
  const history = number(f, "history");
  if (f.failed) return f.error;
  const r = Channels.publish(channel, message, <i32>history);
  if (r.failed) return r.error;
  const o = object();
  if (r.offset != 0) o.int("offset", r.offset);
  if (r.epoch.length > 0) o.text("epoch", r.epoch);
  return o.json();
}

function channelsHistory(c: Call): Reply | null {
  const f = c.fields();
  const channel = f.text("channel");
  const q = new HistoryQuery();
  q.limit = <i32>number(f, "limit");
  q.since = number(f, "since");
  q.sinceTime = number(f, "sinceTime");
  if (f.failed) return f.error;
  const r = Channels.history(channel, q);
  if (r.failed) return r.error;
  const o = object().raw("history", r.history).int("offset", r.offset);
  if (r.epoch.length > 0) o.text("epoch", r.epoch);
  return o.json();
}

function channelsUnsubscribe(c: Call): Reply | null {
  const f = c.fields();
  const e = new Ending(f, "channel");
  if (f.failed) return f.error;
  const r = Channels.unsubscribe(e.topic, e.connectionId, e.reason);
  return answerBool(r, "unsubscribed", r.unsubscribed);
}

function presenceList(c: Call): Reply | null {
  const f = c.fields();
  const room = f.text("roomName");
  if (f.failed) return f.error;
  const r = Presence.list(room);
  return r.failed ? r.error : object().texts("present", r.present).raw("states", r.states).json();
}

function presenceSet(c: Call): Reply | null {
  const f = c.fields();
  const room = f.text("roomName");
  const id = f.text("connectionId");
  const state = f.value("state");
  const expireAfter = number(f, "expireAfter");
  const silent = f.has("silent") && f.bool("silent");
  if (f.failed) return f.error;
  const r = silent ? Presence.setSilently(room, id, state, expireAfter) : Presence.set(room, id, state, expireAfter);
  return answerBool(r, "success", r.success);
}

function presenceClear(c: Call): Reply | null {
  const f = c.fields();
  const room = f.text("roomName");
  const id = f.text("connectionId");
  if (f.failed) return f.error;
  const r = Presence.clear(room, id);
  return answerBool(r, "success", r.success);
}

function presenceUnsubscribe(c: Call): Reply | null {
  const f = c.fields();
  const e = new Ending(f, "roomName");
  if (f.failed) return f.error;
  const r = Presence.unsubscribe(e.topic, e.connectionId, e.reason);
  return answerBool(r, "unsubscribed", r.unsubscribed);
}
