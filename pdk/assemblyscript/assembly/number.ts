/** Whether parseInt has read an integer of 64 bits. */
export let isInt: bool = false;

/** Reads an integer without fraction and exponent, and sets isInt. */
export function parseInt64(at: usize, length: i32): i64 {
  isInt = false;
  const negative = length > 0 && load<u8>(at) == 0x2d;
  if (negative) {
    at++;
    length--;
  }
  if (length <= 0 || length > 19) return 0;
  let n: u64 = 0; // 19 digits fit
  for (const end = at + length; at < end; at++) {
    const d = <u32>load<u8>(at) - 0x30;
    if (d > 9) return 0;
    n = n * 10 + d;
  }
  if (n > (negative ? <u64>1 << 63 : <u64>i64.MAX_VALUE)) return 0;
  isInt = true;
  return negative ? 0 - <i64>n : <i64>n;
}

/** Returns how many bytes an integer takes in decimal digits. */
export function intLength(v: i64): i32 {
  let size = v < 0 ? 2 : 1;
  let n = magnitude(v);
  while (n >= 10) {
    n /= 10;
    size++;
  }
  return size;
}

/** Writes an integer, as intLength counts it. */
export function writeInt(to: usize, v: i64, length: i32): void {
  let n = magnitude(v);
  let at = to + length;
  do {
    store<u8>(--at, 0x30 + <u8>(n % 10));
    n /= 10;
  } while (n != 0);
  if (v < 0) store<u8>(to, 0x2d);
}

// @ts-ignore: decorator
@inline
function magnitude(v: i64): u64 {
  return v < 0 ? 0 - <u64>v : <u64>v;
}

/** Returns a number as JSON writes it, null for what is none. */
export function floatText(v: f64): string {
  if (!isFinite(v)) return "null";
  if (v == trunc(v) && abs(v) < 9007199254740992.0) return (<i64>v).toString();
  const text = v.toString();
  return text.endsWith(".0") ? text.slice(0, text.length - 2) : text;
}
