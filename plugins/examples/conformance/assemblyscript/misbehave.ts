import { Call, Json, Reply } from "@mesh-host/as-pdk";

// What these commands leave behind is reachable, so that no compiler finds their
// work useless and takes it out.
let turns: u64 = 0;
const hoard: Uint8Array[] = [];

/** Behind the end of any memory that a plugin may have. */
let far: usize = 3 << 30;

/** Loops for ever. */
export function spin(c: Call): Reply | null {
  while (true) turns++;
}

/** Takes memory, and touches it, until it is refused. */
export function grow(c: Call): Reply | null {
  while (true) {
    const block = new Uint8Array(64 << 10);
    for (let i = 0; i < block.length; i += 4096) block[i] = 1;
    hoard.push(block);
  }
}

/** Reads far behind the end of its memory. */
export function trap(c: Call): Reply | null {
  return Json.int(load<i64>(far));
}

/** Calls itself for ever. */
export function recurse(c: Call): Reply | null {
  return Json.int(descend(new Frame(null, 0)));
}

class Frame {
  constructor(
    public parent: Frame | null,
    public depth: i32,
  ) {}
}

function descend(parent: Frame): i32 {
  const here = new Frame(parent, parent.depth + 1);
  turns++;
  return descend(here) + here.depth;
}
