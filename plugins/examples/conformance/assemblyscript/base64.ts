const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const PAD: u8 = 0x3d; // "="

/** Returns bytes in base64 (RFC 4648), padded. */
export function toBase64(bytes: Uint8Array): string {
  const text = new Uint8Array(((bytes.length + 2) / 3) * 4); // a text that grows would be copied each time
  for (let i = 0, at = 0; i < bytes.length; i += 3, at += 4) {
    const left = bytes.length - i;
    const b = (<u32>bytes[i] << 16) | (left > 1 ? <u32>bytes[i + 1] << 8 : 0) | (left > 2 ? <u32>bytes[i + 2] : 0);
    text[at] = digit(b >> 18);
    text[at + 1] = digit((b >> 12) & 63);
    text[at + 2] = left > 1 ? digit((b >> 6) & 63) : PAD;
    text[at + 3] = left > 2 ? digit(b & 63) : PAD;
  }
  return String.UTF8.decode(text.buffer);
}

function digit(value: u32): u8 {
  return <u8>ALPHABET.charCodeAt(<i32>value);
}

/** Returns the bytes that base64 stands for, null where it is none. */
export function fromBase64(s: string): Uint8Array | null {
  if (s.length % 4 != 0) return null;
  const padding = s.endsWith("==") ? 2 : s.endsWith("=") ? 1 : 0;
  const digits = s.length - padding;
  const bytes = new Uint8Array((s.length / 4) * 3 - padding);
  let rest: u32 = 0;
  for (let i = 0, at = 0; i < digits; i++) {
    const d = value(s.charCodeAt(i));
    if (d < 0) return null;
    rest = (rest << 6) | d;
    const bits = ((i % 4) + 1) * 6;
    if (i % 4 > 0) bytes[at++] = <u8>(rest >> (bits % 8));
  }
  return bytes;
}

/** Returns what a digit stands for, -1 where it is none. */
function value(code: i32): i32 {
  if (code >= 0x41 && code <= 0x5a) return code - 0x41;
  if (code >= 0x61 && code <= 0x7a) return code - 0x61 + 26;
  if (code >= 0x30 && code <= 0x39) return code - 0x30 + 52;
  return code == 0x2b ? 62 : code == 0x2f ? 63 : -1;
}
