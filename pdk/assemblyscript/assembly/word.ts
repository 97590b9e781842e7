// JSON is scanned eight bytes at a time: every turn of a loop in a plugin is
// counted by the host, and costs.

// @ts-ignore: decorator
@inline const ONES: u64 = 0x0101_0101_0101_0101;
// @ts-ignore: decorator
@inline const HIGHS: u64 = 0x8080_8080_8080_8080;

/** Returns the eight bytes at `at`, the first one lowest; 0 for those behind the end. */
// @ts-ignore: decorator
@inline
export function word(at: usize, end: usize): u64 {
  return at + 8 <= end ? load<u64>(at) : lastWord(at, end);
}

function lastWord(at: usize, end: usize): u64 {
  let w: u64 = 0;
  for (let shift: u64 = 0; at < end; at++, shift += 8) w |= <u64>load<u8>(at) << shift;
  return w;
}

/** Marks the bytes that are `c`: the lowest mark is right, those above may be false. */
// @ts-ignore: decorator
@inline
export function equal(w: u64, c: u64): u64 {
  const x = w ^ (ONES * c);
  return (x - ONES) & ~x & HIGHS;
}

/** Marks the bytes that are less than `c`, at most 128, as equal does. */
// @ts-ignore: decorator
@inline
export function below(w: u64, c: u64): u64 {
  return (w - ONES * c) & ~w & HIGHS;
}

/** Makes both kinds of brackets the same. */
// @ts-ignore: decorator
@inline
export function fold(w: u64): u64 {
  return w | (ONES * 0x20);
}

/** Returns the index of the lowest marked byte, 8 where there is none. */
// @ts-ignore: decorator
@inline
export function firstMark(marks: u64): usize {
  return <usize>(ctz(marks) >> 3);
}
