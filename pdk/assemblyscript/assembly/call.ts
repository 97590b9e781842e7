import { ABSENT } from "./codec";
import { Fields } from "./fields";
import { Json } from "./json";
import { decode } from "./utf";

// The encoded request that is being answered. Its fields are kind, name,
// connection id, user, metadata, locals, payload and detail. They are found when
// they are asked for; the host is trusted with their lengths.

let start: usize = 0;
let end: usize = 0;

/** Where the field that find has found lies, and how long it is. */
let at: usize = 0;
let size: i32 = 0;

/** Sets the request that the calls are about. */
export function openRequest(from: usize, length: usize): void {
  start = from;
  end = from + length;
}

/** Whether a value is a part of the request, with room for a header before it. */
export function inRequest(v: Json): bool {
  return v.start >= start + 16 && v.start < end;
}

/** Finds a field of the request. */
function find(field: i32): bool {
  let next = start;
  while (next + 4 <= end) {
    const length = load<u32>(next);
    next += 4;
    if (field-- == 0) {
      at = next;
      size = length == ABSENT ? 0 : <i32>length;
      return length != ABSENT;
    }
    if (length != ABSENT) next += length;
  }
  size = 0;
  return false;
}

function text(field: i32): string {
  return find(field) ? decode(at, size) : "";
}

function json(field: i32): Json {
  return find(field) ? Json.view(at, size, null) : Json.none;
}

/**
 * One call of the host into the plugin. It and every Json that it returns are
 * valid until the handler returns: they lie in memory that the next call uses
 * again. `copy` what must outlive the call. Text is the plugin's to keep.
 *
 * Nothing is decoded before it is asked for.
 */
export class Call {
  /**
   * The command's name, the topic's for a guard, the collection's id for a
   * resolver, the schedule's for a schedule, and the event's for a hook. Built-in
   * commands are named mesh/<name>, whatever the client wrote.
   */
  get name(): string {
    return text(1);
  }

  /** The connection's id, "" where the call comes from none. */
  get connectionId(): string {
    return text(2);
  }

  /** The authenticated user, "" for an anonymous connection. */
  get user(): string {
    return text(3);
  }

  /** The connection's metadata, none where none is set. */
  get metadata(): Json {
    return json(4);
  }

  /** The object that middleware has built up for this command, none where none has. */
  get locals(): Json {
    return json(5);
  }

  /** The command's payload as the client wrote it, none where the frame had none. */
  get payload(): Json {
    return json(6);
  }

  /** What the kind of call adds, an encoded message. For the kit's own use. */
  get detail(): Json {
    return json(7);
  }

  /** Reads the payload as an object. */
  fields(): Fields {
    return this.payload.fields();
  }
}

/** The call that is being answered: an instance answers one at a time. */
export const current: Call = new Call();
