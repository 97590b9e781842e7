import {
  array, CodeConflict, expectVersion, fail, Json, MeshError, object, Records, RecordsGetResult,
} from "@mesh-host/as-pdk";
import { Player } from "./player";
import { settings } from "./settings";

/** A line of a list. */
export class Entry {
  constructor(
    public player: Player,
    public score: i64,
  ) {}
}

/** The best of a board in one season, the highest score first; of equal ones that which came first. */
class List {
  entries: Entry[] = [];

  constructor(
    public season: string,
    public since: i64,
  ) {}

  static read(value: Json): List {
    const list = new List(value.get("season").asText(), value.get("since").asInt(-1));
    for (const i = value.get("entries").items(); i.next(); ) {
      const player = new Player(i.value.get("player").asText(), i.value.get("user").asBool());
      list.entries.push(new Entry(player, i.value.get("score").asInt()));
    }
    return list;
  }

  json(): Json {
    const entries = array();
    for (let i = 0; i < this.entries.length; i++) {
      const e = this.entries[i];
      entries.raw(object().text("player", e.player.name).bool("user", e.player.isUser).int("score", e.score).json());
    }
    return object().text("season", this.season).int("since", this.since).raw("entries", entries.json()).json();
  }

  /** Returns the place of a player, counted from 1; 0: not on the list. */
  rank(player: Player): i32 {
    for (let i = 0; i < this.entries.length; i++) {
      if (this.entries[i].player.key == player.key) return i + 1;
    }
    return 0;
  }

  /**
   * Puts an entry where it belongs, and tells whether that changed anything. In a
   * season a score only ever rises: what is less than the listed one comes late.
   */
  add(entry: Entry): bool {
    const rank = this.rank(entry.player);
    if (rank > 0 && this.entries[rank - 1].score >= entry.score) return false;
    if (rank > 0) this.entries.splice(rank - 1, 1);
    let at = 0;
    while (at < this.entries.length && this.entries[at].score >= entry.score) at++;
    if (at >= <i32>settings.top) return false;
    const after = this.entries.splice(at);
    this.entries.push(entry);
    this.entries = this.entries.concat(after).slice(0, <i32>settings.top);
    return true;
  }
}

/** The place that publish has found for an entry; 0: not among the best. */
export class Placed {
  rank: i32 = 0;
  error: MeshError | null = null;
}

/**
 * How often a write of a list is tried: each time another one was faster, so that
 * all of them together come to an end. The host's deadline comes before.
 */
const TRIES = 1000;

/**
 * Puts an entry on a board's list, null: none, and begins the list anew where it is
 * of an earlier season. It is the same in whatever order entries come, and an entry
 * that was lost, since a node died between its score and its list, comes with the
 * player's next one.
 */
export function publish(board: string, since: i64, entry: Entry | null): Placed {
  const placed = new Placed();
  for (let tries = 0; tries < TRIES; tries++) {
    const r = Records.get("leaderboard:" + board);
    placed.error = r.error;
    if (r.failed) return placed;
    const before = List.read(r.value);
    const same = before.season == settings.season;
    if (same && before.since > since) return placed; // a moment too late
    const list = same && before.since == since ? before : new List(settings.season, since);
    const changed = entry !== null && list.add(entry);
    if (entry !== null) placed.rank = list.rank(entry.player);
    if (list === before && !changed) return placed;
    const e = write(board, r, list, list === before);
    placed.error = e;
    if (e === null || !e.isConflict) return placed;
  }
  placed.error = fail(CodeConflict, "Too many score at once. Your score counts, and is listed with your next one.");
  return placed;
}

/** Writes a list in the place of the one that was read, which is kept where its season is over: both or neither. */
function write(board: string, was: RecordsGetResult, list: List, sameSeason: bool): MeshError | null {
  const id = "leaderboard:" + board;
  const expected = expectVersion(was.value.isNull ? 0 : was.version);
  if (sameSeason || was.value.isNull) return Records.set(id, list.json(), expected).error;
  return Records.transaction().set(id, list.json(), expected).set("lastseason:" + board, was.value).commit().error;
}

/** Returns a player's place on a board's list. */
export function place(board: string, since: i64, player: Player): Placed {
  const r = Records.get("leaderboard:" + board);
  const placed = new Placed();
  placed.error = r.error;
  const list = List.read(r.value);
  if (list.season == settings.season && list.since == since) placed.rank = list.rank(player);
  return placed;
}
