import { Json } from "./json";

/**
 * What is said of a write: `expectVersion(3).ttl(Hour)`. Without any, it replaces
 * whatever is there, and the value lives as the record's pattern says.
 */
export class WriteOptions {
  /** For the kit's own use, like the members below. */
  how: string = "";
  expected: Json = Json.none;
  lifetime: i64 = 0;

  /** See the function of the same name. */
  expectVersion(version: i64): this {
    this.expected = Json.int(version);
    return this;
  }

  /** See the function of the same name. */
  ttl(duration: i64): this {
    this.lifetime = duration;
    return this;
  }

  /** See the function of the same name. */
  strategy(strategy: string): this {
    this.how = strategy;
    return this;
  }
}

/**
 * Lets a write or a deletion of a record take place only at that version of it,
 * and otherwise fail with ECONFLICT, see MeshError.isConflict; 0: only where there
 * is no value.
 */
export function expectVersion(version: i64): WriteOptions {
  return new WriteOptions().expectVersion(version);
}

/**
 * Lets the value last until the next write for so many milliseconds, in the place
 * of the pattern's time; 0: the pattern's. It means nothing to a deletion.
 */
export function ttl(duration: i64): WriteOptions {
  return new WriteOptions().ttl(duration);
}

/**
 * Says how a value is written over the one that is there: Replace, Merge or
 * DeepMerge. It means nothing to a deletion.
 */
export function strategy(strategy: string): WriteOptions {
  return new WriteOptions().strategy(strategy);
}
