import { Call } from "./call";
import { Reader } from "./codec";
import { Json } from "./json";

/** A connection that has ended. Its metadata is the last it had. */
export class Departure extends Call {
  /** The close code; 1006 where the peer vanished without one. */
  code: i32 = 0;
  /** The close reason. */
  reason: string = "";

  /** Reads the call that is being answered. For the kit's own use. */
  static read(): Departure {
    const d = new Departure();
    const r = openDetail(d);
    d.code = <i32>r.int();
    d.reason = r.string();
    return d;
  }
}

/** Why a member has left a room, as RoomChange.reason says: the client asked to. */
export const LeftByRequest: string = "leave";
/** Its connection has ended. */
export const LeftByDisconnect: string = "disconnect";
/** A plugin or an operator took it out of the room. */
export const LeftByRemoval: string = "removed";
/** The room was cleared. */
export const LeftByClear: string = "cleared";

/**
 * A membership that has begun or ended. Of a connection that has ended, the
 * metadata is the last it had.
 */
export class RoomChange extends Call {
  /** The room's name. */
  room: string = "";
  /** One of the Left constants, "" for a join. */
  reason: string = "";

  /** Reads the call that is being answered. For the kit's own use. */
  static read(): RoomChange {
    const c = new RoomChange();
    const r = openDetail(c);
    c.room = r.string();
    c.reason = r.string();
    return c;
  }
}

/** Why a record was removed, as RecordChange.reason says: someone deleted it. */
export const RemovedByDelete: string = "deleted";
/** Its TTL has passed without a write. */
export const RemovedByExpiry: string = "expired";

/**
 * A version of a record that has come into being. Its connection is the client
 * that wrote, none where a plugin, an operator or a TTL did.
 */
export class RecordChange extends Call {
  /** The record. */
  recordId: string = "";
  /** The version, in the life that epoch names. */
  version: i64 = 0;
  epoch: string = "";
  /** One of the Removed constants, "" for an update. */
  reason: string = "";

  /** The new value; of a removal the one that the record had. */
  get value(): Json {
    return this.payload;
  }

  /** Reads the call that is being answered. For the kit's own use. */
  static read(): RecordChange {
    const c = new RecordChange();
    const r = openDetail(c);
    c.recordId = r.string();
    c.version = r.int();
    c.epoch = r.string();
    c.reason = r.string();
    return c;
  }
}

function openDetail(c: Call): Reader {
  const detail = c.detail;
  return new Reader().open(detail.start, detail.length, null);
}
