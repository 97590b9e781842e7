import { Merge } from "./connection";
import { callRecordsTransaction, RecordsTransactionResult } from "./generated/operations";
import { array, ArrayBuilder, Json, object, ObjectBuilder } from "./json";
import { WriteOptions } from "./write";

/**
 * Writes of several records, each of them once, that are made all or not at all,
 * and seen as one change:
 *
 *     const done = Records.transaction()
 *       .set("account:a", a, expectVersion(3))
 *       .set("account:b", b, expectVersion(8))
 *       .commit();
 *
 * It must not be used after commit.
 */
export class Transaction {
  private operations: ArrayBuilder = array();

  /** Adds Records.set. */
  set(id: string, value: Json, options: WriteOptions = new WriteOptions()): this {
    return this.add(write(id, value), options.how, options);
  }

  /** Adds Records.merge. */
  merge(id: string, part: Json, options: WriteOptions = new WriteOptions()): this {
    return this.add(write(id, part), options.how.length == 0 ? Merge : options.how, options);
  }

  /** Adds Records.delete. */
  delete(id: string, options: WriteOptions = new WriteOptions()): this {
    const o = object().text("op", "delete").text("recordId", id);
    if (options.expected.exists) o.raw("options", object().raw("expectVersion", options.expected).json());
    this.operations.raw(o.json());
    return this;
  }

  /**
   * Makes the writes: `results` is [{"op", "recordId", "success", "version"}], in
   * their order. The error is ETXN where there are none, too many, or two of one
   * record; otherwise that of the first write that fails, with its recordId in data,
   * and nothing is written.
   */
  commit(): RecordsTransactionResult {
    return callRecordsTransaction(this.operations.json());
  }

  private add(operation: ObjectBuilder, strategy: string, options: WriteOptions): this {
    const o = object();
    if (strategy.length > 0) o.text("strategy", strategy);
    if (options.expected.exists) o.raw("expectVersion", options.expected);
    if (options.lifetime != 0) o.int("ttl", options.lifetime);
    if (!o.isEmpty) operation.raw("options", o.json());
    this.operations.raw(operation.json());
    return this;
  }
}

function write(id: string, value: Json): ObjectBuilder {
  return object().text("op", "write").text("recordId", id).raw("value", value);
}

/** Returns the version that a transaction has left a record at, 0 for one that it did not write. */
export function committedVersion(done: RecordsTransactionResult, id: string): i64 {
  for (const i = done.results.items(); i.next(); ) {
    if (i.value.get("recordId").asText() == id) return i.value.get("version").asInt();
  }
  return 0;
}
