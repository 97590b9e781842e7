import { Merge } from "./connection";
import { MeshError } from "./error";
import {
  callRecordsDelete, callRecordsGet, callRecordsList, callRecordsSet, callRecordsUnsubscribe,
  RecordsDeleteResult, RecordsGetResult, RecordsListResult, RecordsSetResult, RecordsUnsubscribeResult,
} from "./generated/operations";
import { Json } from "./json";
import { Reply } from "./reply";
import { Transaction } from "./transaction";
import { WriteOptions } from "./write";

/** An entry of a list of records. */
export class Record {
  id: string = "";
  /** Any JSON value; in a list without values none. */
  value: Json = Json.none;
  /** Counts changes, deletions too. */
  version: i64 = 0;
  /** Names the life that version counts in: versions of another one mean nothing. */
  epoch: string = "";
}

/** Which records are listed; as it is made: the first 100, without their values. */
export class RecordQuery {
  /** Selects by id, like the pattern of an exposure; "": all. */
  pattern: string = "";
  /** Asks for values too. Pages may then be shorter than the limit. */
  values: bool = false;
  /** Where the page begins: the cursor of the one before, "" for the first. */
  cursor: string = "";
  /** The most records of the page, up to 1000; 0: 100. */
  limit: i32 = 0;
}

/**
 * Versioned JSON values that clients can subscribe to, on all nodes. Ids are 1 to
 * 256 bytes without control characters. Every change is one version, which
 * subscribers are told of; a value equal to the one that is there changes nothing.
 * No guard is asked. The hooks that a write sets off run after the handler has
 * returned.
 */
export class Records {
  /**
   * Reads a record: its `value`, null where there is none (never written, deleted
   * or expired), its `version`, 0 where it was never written, and the `epoch` that
   * the version counts in.
   */
  static get(id: string): RecordsGetResult {
    return callRecordsGet(id);
  }

  /**
   * Writes a record: `version` and `epoch` are those of now, `changed` tells whether
   * this made the version. The error is ECONFLICT where expectVersion is not met;
   * ETOOLARGE or ELIMIT beyond the host's limits.
   */
  static set(id: string, value: Json, options: WriteOptions = new WriteOptions()): RecordsSetResult {
    return callRecordsSet(id, value, options.how, options.expected, options.lifetime);
  }

  /**
   * Lays the members of an object over those of the record, with
   * strategy(DeepMerge) in nested objects too. What is no object, or meets none,
   * replaces. Otherwise it is set.
   */
  static merge(id: string, part: Json, options: WriteOptions = new WriteOptions()): RecordsSetResult {
    const how = options.how.length == 0 ? Merge : options.how;
    return callRecordsSet(id, part, how, options.expected, options.lifetime);
  }

  /**
   * Writes what `change` makes of a record and of the argument, which stands for
   * what a closure would hold. Where another write comes between reading and
   * writing it begins anew, so that none is lost; change may be called several
   * times. If it returns an error that is the outcome, and nothing is written; if it
   * returns null, null is written.
   */
  static update<T>(
    id: string, argument: T, change: (r: RecordsGetResult, argument: T) => Reply | null, lifetime: i64 = 0,
  ): RecordsSetResult {
    while (true) {
      const r = callRecordsGet(id);
      const w = new RecordsSetResult();
      w.error = r.error;
      if (w.failed) return w;
      const made = change(r, argument);
      if (made instanceof MeshError) {
        w.error = made as MeshError;
        return w;
      }
      const value = made instanceof Json ? (made as Json) : Json.raw("null");
      const written = callRecordsSet(id, value, "", Json.int(r.version), lifetime);
      const e = written.error;
      if (e === null || !e.isConflict) return written;
    }
  }

  /**
   * Takes a record's value away, which makes a version too: `deleted` tells whether
   * there was one. The error is ECONFLICT where expectVersion is not met.
   */
  static delete(id: string, options: WriteOptions = new WriteOptions()): RecordsDeleteResult {
    return callRecordsDelete(id, options.expected);
  }

  /**
   * Lists the records that have a value: `records` is [{"recordId", "version",
   * "epoch", "value"}], which entries reads; `cursor` that of the next page, ""
   * after the last.
   */
  static list(q: RecordQuery = new RecordQuery()): RecordsListResult {
    return callRecordsList(q.pattern, q.values, q.cursor, q.limit);
  }

  /** Returns the records of a list. */
  static entries(page: RecordsListResult): Record[] {
    const list: Record[] = [];
    for (const i = page.records.items(); i.next(); ) list.push(readRecord(i.value));
    return list;
  }

  /** Starts a transaction of 1 to 100 writes, or as many as the host's limits allow. */
  static transaction(): Transaction {
    return new Transaction();
  }

  /**
   * Ends a connection's subscription to a record: `unsubscribed` tells whether there
   * was one. The client gets the reason, at most 123 bytes. What it sees of the
   * record through a collection stays.
   */
  static unsubscribe(id: string, connectionId: string, reason: string = ""): RecordsUnsubscribeResult {
    return callRecordsUnsubscribe(id, connectionId, reason);
  }
}

/** Reads an entry of a list in one pass: values may be large. */
function readRecord(item: Json): Record {
  const r = new Record();
  for (const m = item.members(); m.next(); ) {
    if (m.is("recordId")) r.id = m.value.asText();
    else if (m.is("version")) r.version = m.value.asInt();
    else if (m.is("epoch")) r.epoch = m.value.asText();
    else if (m.is("value")) r.value = m.value;
  }
  return r;
}
