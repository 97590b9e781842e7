import {
  badPayload, Call, CodeConflict, CodeLimit, CodeNotFound, Connections, denied, expectVersion, fail, Json, MeshError,
  notFound, now, object, RecordQuery, Records, Reply,
} from "@mesh-host/as-pdk";
import { nameOf, noName } from "./names";
import { settings } from "./settings";
import { characters, DIGIT, kindOf, LETTER } from "./unicode";

/** The longest name of a board, in characters. */
const MAX_BOARD = 32;

export function boardOf(board: string): string { return "board:" + board; }
export function aboutOf(board: string): string { return "about:" + board; }

/** Returns the board that a record is of. */
export function boardIn(record: string): string {
  return record.slice(record.indexOf(":") + 1);
}

export function isBoard(board: string): bool {
  for (let i = 0; i < board.length; i++) {
    const c = board.codePointAt(i);
    const kind = kindOf(c);
    if (kind != LETTER && kind != DIGIT && c != 0x2d && c != 0x5f) return false;
    if (c > 0xffff) i++;
  }
  return board.length > 0 && characters(board) <= MAX_BOARD;
}

export const notABoard: MeshError = badPayload("board", "must be 1 to 32 letters, digits, '-' and '_'");
export const noSuchBoard: MeshError = notFound("There is no such board.");

/** {"board"} of a command, whose caller must have a name, too. */
class Named {
  board: string;
  name: string;
  error: MeshError | null;

  constructor(c: Call) {
    const f = c.fields();
    this.board = f.text("board");
    this.name = nameOf(c);
    this.error = f.error;
    if (!f.failed && !isBoard(this.board)) this.error = notABoard;
    else if (!f.failed && this.name.length == 0) this.error = noName;
  }
}

/**
 * Takes {"board"} and makes an empty board: what is on it and what is known of
 * it, both or neither. It returns {"board"}; ECONFLICT says that there is one
 * already.
 */
export function create(c: Call): Reply | null {
  const n = new Named(c);
  if (n.error !== null) return n.error;
  const open = new OpenBoards();
  if (open.error !== null) return open.error;
  if (open.ids.length >= <i32>settings.boards) {
    return fail(CodeLimit, "There are too many boards. Take one of these, or close one.");
  }
  const about = object().text("by", n.name).text("owner", c.connectionId).int("items", 0).int("changed", now()).json();
  const made = Records.transaction()
    .set(boardOf(n.board), object().json(), expectVersion(0))
    .set(aboutOf(n.board), about, expectVersion(0))
    .commit();
  const e = made.error;
  if (e === null) return object().text("board", n.board).json();
  return e.isConflict ? fail(CodeConflict, "There is such a board already.") : e;
}

/**
 * Takes {"board"} and takes the board away, for who has made it, or for everyone
 * once that one has gone.
 */
export function closeBoard(c: Call): Reply | null {
  const n = new Named(c);
  if (n.error !== null) return n.error;
  const about = new About(n.board);
  if (about.error !== null) return about.error;
  const e = mayClose(c, about.value);
  if (e !== null) return e;
  return Records.transaction().delete(boardOf(n.board)).delete(aboutOf(n.board)).commit().error;
}

function mayClose(c: Call, about: Json): MeshError | null {
  const owner = about.get("owner").asText();
  if (owner == c.connectionId) return null;
  const e = Connections.metadata(owner).error;
  if (e === null) return denied(about.get("by").asText() + " has made this board, and is still here.");
  return e.code == CodeNotFound ? null : e;
}

/** Takes {"board"} and takes everything off the board. */
export function clearBoard(c: Call): Reply | null {
  const n = new Named(c);
  if (n.error !== null) return n.error;
  const about = new About(n.board);
  if (about.error !== null) return about.error;
  return Records.set(boardOf(n.board), object().json()).error;
}

/** What is known of a board, if it is open. */
export class About {
  value: Json;
  error: MeshError | null;

  constructor(board: string) {
    const r = Records.get(aboutOf(board));
    this.value = r.value;
    this.error = r.error;
    if (!r.failed && r.value.isNull) this.error = noSuchBoard;
  }
}

/** The records about all boards. */
class OpenBoards {
  ids: string[] = [];
  error: MeshError | null = null;

  constructor() {
    const q = new RecordQuery();
    q.pattern = "/^about:.+$/";
    q.limit = 1000;
    do {
      const page = Records.list(q);
      this.error = page.error;
      for (const i = page.records.items(); i.next(); ) this.ids.push(i.value.get("recordId").asText());
      q.cursor = page.cursor;
    } while (this.error === null && q.cursor.length > 0);
  }
}

/** Resolves the collection of all boards, to the records about them. */
export function openBoards(_: Call): Reply | null {
  const open = new OpenBoards();
  return open.error !== null ? open.error : Json.texts(open.ids);
}
