import {
  ActionWrite, array, Call, DeepMerge, denied, fail, GuardCall, Json, Merge, MeshError, Plugin, RecordQuery, Records, Reply,
  Second,
} from "@mesh-host/as-pdk";
import { record, seen } from "./hooks";
import { spin, trap } from "./misbehave";

/** Opens records and collections. */
export function exposeRecords(p: Plugin): void {
  p.guard("owners", owners);
  p.guard("values", values);
  p.guard("merges", merges);

  p.record("/^record:.+$/");
  p.record("/^shared:.+$/").writable();
  p.record("/^hooked:.+$/").writable();
  p.record("/^brief:.+$/").writable().ttl(Second);
  p.record("/^drop:.+$/").writable().slowDrop();
  p.record("/^conflate:.+$/").writable().slowConflate();
  p.record("/^own:.+$/").writableBy("owners");
  p.record("/^checked:.+$/").writableBy("values");
  p.record("/^merged:.+$/").writableBy("merges");
  p.record("/^private:.+$/").guardedBy("users").writableBy("users");
  p.record("bad:trap").guardedBy("trapping").writableBy("trapping");
  p.record("bad:spin").guardedBy("spinning").writableBy("spinning");
  p.record("bad:rubbish").guardedBy("rubbish").writableBy("rubbish");

  const lists = ["/^list:.+$/"];
  p.collection("/^list:.+$/", listed).dependsOn(lists);
  p.collection("/^few:.+$/", listed).dependsOn(lists).limit(2);
  p.collection("/^users:.+$/", listed).dependsOn(lists).guardedBy("users");
  p.collection("/^one:.+$/", listed).dependsOn(lists).shared();
  p.collection("records", all).dependsOn(["/^record:.+$/"]).shared().limit(1000);
  p.collection("mine", mine);
}

/** Allows writing to the user that the record is named after. */
function owners(c: GuardCall): MeshError | null {
  const user = c.user;
  return user.length > 0 && c.name == "own:" + user ? null : denied("This is not yours.");
}

/**
 * Allows writing what says {"ok": true} of itself, and no deletion. It tells the
 * others what it was asked.
 */
function values(c: GuardCall): MeshError | null {
  if (c.value.get("ok").asBool() && c.action == ActionWrite) return null;
  return denied("Not this: " + c.topic + " " + c.action + " " + c.value.toString() + ".");
}

/**
 * Allows laying members over those of a record, which keeps the others. It tells
 * what it was asked.
 */
function merges(c: GuardCall): MeshError | null {
  const strategy = c.strategy;
  if ((strategy == Merge || strategy == DeepMerge) && c.value.isObject) return null; // what is none replaces
  return denied("Not so: " + c.action + " " + strategy + " " + c.value.toString() + ".");
}

/**
 * Resolves "<kind>:<name>" to the ids in the record "list:<name>", an array. What is
 * none there has it do what it says: "trap", "spin", or answer "rubbish", names that
 * cannot be; otherwise it fails.
 */
function listed(c: Call): Reply | null {
  const e = resolving(c);
  if (e !== null) return e;
  const r = Records.get("list:" + afterColon(c.name));
  if (r.failed) return r.error;
  if (r.value.isNull) return array().json();
  const ids = r.value.asTexts();
  if (ids !== null) return Json.texts(ids);
  const what = r.value.asText();
  if (what == "trap") return trap(c);
  if (what == "spin") return spin(c);
  if (what == "rubbish") return Json.texts(["record:a", "", "\n"]);
  return fail("ELIST", "The list is none: " + r.value.toString());
}

/** Resolves to all records under record:, by their ids. */
function all(c: Call): Reply | null {
  const e = resolving(c);
  if (e !== null) return e;
  const q = new RecordQuery();
  q.pattern = "/^record:.+$/";
  q.limit = 1000;
  const page = Records.list(q);
  if (page.failed) return page.error;
  const ids = array();
  const entries = Records.entries(page);
  for (let i = 0; i < entries.length; i++) ids.text(entries[i].id);
  return ids.json();
}

/**
 * Resolves to what belongs to a user, some of which others may not read. It depends
 * on every record.
 */
function mine(c: Call): Reply | null {
  const e = resolving(c);
  if (e !== null) return e;
  const user = c.user;
  return Json.texts(["own:" + user, "private:" + user, "private:all", "secret", "record:mine"]);
}

/** Counts the calls of a resolver as those of a hook are counted. */
function resolving(c: Call): MeshError | null {
  return record("resolve", c.name, seen(c));
}

function afterColon(s: string): string {
  return s.slice(s.indexOf(":") + 1);
}
