import {
  callKVCompareAndSet, callKVDelete, callKVGet, callKVIncrement, callKVSet,
  KVCompareAndSetResult, KVDeleteResult, KVGetResult, KVIncrementResult, KVSetResult,
} from "./generated/operations";
import { Json } from "./json";

/** As a time-to-live: nothing expires. Durations are in milliseconds. */
export const Forever: i64 = 0;
export const Millisecond: i64 = 1;
export const Second: i64 = 1000;
export const Minute: i64 = 60 * Second;
export const Hour: i64 = 60 * Minute;
export const Day: i64 = 24 * Hour;

/**
 * The plugin's own store of keys and JSON values. All its instances on all nodes
 * share it; other plugins have their own. Keys are 1 to 256 bytes without control
 * characters.
 */
export class KV {
  /** Reads a key: `value` is none where it is missing or expired. */
  static get(key: string): KVGetResult {
    return callKVGet(key);
  }

  /** Writes a key. The error is ELIMIT where the store would grow over its bound. */
  static set(key: string, value: Json, ttl: i64 = Forever): KVSetResult {
    return callKVSet(key, value, ttl);
  }

  /** Removes a key: `deleted` tells whether it was there. */
  static delete(key: string): KVDeleteResult {
    return callKVDelete(key);
  }

  /**
   * Adds to an integer, atomically: `value` is the sum. A missing key counts as 0
   * and gets the ttl; an existing one keeps its own. The error is ECONFLICT where
   * the value is no integer or the sum needs more than 64 bits.
   */
  static increment(key: string, by: i64 = 1, ttl: i64 = Forever): KVIncrementResult {
    return callKVIncrement(key, by, ttl);
  }

  /**
   * Writes a key only if its value is, byte for byte, the expected one: `swapped`
   * tells whether, otherwise `current` is the one it found. To expect none means
   * that the key must be missing, a value of none deletes it.
   */
  static compareAndSet(key: string, expected: Json, value: Json, ttl: i64 = Forever): KVCompareAndSetResult {
    return callKVCompareAndSet(key, expected, value, ttl);
  }
}
