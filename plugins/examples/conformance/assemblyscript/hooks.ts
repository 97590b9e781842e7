import {
  array, Call, Departure, Hour, Json, KV, MeshError, object, ObjectBuilder, Plugin, RecordChange, Reply, RoomChange,
} from "@mesh-host/as-pdk";
import { text } from "./shapes";

/** Registers a hook for each event; they count, and keep what they saw last. */
export function hooks(p: Plugin): void {
  p.onConnect(connected);
  p.onDisconnect(disconnected);
  p.onJoin(joined);
  p.onLeave(left);
  p.onRecordUpdate(versioned, ["/^hooked:.+$/"]);
  p.onRecordRemoved(versioned, ["/^hooked:.+$/"]);
}

function connected(c: Call): MeshError | null {
  return record("connect", "", seen(c));
}

function disconnected(d: Departure): MeshError | null {
  return record("disconnect", "", seen(d).int("code", d.code).text("reason", d.reason));
}

function joined(c: RoomChange): MeshError | null {
  return record("join", c.room, seen(c).text("roomName", c.room));
}

function left(c: RoomChange): MeshError | null {
  return record("leave", c.room, seen(c).text("roomName", c.room).text("reason", c.reason));
}

/** Keeps the versions that it is told of, too, in their order. */
function versioned(c: RecordChange): MeshError | null {
  if (isLong(c.recordId)) return null;
  const key = "versions:" + c.recordId;
  const versions = KV.get(key);
  if (versions.failed) return versions.error;
  const list = array();
  for (const i = versions.value.items(); i.next(); ) list.raw(i.value);
  const kept = KV.set(key, list.int(c.version).json(), Hour);
  if (kept.failed) return kept.error;
  const what = seen(c).text("recordId", c.recordId).raw("value", c.value).int("version", c.version);
  return record(c.name, c.recordId, what.text("epoch", c.epoch).text("reason", c.reason));
}

export function seen(c: Call): ObjectBuilder {
  return object().text("connectionId", c.connectionId).text("user", c.user).raw("metadata", c.metadata);
}

/**
 * Whether the name of a room, record or collection is too long, in bytes, to be
 * counted: it becomes a part of a key.
 */
function isLong(name: string): bool {
  return String.UTF8.byteLength(name) > 200;
}

/** What an event, of a room, record or collection where there is one, is counted and kept under. */
function subject(event: string, name: string): string {
  return name.length == 0 ? event : event + ":" + name;
}

export function record(event: string, name: string, what: ObjectBuilder): MeshError | null {
  if (isLong(name)) return null;
  const key = subject(event, name);
  const kept = KV.set("last:" + key, what.json(), Hour);
  if (kept.failed) return kept.error;
  return KV.increment("hook:" + key, 1, Hour).error; // last: who sees the number finds the rest
}

/**
 * Takes {"event", "roomName"?, "recordId"?, "collectionId"?} and returns {"count",
 * "last"}: how often the hook of that event has run, of that room, record or
 * collection, within the hour, and what it saw when it did.
 */
export function readHooks(c: Call): Reply | null {
  const f = c.fields();
  const event = f.text("event");
  const name = text(f, "roomName") + text(f, "recordId") + text(f, "collectionId");
  if (f.failed) return f.error;
  const key = subject(event, name);
  const count = KV.get("hook:" + key);
  if (count.failed) return count.error;
  const last = KV.get("last:" + key);
  if (last.failed) return last.error;
  return object().raw("count", count.value.exists ? count.value : Json.int(0)).raw("last", last.value).json();
}
