// What these leave behind is reachable, so that their work is not taken out.
export let turns: u64 = 0;
const hoard: StaticArray<u8>[] = [];

// spin loops for ever.
export function spin(): i32 {
  while (true) turns++;
  return 0;
}

// grow takes memory, and touches it, until it is refused.
export function grow(): i32 {
  while (true) {
    const block = new StaticArray<u8>(64 << 10);
    for (let i = 0; i < block.length; i += 4096) block[i] = 1;
    hoard.push(block);
  }
  return 0;
}

// trap reads far behind the end of its memory.
export function trap(): i32 {
  return load<u64>(3 << 30) != 0 ? 1 : 0;
}

// recurse calls itself for ever.
export function recurse(): i32 { return descend(0); }

function descend(depth: i32): i32 {
  turns++;
  return descend(depth + 1) + depth;
}
