// The compiler reaches abort from the middle of the collector's own functions, and
// starts the files that it imports there, before the collector itself: so this one
// imports nothing that allocates when it starts.

import { joinPair, opensPair, REPLACEMENT, writeCharacter } from "./utf";

// @ts-ignore: decorator
@external("mesh", "log")
declare function hostLog(at: usize, length: usize): u64;

/** Room for the arguments of the log operation: abort may come for want of memory, and takes none. */
const last: usize = memory.data(1024, 8);
let aborting: bool = false;

/** Logs the message, the file and the line at level error, and traps. */
// @ts-ignore: decorator
@global
export function mesh_abort(message: string | null, fileName: string | null, line: u32, column: u32): void {
  if (!aborting) {
    aborting = true;
    writeLast(changetype<usize>(message), changetype<usize>(fileName), line, column);
  }
  unreachable();
}

function writeLast(message: usize, fileName: usize, line: u32, column: u32): void {
  let to = last;
  store<u32>(to, 5);
  store<u32>(to, 0x6f727265, 4); // "error"
  store<u8>(to, 0x72, 8);
  const text = to + 13;
  to = text;
  if (message != 0) to = append(to, message, 600);
  else {
    store<u64>(to, 0x6465_7472_6f62_61); // "aborted", as a stack that overflows is
    to += 7;
  }
  if (fileName != 0) {
    store<u32>(to, 0x206e6920); // " in "
    to = append(to + 4, fileName, 300);
    store<u8>(to, 0x3a);
    to = appendDigits(to + 1, line);
    store<u8>(to, 0x3a);
    to = appendDigits(to + 1, column);
  }
  store<u32>(last, <u32>(to - text), 9);
  hostLog(last, to - last);
}

/** Adds a text, of which so many bytes are kept. */
function append(to: usize, s: usize, most: usize): usize {
  const limit = to + most - 4;
  const end = s + <usize>load<u32>(s - 4); // its length, before every managed object
  while (s < end && to < limit) {
    let c = <u32>load<u16>(s);
    s += 2;
    if (opensPair(c, s, end)) {
      c = joinPair(c, load<u16>(s));
      s += 2;
    } else if ((c & 0xf800) == 0xd800) c = REPLACEMENT;
    to = writeCharacter(to, c);
  }
  return to;
}

function appendDigits(to: usize, n: u32): usize {
  let size: usize = 1;
  for (let rest = n; rest >= 10; rest /= 10) size++;
  for (let at = to + size; at > to; n /= 10) store<u8>(--at, 0x30 + (n % 10));
  return to + size;
}
