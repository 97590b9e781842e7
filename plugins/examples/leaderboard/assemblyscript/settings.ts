import { config, Json, Plugin } from "@mesh-host/as-pdk";

/** The operator's, [plugins.leaderboard.config]. */
class Settings {
  /** The boards that clients submit scores to. */
  boards: string[] = ["points"];
  /** The board of games that are won; "": none. */
  games: string = "games";
  /** Whether scores are added up; else the best one counts. */
  sum: bool = false;
  /** How many players are on the list. */
  top: i64 = 10;
  /** How long scores count: day, week, month or never, which is: for good. */
  season: string = "day";
  /** The most that one submission scores. */
  most: i64 = 1_000_000;
  /** How many scores a connection submits at most within so many seconds. */
  submits: i64 = 10;
  seconds: i64 = 10;

  /** The boards there are, that of games included. */
  get all(): string[] {
    return this.games.length > 0 ? this.boards.concat([this.games]) : this.boards;
  }
}

/** Every instance reads them for itself, before its first call. */
export const settings: Settings = new Settings();

const MAX_BOARDS = 100;
const MAX_BOARD = 32;

/** Reads the settings; where one is wrong it says so to the host, and returns false. */
export function readSettings(p: Plugin): bool {
  const problem = problemOfSettings();
  if (problem.length > 0) p.fail(problem);
  return problem.length == 0;
}

function problemOfSettings(): string {
  const r = config();
  const e = r.error;
  if (e !== null) return e.toString();
  for (const m = r.config.members(); m.next(); ) {
    const problem = readSetting(m.name, m.value);
    if (problem.length > 0) return "config: " + m.name + problem;
  }
  return settings.boards.includes(settings.games) ? "config: games must not be one of boards" : "";
}

/** Reads one, and returns what is wrong with it. */
function readSetting(key: string, value: Json): string {
  if (key == "boards") return readBoards(value.asTexts());
  if (key == "games") {
    settings.games = value.asText();
    return value.isText && (settings.games.length == 0 || isBoard(settings.games)) ? "" : " must be " + NAME + ', or "" for none';
  }
  if (key == "count") {
    settings.sum = value.asText() == "sum";
    return settings.sum || value.asText() == "best" ? "" : " must be best or sum";
  }
  if (key == "season") {
    settings.season = value.asText();
    return ["day", "week", "month", "never"].includes(settings.season) ? "" : " must be day, week, month or never";
  }
  if (key == "top") return within(settings.top = value.asInt(), 100);
  if (key == "most") return within(settings.most = value.asInt(), 1_000_000_000);
  if (key == "submits") return within(settings.submits = value.asInt(), 100_000);
  if (key == "submit_seconds") return within(settings.seconds = value.asInt(), 86_400);
  return " is unknown: boards, games, count, season, top, most, submits or submit_seconds";
}

const NAME = "1 to 32 letters a to z, digits, '-' and '_'";

function readBoards(boards: string[] | null): string {
  const problem = " must be a list of 1 to 100 names, each " + NAME;
  if (boards === null || boards.length == 0 || boards.length > MAX_BOARDS) return problem;
  settings.boards = boards;
  return boards.every((b) => isBoard(b)) ? "" : problem;
}

function isBoard(name: string): bool {
  for (let i = 0; i < name.length; i++) {
    const c = name.charCodeAt(i);
    const letter = c >= 0x61 && c <= 0x7a;
    const digit = c >= 0x30 && c <= 0x39;
    if (!letter && !digit && c != 0x2d && c != 0x5f) return false;
  }
  return name.length > 0 && name.length <= MAX_BOARD;
}

/** What is no whole number has been read as 0. */
function within(n: i64, most: i64): string {
  return n > 0 && n <= most ? "" : " must be a whole number, 1 to " + most.toString();
}
