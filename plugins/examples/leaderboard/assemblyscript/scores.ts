import { CodeConflict, fail, Json, KV, MeshError } from "@mesh-host/as-pdk";
import { Player } from "./player";
import { keepFor } from "./season";
import { settings } from "./settings";

/** What a player has scored in a season; -1: nothing yet. */
export class Score {
  value: i64 = -1;
  error: MeshError | null = null;
}

function keyOf(board: string, since: i64, player: Player): string {
  return "score:" + settings.season + ":" + since.toString() + ":" + board + ":" + player.key;
}

/** Returns what a player has scored. */
export function read(board: string, since: i64, player: Player): Score {
  const r = KV.get(keyOf(board, since, player));
  const s = new Score();
  s.error = r.error;
  s.value = r.value.asInt(-1);
  return s;
}

/** Adds points, and returns the sum: the store does it in one step. */
export function add(board: string, since: i64, player: Player, points: i64): Score {
  const r = KV.increment(keyOf(board, since, player), points, keepFor());
  const s = new Score();
  s.error = r.error;
  s.value = r.value;
  return s;
}

/** How often raise tries again: each time another connection of the player was faster. */
const TRIES = 100;

/** Makes a score the player's, unless they have a better one, and returns theirs. */
export function raise(board: string, since: i64, player: Player, points: i64): Score {
  const key = keyOf(board, since, player);
  const s = new Score();
  const r = KV.get(key);
  s.error = r.error;
  let found = r.value;
  for (let tries = 0; s.error === null && tries < TRIES; tries++) {
    s.value = found.asInt(-1);
    if (s.value >= points) return s;
    const written = KV.compareAndSet(key, found, Json.int(points), keepFor());
    s.error = written.error;
    s.value = points;
    if (written.swapped) return s;
    found = written.current;
  }
  if (s.error === null) s.error = fail(CodeConflict, "You score too often at once. Try again.");
  return s;
}
