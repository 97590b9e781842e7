// The conformance plugin in the Extism format, in AssemblyScript: what every
// function does is said in the README of the same plugin in Go.
export { mesh_register } from "./registration";
export { echo, add, fail_with, whoami, count, send, hooks, operation } from "./commands";
export { connect, disconnect, room_change, record_change } from "./hooks";
export { members, users, admins, owners, values, merges, trapping, spinning, rubbish } from "./guards";
export { listed, all, mine } from "./collections";
export { spin, grow, trap, recurse } from "./misbehave";

// stop is what AssemblyScript calls where it cannot go on.
export function stop(message: string | null, file: string | null, line: u32, column: u32): void {
  unreachable();
}
