import {
  ActionDelete, badPayload, CodeLimit, CodePayload, denied, fail, Fields, GuardCall, Json, MeshError,
} from "@mesh-host/as-pdk";
import { About, boardIn } from "./boards";
import { checkPlace, HEIGHT, WIDTH } from "./cursors";
import { nameOf, noName } from "./names";
import { only } from "./payload";
import { settings } from "./settings";
import { characters } from "./unicode";

// Bounds of what a client draws: items in one write, numbers in a line, and
// characters in a note and in an item's id.
const MAX_ITEMS = 100;
const MAX_LINE = 400;
const MAX_NOTE = 280;
const MAX_ID = 40;

/**
 * Is the guard of the boards. It lets a client write an object of items and
 * nothing else, of which any part is a board, too, so that it does not matter
 * whether a write is merged with what is there or replaces it. Items are made
 * under ids of their own, so that no two writers are in each other's way.
 */
export function drawing(c: GuardCall): MeshError | null {
  if (c.action == ActionDelete) return denied("A board is closed with whiteboard.close.");
  if (nameOf(c).length == 0) return noName;
  const items = new Items(c.value);
  if (items.error !== null) return items.error;
  const about = new About(boardIn(c.name));
  if (about.error !== null) return about.error;
  // The number is that of a moment ago: a few items more may slip through.
  if (items.drawn > 0 && about.value.get("items").asInt() + items.drawn > settings.items) {
    return fail(CodeLimit, "This board is full. Clear it, or begin another one.");
  }
  return null;
}

/** How many items a write draws, or what is wrong with one. Those that are null are erased: a merge takes nothing away. */
class Items {
  drawn: i64 = 0;
  error: MeshError | null = null;

  constructor(value: Json) {
    let n = 0;
    for (const m = value.members(); this.error === null && m.next(); n++) {
      this.error = checkMember(m.name, m.value);
      if (!m.value.isNull) this.drawn++;
    }
    if (this.error === null && (n == 0 || n > MAX_ITEMS)) {
      this.error = badPayload("newValue", "must be an object of 1 to 100 items");
    }
  }
}

function checkMember(id: string, item: Json): MeshError | null {
  if (!isItem(id)) {
    return badPayload("newValue", "has an item whose id is not 1 to 40 letters, digits, '-' and '.', beginning with a letter");
  }
  if (item.isNull) return null;
  const e = checkItem(item);
  return e === null ? null : fail(CodePayload, "item " + id + ": " + e.toString());
}

function isItem(id: string): bool {
  for (let i = 0; i < id.length; i++) {
    const c = id.charCodeAt(i);
    const letter = (c | 0x20) >= 0x61 && (c | 0x20) <= 0x7a;
    const digit = c >= 0x30 && c <= 0x39;
    if (!letter && (i == 0 || (!digit && c != 0x2d && c != 0x2e))) return false;
  }
  return id.length > 0 && id.length <= MAX_ID;
}

/**
 * Looks at a stroke, {"line": [x, y, …], "width", "color"}, or a note,
 * {"note": text, "x", "y", "color"}.
 */
function checkItem(item: Json): MeshError | null {
  const f = item.fields();
  const color = f.text("color");
  if (!f.failed && !colors.includes(color)) {
    return badPayload("color", "must be black, red, orange, green, blue or violet");
  }
  if (f.has("note")) return checkNote(item, f);
  const line = f.value("line");
  const thick = f.int("width");
  if (f.failed) return f.error;
  if (thick < 1 || thick > 100) return badPayload("width", "must be 1 to 100");
  if (!isLine(line)) return badPayload("line", "must be 1 to 200 points of the board, each a whole x and y");
  return only(item, 3, "line, width and color");
}

const colors: string[] = ["black", "red", "orange", "green", "blue", "violet"];

function checkNote(item: Json, f: Fields): MeshError | null {
  const text = f.text("note");
  const e = checkPlace(f);
  if (e !== null) return e;
  if (text.length == 0 || characters(text) > MAX_NOTE) return badPayload("note", "must be 1 to 280 characters");
  return only(item, 4, "note, x, y and color");
}

function isLine(line: Json): bool {
  let n = 0;
  for (const i = line.items(); i.next(); n++) {
    const v = i.value.asInt(-1);
    if (v < 0 || v > (n % 2 == 0 ? WIDTH : HEIGHT)) return false;
  }
  return n > 0 && n <= MAX_LINE && n % 2 == 0;
}
