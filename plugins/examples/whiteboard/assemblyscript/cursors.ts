import { ActionDelete, badPayload, denied, Departure, Fields, GuardCall, MeshError, Records } from "@mesh-host/as-pdk";
import { isBoard, notABoard } from "./boards";
import { nameOf, noName } from "./names";
import { only } from "./payload";

/** The size of a board: points are whole numbers from 0 to these. */
export const WIDTH: i64 = 1600;
export const HEIGHT: i64 = 1000;

/** Reads {"x", "y"}, and tells what is wrong with them, or with what was read before. */
export function checkPlace(f: Fields): MeshError | null {
  const x = f.int("x");
  const y = f.int("y");
  if (f.failed) return f.error;
  if (x < 0 || x > WIDTH || y < 0 || y > HEIGHT) {
    return badPayload("x", "and y must be a point of the board, 0 to 1600 and 0 to 1000");
  }
  return null;
}

/** Returns the id of a connection's cursor. A connection has one, and points at one board with it. */
function cursorOf(connection: string): string {
  return "cursor:" + connection;
}

/**
 * Is the guard of the cursors, {"board", "name", "x", "y"}: everyone writes their
 * own, under their own name. It is asked for each movement, so it asks nothing in
 * turn.
 */
export function own(c: GuardCall): MeshError | null {
  if (c.name != cursorOf(c.connectionId)) return denied("This cursor is not yours.");
  if (c.action == ActionDelete) return null;
  const name = nameOf(c);
  if (name.length == 0) return noName;
  const f = c.value.fields();
  const board = f.text("board");
  const called = f.text("name");
  const e = checkPlace(f);
  if (e !== null) return e;
  if (!isBoard(board)) return notABoard;
  if (called != name) return denied("This name is not yours.");
  return only(c.value, 4, "board, name, x and y");
}

/** Takes the cursor of a connection along that has ended; should this not run, its TTL will. */
export function disconnected(d: Departure): MeshError | null {
  return Records.delete(cursorOf(d.connectionId)).error;
}
