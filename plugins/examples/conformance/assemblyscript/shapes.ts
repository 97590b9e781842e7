// What the commands of the operations have in common.

import { Fields, Json, object, ObjectBuilder, Outcome, Reply } from "@mesh-host/as-pdk";

// These read members that may be missing.

export function text(f: Fields, name: string): string {
  return f.has(name) ? f.text(name) : "";
}

export function number(f: Fields, name: string): i64 {
  return f.has(name) ? f.int(name) : 0;
}

export function raw(f: Fields, name: string): Json {
  return f.has(name) ? f.value(name) : Json.none;
}

// These reply with an object of one member, or with the error.

export function answerBool(r: Outcome, name: string, v: bool): Reply | null {
  return r.failed ? r.error : object().bool(name, v).json();
}

export function answerInt(r: Outcome, name: string, v: i64): Reply | null {
  return r.failed ? r.error : object().int(name, v).json();
}

export function answerRaw(r: Outcome, name: string, v: Json): Reply | null {
  return r.failed ? r.error : object().raw(name, v).json();
}

export function answerTexts(r: Outcome, name: string, v: string[]): Reply | null {
  return r.failed ? r.error : object().texts(name, v).json();
}

/** Replies with a page, or with the error. */
export function answerPage(r: Outcome, o: ObjectBuilder, cursor: string): Reply | null {
  if (r.failed) return r.error;
  if (cursor.length > 0) o.text("cursor", cursor);
  return o.json();
}

/** A name, a cursor and a limit, all of which may be missing. */
export class Page {
  name: string;
  cursor: string;
  limit: i32;

  constructor(f: Fields, member: string) {
    this.name = member.length == 0 ? "" : text(f, member);
    this.cursor = text(f, "cursor");
    this.limit = <i32>number(f, "limit");
  }
}

/** A topic, a connection and a reason. */
export class Ending {
  topic: string;
  connectionId: string;
  reason: string;

  constructor(f: Fields, member: string) {
    this.topic = f.text(member);
    this.connectionId = f.text("connectionId");
    this.reason = text(f, "reason");
  }
}
