import { config, Day, Json, Plugin, Second } from "@mesh-host/as-pdk";

/** The operator's, [plugins.whiteboard.config]. */
class Settings {
  /** How many boards there may be. */
  boards: i64 = 100;
  /** How many strokes and notes on each. */
  items: i64 = 2000;
  /** After what time a board goes that nobody draws on, in milliseconds. */
  board: i64 = Day;
  /** After what time a cursor goes that nobody moves, in milliseconds. */
  cursor: i64 = 30 * Second;
}

/** Every instance reads them for itself, before its first call. */
export const settings: Settings = new Settings();

const YEAR: i64 = 365 * 24 * 3600; // in seconds

/** Reads the settings; where one is wrong it says so to the host, and returns false. */
export function readSettings(p: Plugin): bool {
  const r = config();
  const e = r.error;
  if (e !== null) {
    p.fail(e.toString());
    return false;
  }
  for (const m = r.config.members(); m.next(); ) {
    const problem = readSetting(m.name, m.value);
    if (problem.length > 0) {
      p.fail("config: " + m.name + problem);
      return false;
    }
  }
  return true;
}

/** Reads one, and returns what is wrong with it. */
function readSetting(key: string, value: Json): string {
  if (key == "boards") return within(settings.boards = value.asInt(), 1000);
  if (key == "items") return within(settings.items = value.asInt(), 100_000);
  if (key == "board_seconds") {
    settings.board = value.asInt() * Second;
    return within(value.asInt(), YEAR);
  }
  if (key == "cursor_seconds") {
    settings.cursor = value.asInt() * Second;
    return within(value.asInt(), YEAR);
  }
  return " is unknown: boards, items, board_seconds or cursor_seconds";
}

/** What is no whole number has been read as 0. */
function within(n: i64, most: i64): string {
  return n > 0 && n <= most ? "" : " must be a whole number, 1 to " + most.toString();
}
