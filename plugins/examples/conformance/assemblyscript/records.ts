// The operations on records and collections.

import {
  badPayload, Call, Collections, Fields, MeshError, object, Plugin, RecordQuery, Records, Reply, Transaction, WriteOptions,
} from "@mesh-host/as-pdk";
import { answerBool, answerPage, answerRaw, Ending, number, raw, text } from "./shapes";

export function records(p: Plugin): void {
  p.capability("records.read", "records.get and list, and the resolvers of collections");
  p.capability("records.write", "records.set, delete and transaction");
  p.capability("records.unsubscribe", "records.unsubscribe");
  p.capability("collections.unsubscribe", "collections.unsubscribe");
  p.command("records.get", recordsGet);
  p.command("records.set", recordsSet);
  p.command("records.delete", recordsDelete);
  p.command("records.list", recordsList);
  p.command("records.transaction", recordsTransaction);
  p.command("records.unsubscribe", recordsUnsubscribe);
  p.command("collections.unsubscribe", collectionsUnsubscribe);
}

function recordsGet(c: Call): Reply | null {
  const f = c.fields();
  const id = f.text("recordId");
  if (f.failed) return f.error;
  const r = Records.get(id);
  if (r.failed) return r.error;
  const o = object().raw("value", r.value).int("version", r.version);
  if (r.epoch.length > 0) o.text("epoch", r.epoch);
  return o.json();
}

function recordsSet(c: Call): Reply | null {
  const f = c.fields();
  const id = f.text("recordId");
  const value = f.value("value");
  const options = writeOptions(f);
  if (f.failed) return f.error;
  const r = Records.set(id, value, options);
  return r.failed ? r.error : object().int("version", r.version).text("epoch", r.epoch).bool("changed", r.changed).json();
}

function recordsDelete(c: Call): Reply | null {
  const f = c.fields();
  const id = f.text("recordId");
  const options = deleteOptions(f);
  if (f.failed) return f.error;
  const r = Records.delete(id, options);
  return r.failed ? r.error : object().bool("deleted", r.deleted).int("version", r.version).json();
}

function recordsList(c: Call): Reply | null {
  const f = c.fields();
  const q = new RecordQuery();
  q.pattern = text(f, "pattern");
  q.cursor = text(f, "cursor");
  q.limit = <i32>number(f, "limit");
  q.values = f.has("values") && f.bool("values");
  if (f.failed) return f.error;
  const r = Records.list(q);
  return answerPage(r, object().raw("records", r.records), r.cursor);
}

function recordsTransaction(c: Call): Reply | null {
  const f = c.fields();
  const operations = f.value("operations");
  if (f.failed) return f.error;
  const tx = Records.transaction();
  for (const i = operations.items(); i.next(); ) {
    const e = addTo(tx, i.value.fields());
    if (e !== null) return e;
  }
  const r = tx.commit();
  return answerRaw(r, "results", r.results);
}

/** Adds an operation, {"op", "recordId", "value", "options"?}. */
function addTo(tx: Transaction, f: Fields): MeshError | null {
  const op = f.text("op");
  const id = f.text("recordId");
  const options = raw(f, "options").fields();
  if (op == "write") tx.set(id, f.value("value"), writeOptions(options));
  else if (op == "delete") tx.delete(id, deleteOptions(options));
  else if (!f.failed) return badPayload("op", "must be write or delete");
  return f.failed ? f.error : options.error;
}

// These read members that may be missing.

function writeOptions(f: Fields): WriteOptions {
  return deleteOptions(f).strategy(text(f, "strategy")).ttl(number(f, "ttl"));
}

function deleteOptions(f: Fields): WriteOptions {
  const options = new WriteOptions();
  return f.has("expectVersion") ? options.expectVersion(f.int("expectVersion")) : options;
}

function recordsUnsubscribe(c: Call): Reply | null {
  const f = c.fields();
  const e = new Ending(f, "recordId");
  if (f.failed) return f.error;
  const r = Records.unsubscribe(e.topic, e.connectionId, e.reason);
  return answerBool(r, "unsubscribed", r.unsubscribed);
}

function collectionsUnsubscribe(c: Call): Reply | null {
  const f = c.fields();
  const e = new Ending(f, "collectionId");
  if (f.failed) return f.error;
  const r = Collections.unsubscribe(e.topic, e.connectionId, e.reason);
  return answerBool(r, "unsubscribed", r.unsubscribed);
}
