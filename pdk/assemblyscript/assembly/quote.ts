import { decodeInto, joinPair, narrow, opensPair, REPLACEMENT, writeCharacter } from "./utf";
import { equal, firstMark, word } from "./word";

/** Marks what is not ASCII in four UTF-16 units. */
// @ts-ignore: decorator
@inline const WIDE: u64 = 0xff80_ff80_ff80_ff80;

/** How many bytes a unit below 0x80 takes inside a JSON string. */
// @ts-ignore: decorator
@inline
function asciiLength(c: u32): i32 {
  if (c >= 0x20) return c == 0x22 || c == 0x5c ? 2 : 1;
  return c == 0x0a || c == 0x0d || c == 0x09 ? 2 : 6;
}

/**
 * Returns how many bytes a text takes as a JSON string, with its quotes. Half a
 * surrogate pair that stands alone is written as an escape, which JSON has for
 * it, so that it comes back as it was.
 */
export function quotedLength(s: string): i32 {
  let at = changetype<usize>(s);
  const end = at + (<usize>s.length << 1);
  let n = 2;
  while (at < end) {
    const c = <u32>load<u16>(at);
    at += 2;
    if (c < 0x80) n += asciiLength(c);
    else if (c < 0x800) n += 2;
    else if ((c & 0xf800) != 0xd800) n += 3;
    else if (opensPair(c, at, end)) {
      n += 4;
      at += 2;
    } else n += 6;
  }
  return n;
}

/** Writes a text as a JSON string, as quotedLength counts it, and returns where it ends. */
export function writeQuoted(to: usize, s: string, length: i32): usize {
  store<u8>(to++, 0x22);
  let at = changetype<usize>(s);
  const end = at + (<usize>s.length << 1);
  if (length == s.length + 2) to = writePlain(to, at, end);
  else {
    while (at < end) {
      const c = <u32>load<u16>(at);
      at += 2;
      if (c < 0x80) to = writeAscii(to, c);
      else if (opensPair(c, at, end)) {
        to = writeCharacter(to, joinPair(c, load<u16>(at)));
        at += 2;
      } else if ((c & 0xf800) == 0xd800) to = writeEscape(to, c);
      else to = writeCharacter(to, c);
    }
  }
  store<u8>(to, 0x22);
  return to + 1;
}

/** Writes what is ASCII without anything to escape. */
function writePlain(to: usize, at: usize, end: usize): usize {
  while (at + 8 <= end) {
    store<u32>(to, narrow(load<u64>(at)));
    to += 4;
    at += 8;
  }
  while (at < end) {
    store<u8>(to++, <u8>load<u16>(at));
    at += 2;
  }
  return to;
}

function writeAscii(to: usize, c: u32): usize {
  const size = asciiLength(c);
  if (size == 1) {
    store<u8>(to, c);
    return to + 1;
  }
  if (size == 6) return writeEscape(to, c);
  store<u8>(to, 0x5c);
  store<u8>(to, c == 0x0a ? 0x6e : c == 0x0d ? 0x72 : c == 0x09 ? 0x74 : c, 1);
  return to + 2;
}

/** Writes \uXXXX. */
function writeEscape(to: usize, c: u32): usize {
  store<u16>(to, 0x755c);
  for (let i: usize = 0; i < 4; i++) {
    const d = (c >> (12 - 4 * <u32>i)) & 15;
    store<u8>(to + 2 + i, d < 10 ? 0x30 + d : 0x57 + d);
  }
  return to + 6;
}

/**
 * Returns the text of a JSON string given without its quotes. An escape for half
 * a surrogate pair becomes just that half.
 */
export function unquote(at: usize, length: i32): string {
  if (length <= 0) return "";
  const end = at + length;
  const s = __new(<usize>length << 1, idof<string>());
  let to = s;
  while (at < end) {
    const escape = findEscape(at, end);
    to = decodeInto(to, at, escape);
    at = escape;
    if (at + 1 >= end) break;
    const c = <u32>load<u8>(at + 1);
    if (c == 0x75) {
      store<u16>(to, hex(at + 2, end));
      at = min<usize>(at + 6, end);
    } else {
      store<u16>(to, simpleEscape(c));
      at += 2;
    }
    to += 2;
  }
  return changetype<string>(__renew(s, to - s));
}

function findEscape(at: usize, end: usize): usize {
  while (at < end) {
    const n = firstMark(equal(word(at, end), 0x5c));
    at += n;
    if (n < 8) return min<usize>(at, end);
  }
  return end;
}

function simpleEscape(c: u32): u32 {
  switch (c) {
    case 0x62: return 0x08;
    case 0x66: return 0x0c;
    case 0x6e: return 0x0a;
    case 0x72: return 0x0d;
    case 0x74: return 0x09;
    default: return c;
  }
}

/** Reads four hexadecimal digits, U+FFFD where they are none. */
function hex(at: usize, end: usize): u32 {
  if (at + 4 > end) return REPLACEMENT;
  let v: u32 = 0;
  for (let i: usize = 0; i < 4; i++) {
    const d = hexDigit(load<u8>(at + i));
    if (d < 0) return REPLACEMENT;
    v = (v << 4) | <u32>d;
  }
  return v;
}

/** Returns the value of a hexadecimal digit, or -1. */
export function hexDigit(c: u32): i32 {
  if (c - 0x30 < 10) return c - 0x30;
  c |= 0x20;
  return c - 0x61 < 6 ? c - 0x57 : -1;
}
