import { badPayload, Call, denied, Fields, Json, MeshError, notFound, object, Reply } from "@mesh-host/as-pdk";
import { Entry, place, Placed, publish } from "./list";
import { Player } from "./player";
import { add, raise, read, Score } from "./scores";
import { season } from "./season";
import { settings } from "./settings";

/** Returns what is wrong with a board or a player. */
function problemOf(f: Fields, board: string, player: Player): MeshError | null {
  if (f.failed) return f.error;
  if (!settings.all.includes(board)) return notFound("There is no such board.");
  if (player.name.length == 0) return denied("Choose a name first.");
  return player.isValid ? null : denied("Your name is too long for a leaderboard.");
}

/**
 * Takes {"board", "score"}, a whole number, and returns {"score", "rank"}: the
 * caller's best or their sum, and the place on the list, null: not on it.
 */
export function submit(c: Call): Reply | null {
  const f = c.fields();
  const board = f.text("board");
  const points = f.int("score");
  const player = Player.calling(c);
  const e = problemOf(f, board, player);
  if (e !== null) return e;
  if (board == settings.games) return denied("This board is for games that are won.");
  if (points < 0 || points > settings.most) return badPayload("score", "must be 0 to " + settings.most.toString());
  const since = season();
  const s = settings.sum ? add(board, since, player, points) : raise(board, since, player, points);
  if (s.error !== null) return s.error;
  return answer(s, publish(board, since, new Entry(player, s.value)));
}

/** Takes {"board"} and returns the caller's {"score", "rank"}, null for what there is not. */
export function score(c: Call): Reply | null {
  const f = c.fields();
  const board = f.text("board");
  const player = Player.calling(c);
  const e = problemOf(f, board, player);
  if (e !== null) return e;
  const since = season();
  const s = read(board, since, player);
  if (s.error !== null) return s.error;
  return answer(s, place(board, since, player));
}

function answer(s: Score, at: Placed): Reply | null {
  if (at.error !== null) return at.error;
  return object().raw("score", s.value < 0 ? Json.none : Json.int(s.value))
    .raw("rank", at.rank == 0 ? Json.none : Json.int(at.rank)).json();
}
