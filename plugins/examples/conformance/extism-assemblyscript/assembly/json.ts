// A small reader and writer of JSON. What it reads is valid, since the host has
// checked it; values stay the text that they are, so that nothing of them is
// lost on the way.

const QUOTE: i32 = 0x22;
const BACKSLASH: i32 = 0x5c;

function skipSpace(s: string, i: i32): i32 {
  while (i < s.length && s.charCodeAt(i) <= 0x20) i++;
  return i;
}

// skipText returns the index after a string that begins at i.
function skipText(s: string, i: i32): i32 {
  for (i++; s.charCodeAt(i) != QUOTE; i++) {
    if (s.charCodeAt(i) == BACKSLASH) i++;
  }
  return i + 1;
}

// skip returns the index after the value that begins at i.
function skip(s: string, i: i32): i32 {
  let depth = 0;
  do {
    const c = s.charCodeAt(i);
    if (c == QUOTE) {
      i = skipText(s, i);
      continue;
    }
    if (c == 0x7b || c == 0x5b) depth++; // { [
    else if (c == 0x7d || c == 0x5d) depth--; // } ]
    else if (depth == 0) {
      while (i < s.length && !ends(s.charCodeAt(i))) i++;
      return i;
    }
    i++;
  } while (depth > 0);
  return i;
}

function ends(c: i32): bool {
  return c <= 0x20 || c == 0x2c || c == 0x7d || c == 0x5d; // , } ]
}

// first is the first character of a value, 0 where there is none.
function first(value: string): i32 {
  const i = skipSpace(value, 0);
  return i < value.length ? value.charCodeAt(i) : 0;
}

export function isObject(value: string): bool { return first(value) == 0x7b; }
export function isList(value: string): bool { return first(value) == 0x5b; }
export function isText(value: string): bool { return first(value) == QUOTE; }
export function isTruth(value: string): bool { return value == "true" || value == "false"; }
export function isNull(value: string): bool { return value == "null"; }

// member returns the text of an object's member, "" where it is missing. Of one
// that is there twice the last counts.
export function member(object: string, name: string): string {
  let found = "";
  if (!isObject(object)) return found;
  let i = skipSpace(object, skipSpace(object, 0) + 1);
  while (object.charCodeAt(i) == QUOTE) {
    const end = skipText(object, i);
    const key = text(object.substring(i, end));
    i = skipSpace(object, skipSpace(object, end) + 1);
    const after = skip(object, i);
    if (key == name) found = object.substring(i, after);
    i = skipSpace(object, after);
    if (object.charCodeAt(i) == 0x2c) i = skipSpace(object, i + 1);
  }
  return found;
}

// items returns the texts of a list's elements.
export function items(list: string): string[] {
  const all: string[] = [];
  if (!isList(list)) return all;
  let i = skipSpace(list, skipSpace(list, 0) + 1);
  while (list.charCodeAt(i) != 0x5d) {
    const end = skip(list, i);
    all.push(list.substring(i, end));
    i = skipSpace(list, end);
    if (list.charCodeAt(i) == 0x2c) i = skipSpace(list, i + 1);
  }
  return all;
}

export function areTexts(list: string): bool {
  if (!isList(list)) return false;
  const all = items(list);
  for (let i = 0; i < all.length; i++) {
    if (!isText(all[i])) return false;
  }
  return true;
}

// isInteger tells whole numbers of 64 bits.
export function isInteger(value: string): bool {
  const negative = value.charCodeAt(0) == 0x2d;
  let i = negative ? 1 : 0;
  if (i == value.length) return false;
  let n: u64 = 0;
  const limit: u64 = negative ? 1 << 63 : (1 << 63) - 1;
  for (; i < value.length; i++) {
    const digit = value.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9 || n > (limit - <u64>digit) / 10) return false;
    n = n * 10 + <u64>digit;
  }
  return true;
}

export function integer(value: string): i64 { return I64.parseInt(value); }

// text returns what a string says.
export function text(value: string): string {
  const inner = value.substring(1, value.length - 1);
  if (inner.indexOf("\\") < 0) return inner;
  let made = "";
  for (let i = 0; i < inner.length; i++) {
    let c = inner.charCodeAt(i);
    if (c == BACKSLASH) {
      c = inner.charCodeAt(++i);
      if (c == 0x75) { // u
        c = <i32>parseInt(inner.substring(i + 1, i + 5), 16);
        i += 4;
      } else if (c == 0x6e) c = 0x0a;
      else if (c == 0x74) c = 0x09;
      else if (c == 0x72) c = 0x0d;
      else if (c == 0x62) c = 0x08;
      else if (c == 0x66) c = 0x0c;
    }
    made += String.fromCharCode(c);
  }
  return made;
}

// quote writes a string.
export function quote(s: string): string {
  let made = "\"";
  let start = 0;
  for (let i = 0; i < s.length; i++) {
    const c = s.charCodeAt(i);
    if (c >= 0x20 && c != QUOTE && c != BACKSLASH) continue;
    made += s.substring(start, i);
    start = i + 1;
    if (c == QUOTE || c == BACKSLASH) made += "\\" + String.fromCharCode(c);
    else made += "\\u00" + (c < 16 ? "0" : "1") + "0123456789abcdef".charAt(c & 15);
  }
  return made + s.substring(start) + "\"";
}

// or is a value, or null where it is missing.
export function or(value: string): string { return value == "" ? "null" : value; }
