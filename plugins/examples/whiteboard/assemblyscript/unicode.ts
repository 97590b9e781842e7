// AssemblyScript's own library does not know letters from other characters.

import { changes } from "./unicode_table";

/** What kindOf returns, as unicode.mjs numbers it; 0 is anything else. */
export const LETTER: u32 = 1;
/** A decimal digit of any script. */
export const DIGIT: u32 = 2;
/** An accent and the like, which belongs to the letter before it. */
export const MARK: u32 = 3;

/** Returns the kind of a character, a code point. */
export function kindOf(c: i32): u32 {
  const last = (<u32>c << 2) | 3;
  let low = 0; // how many stretches surely begin at c or before it
  let high = changes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (unchecked(changes[middle]) <= last) low = middle + 1;
    else high = middle;
  }
  return low == 0 ? 0 : unchecked(changes[low - 1]) & 3;
}

/** Returns how many characters, not UTF-16 units, a text has. */
export function characters(s: string): i32 {
  let n = 0;
  for (let i = 0; i < s.length; i++) {
    if (s.codePointAt(i) > 0xffff) i++;
    n++;
  }
  return n;
}
