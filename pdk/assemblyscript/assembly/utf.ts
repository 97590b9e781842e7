// UTF-16, in which AssemblyScript keeps text, and UTF-8, in which the host does.

/** Marks what is not ASCII in four UTF-16 units. */
// @ts-ignore: decorator
@inline const WIDE: u64 = 0xff80_ff80_ff80_ff80;

/** Marks what is not ASCII in eight bytes. */
// @ts-ignore: decorator
@inline const HIGH: u64 = 0x8080_8080_8080_8080;

/** What stands for text that cannot be. */
// @ts-ignore: decorator
@inline export const REPLACEMENT: u32 = 0xfffd;

/** Whether `c` is the first half of a pair whose second half follows at `at`. */
// @ts-ignore: decorator
@inline
export function opensPair(c: u32, at: usize, end: usize): bool {
  return (c & 0xfc00) == 0xd800 && at < end && (<u32>load<u16>(at) & 0xfc00) == 0xdc00;
}

/** Returns the character of a surrogate pair. */
// @ts-ignore: decorator
@inline
export function joinPair(high: u32, low: u32): u32 {
  return 0x10000 + ((high & 0x3ff) << 10 | (low & 0x3ff));
}

/**
 * Returns how many bytes a text has in UTF-8. Half a surrogate pair that stands
 * alone, which UTF-8 cannot express, counts as U+FFFD.
 */
export function utf8Length(s: string): i32 {
  let at = changetype<usize>(s);
  const end = at + (<usize>s.length << 1);
  let n = 0;
  while (at < end) {
    while (at + 8 <= end && (load<u64>(at) & WIDE) == 0) {
      n += 4;
      at += 8;
    }
    if (at >= end) break;
    const c = <u32>load<u16>(at);
    at += 2;
    if (c < 0x80) n++;
    else if (c < 0x800) n += 2;
    else if (opensPair(c, at, end)) {
      n += 4;
      at += 2;
    } else n += 3;
  }
  return n;
}

/** Writes a text as utf8Length counts it, and returns where it ends. */
export function writeUtf8(to: usize, s: string): usize {
  let at = changetype<usize>(s);
  const end = at + (<usize>s.length << 1);
  while (at < end) {
    while (at + 8 <= end) {
      const w = load<u64>(at);
      if ((w & WIDE) != 0) break;
      store<u32>(to, narrow(w));
      to += 4;
      at += 8;
    }
    if (at >= end) break;
    let c = <u32>load<u16>(at);
    at += 2;
    if (opensPair(c, at, end)) {
      c = joinPair(c, load<u16>(at));
      at += 2;
    } else if ((c & 0xf800) == 0xd800) {
      c = REPLACEMENT;
    }
    to = writeCharacter(to, c);
  }
  return to;
}

/** Makes four bytes of four ASCII units. */
// @ts-ignore: decorator
@inline
export function narrow(w: u64): u32 {
  w = (w | (w >> 8)) & 0x0000_ffff_0000_ffff;
  return <u32>(w | (w >> 16));
}

/** Writes a character in UTF-8 and returns where it ends. */
export function writeCharacter(to: usize, c: u32): usize {
  if (c < 0x80) {
    store<u8>(to, c);
    return to + 1;
  }
  if (c < 0x800) {
    store<u8>(to, 0xc0 | (c >> 6));
    store<u8>(to, 0x80 | (c & 0x3f), 1);
    return to + 2;
  }
  if (c < 0x10000) {
    store<u8>(to, 0xe0 | (c >> 12));
    store<u8>(to, 0x80 | ((c >> 6) & 0x3f), 1);
    store<u8>(to, 0x80 | (c & 0x3f), 2);
    return to + 3;
  }
  store<u8>(to, 0xf0 | (c >> 18));
  store<u8>(to, 0x80 | ((c >> 12) & 0x3f), 1);
  store<u8>(to, 0x80 | ((c >> 6) & 0x3f), 2);
  store<u8>(to, 0x80 | (c & 0x3f), 3);
  return to + 4;
}

/** Writes a character as UTF-16 and returns where it ends. */
// @ts-ignore: decorator
@inline
export function writeUnits(to: usize, c: u32): usize {
  if (c < 0x10000) {
    store<u16>(to, c);
    return to + 2;
  }
  c -= 0x10000;
  store<u32>(to, 0xd800 | (c >> 10) | ((0xdc00 | (c & 0x3ff)) << 16));
  return to + 4;
}

/** Where the character that readCharacter has read ends. */
export let next: usize = 0;

/** Reads a character of UTF-8, U+FFFD where there is none, and sets next. */
export function readCharacter(at: usize, end: usize): u32 {
  const first = <u32>load<u8>(at);
  next = at + 1;
  if (first < 0x80) return first;
  let more = 0;
  let least: u32 = 0;
  let c: u32 = 0;
  if (first >= 0xc2 && first < 0xe0) {
    more = 1;
    least = 0x80;
    c = first & 0x1f;
  } else if (first >= 0xe0 && first < 0xf0) {
    more = 2;
    least = 0x800;
    c = first & 0xf;
  } else if (first >= 0xf0 && first < 0xf5) {
    more = 3;
    least = 0x10000;
    c = first & 7;
  } else return REPLACEMENT;
  if (at + more >= end) return REPLACEMENT;
  for (let i = 1; i <= more; i++) {
    const b = <u32>load<u8>(at + i);
    if ((b & 0xc0) != 0x80) return REPLACEMENT;
    c = (c << 6) | (b & 0x3f);
  }
  if (c < least || c > 0x10ffff || (c & 0xfffff800) == 0xd800) return REPLACEMENT;
  next = at + 1 + more;
  return c;
}

/** Returns the text of UTF-8 bytes; bytes that are none become U+FFFD. */
export function decode(at: usize, length: i32): string {
  if (length == 0) return "";
  const s = __new(<usize>length << 1, idof<string>());
  const end = decodeInto(s, at, at + length);
  return changetype<string>(__renew(s, end - s));
}

/** Writes UTF-8 bytes as UTF-16 and returns where that ends. */
export function decodeInto(to: usize, at: usize, end: usize): usize {
  while (at < end) {
    while (at + 4 <= end) {
      const w = load<u32>(at);
      if ((w & <u32>HIGH) != 0) break;
      store<u64>(to, widen(w));
      to += 8;
      at += 4;
    }
    if (at >= end) break;
    to = writeUnits(to, readCharacter(at, end));
    at = next;
  }
  return to;
}

/** Makes four UTF-16 units of four ASCII bytes. */
// @ts-ignore: decorator
@inline
function widen(w: u32): u64 {
  let d = <u64>w;
  d = (d | (d << 16)) & 0x0000_ffff_0000_ffff;
  return (d | (d << 8)) & 0x00ff_00ff_00ff_00ff;
}

/** Compares UTF-8 bytes with a text. */
export function isText(at: usize, length: i32, s: string): bool {
  const units = changetype<usize>(s);
  if (length == s.length) {
    let i = 0;
    while (i < length && <u32>load<u8>(at + i) == <u32>load<u16>(units + (<usize>i << 1)) && load<u8>(at + i) < 0x80) i++;
    if (i == length) return true;
  } else if (length < s.length || length > 3 * s.length) return false;
  return decode(at, length) == s;
}
