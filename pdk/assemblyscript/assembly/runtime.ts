// What AssemblyScript's own functions need of their surroundings: asconfig.json
// puts these in the place of imports that the host does not have.

import { Debug, Fault, Info, log, Warn } from "./log";

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "random_get")
declare function randomGet(at: usize, length: usize): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "clock_time_get")
declare function clockTimeGet(clock: u32, precision: u64, at: usize): u32;

const scratch: usize = memory.data(8, 8);

/** Seeds Math.random. */
// @ts-ignore: decorator
@global
export function mesh_seed(): f64 {
  randomGet(scratch, 8);
  return reinterpret<f64>(load<u64>(scratch));
}

/** Writes what trace says to the host's log. */
// @ts-ignore: decorator
@global
export function mesh_trace(message: string, n: i32 = 0, a: f64 = 0, b: f64 = 0, c: f64 = 0, d: f64 = 0, e: f64 = 0): void {
  const values: f64[] = [a, b, c, d, e];
  for (let i = 0; i < min(n, 5); i++) message += " " + values[i].toString();
  log(Debug, message);
}

/** Writes to the host's log. */
// @ts-ignore: decorator
@global
export class mesh_console {
  /** Writes a line at level error unless the condition holds. */
  static assert(condition: bool, message: string = ""): void {
    if (!condition) log(Fault, "Assertion failed: " + message);
  }
  static log(message: string = ""): void { log(Info, message); }
  static debug(message: string = ""): void { log(Debug, message); }
  static info(message: string = ""): void { log(Info, message); }
  static warn(message: string = ""): void { log(Warn, message); }
  static error(message: string = ""): void { log(Fault, message); }
}

/** Returns the time, in milliseconds since 1970. */
export function now(): i64 {
  clockTimeGet(0, 1_000_000, scratch);
  return load<i64>(scratch) / 1_000_000;
}
