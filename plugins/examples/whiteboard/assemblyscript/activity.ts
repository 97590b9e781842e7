import {
  expectVersion, Info, Json, log, MeshError, now, object, RecordChange, Records, RecordsGetResult, Reply, Second,
} from "@mesh-host/as-pdk";
import { aboutOf, boardIn, noSuchBoard } from "./boards";

/**
 * By how much the time of the last change may be behind, so that not every stroke
 * is news to those who look at the list of boards.
 */
const LAG: i64 = 10 * Second;

/**
 * Notes how many items a board has now, and when it was drawn on: what the list
 * shows, and what the guard of the boards goes by. What was erased it sweeps off
 * the board.
 */
export function drawn(c: RecordChange): MeshError | null {
  const e = Records.update<string>(aboutOf(boardIn(c.recordId)), c.recordId, noted).error;
  // A board that is closed: a guard's yes was older than that, and the write has
  // brought it back.
  const closed = e === noSuchBoard;
  if (!closed && (e !== null || !erasedIn(c))) return e;
  // If someone has written the record since, the hook is about to be called again.
  // A write would notice, but wait first, in line behind all that the hook has not
  // been told of yet.
  const latest = Records.get(c.recordId);
  if (latest.failed || latest.version != c.version) return latest.error;
  return unlessConflict(closed ? Records.delete(c.recordId, expectVersion(c.version)).error : sweep(c));
}

/**
 * Returns what the list says of a board, which is what is on it by now, not what
 * the change made of it: hooks of changes made on several nodes run beside each
 * other, and the last to write here need not be that of the last change. It is read
 * once the list's entry has been, so that of two the one that has seen less is made
 * again.
 */
function noted(about: RecordsGetResult, id: string): Reply | null {
  const was = about.value, at = now();
  if (was.isNull) return noSuchBoard;
  const board = Records.get(id);
  if (board.failed) return board.error;
  if (board.value.isNull) return was;
  let items: i64 = 0;
  for (const m = board.value.members(); m.next(); ) items++;
  if (was.get("items").asInt() == items && at - was.get("changed").asInt() < LAG) {
    return was; // the same makes no version
  }
  return object().raw("by", was.get("by")).raw("owner", was.get("owner"))
    .int("items", items).int("changed", at).json();
}

function erasedIn(c: RecordChange): bool {
  for (const m = c.value.members(); m.next(); ) {
    if (m.value.isNull) return true;
  }
  return false;
}

/** Writes the board without what was erased. */
function sweep(c: RecordChange): MeshError | null {
  const left = object();
  for (const m = c.value.members(); m.next(); ) {
    if (!m.value.isNull) left.raw(m.name, m.value);
  }
  return Records.set(c.recordId, left.json(), expectVersion(c.version)).error;
}

/**
 * Takes a board off the list that went by itself, since nobody has drawn on it
 * for long, or by an operator's hand. One that was closed has left already; one
 * that was opened again in the meantime stays.
 */
export function gone(c: RecordChange): MeshError | null {
  const board = boardIn(c.recordId);
  const about = Records.get(aboutOf(board));
  if (about.failed || about.value.isNull) return about.error;
  const there = Records.get(c.recordId);
  if (there.failed || !there.value.isNull) return there.error;
  log(Info, "The board " + board + " is no more: " + c.reason + ".");
  return unlessConflict(Records.delete(aboutOf(board), expectVersion(about.version)).error);
}

/** Passes over that another write was faster: it is the newer one. */
function unlessConflict(e: MeshError | null): MeshError | null {
  return e !== null && e.isConflict ? null : e;
}
