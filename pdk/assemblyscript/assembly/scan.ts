import { below, equal, firstMark, fold, word } from "./word";

// These functions find their way through JSON text. They check no more than they
// need for that, and return 0 where what they look for cannot be.

/** Whether the text that skipText has last passed holds an escape. */
export let escaped: bool = false;

/** Returns where the white space at `at` ends. */
// @ts-ignore: decorator
@inline
export function skipSpace(at: usize, end: usize): usize {
  while (at < end && isSpace(load<u8>(at))) at++;
  return at;
}

/** Whether a byte is white space. */
// @ts-ignore: decorator
@inline
export function isSpace(c: u32): bool {
  return c <= 0x20 && (c == 0x20 || c == 0x0a || c == 0x0d || c == 0x09);
}

/** Returns where the value that begins at `at` ends. */
export function skipValue(at: usize, end: usize): usize {
  if (at >= end) return 0;
  switch (load<u8>(at)) {
    case 0x22: // "
      return skipText(at, end);
    case 0x7b: // {
    case 0x5b: // [
      return skipNested(at, end);
    default:
      return skipPlain(at, end);
  }
}

/** Returns where the string that begins at `at` ends. */
export function skipText(at: usize, end: usize): usize {
  escaped = false;
  for (at++; at < end; ) {
    const w = word(at, end);
    const n = firstMark(equal(w, 0x22) | equal(w, 0x5c));
    at += n;
    if (n == 8) continue;
    if (load<u8>(at) == 0x22) return at + 1;
    at += 2;
    escaped = true;
  }
  return 0;
}

/** Counts brackets instead of calling itself, so that deep nesting costs no stack. */
function skipNested(at: usize, end: usize): usize {
  for (let depth = 0; at < end; ) {
    const w = word(at, end);
    const folded = fold(w);
    const n = firstMark(equal(w, 0x22) | equal(folded, 0x7b) | equal(folded, 0x7d));
    at += n;
    if (n == 8) continue;
    const c = load<u8>(at);
    if (c == 0x22) {
      at = skipText(at, end);
      if (at == 0) return 0;
      continue;
    }
    depth += c == 0x7b || c == 0x5b ? 1 : -1;
    at++;
    if (depth == 0) return at;
  }
  return 0;
}

/** Returns where a number, true, false or null ends. */
function skipPlain(at: usize, end: usize): usize {
  const start = at;
  while (at < end) {
    const w = word(at, end);
    // The zeros behind the end count as space.
    const n = firstMark(below(w, 0x21) | equal(w, 0x2c) | equal(fold(w), 0x7d));
    at += n;
    if (n < 8) break;
  }
  return at == start ? 0 : at;
}
