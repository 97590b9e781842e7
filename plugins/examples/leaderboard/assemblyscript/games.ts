import { CodeNotFound, Connections, Day, Json, KV, MeshError, RecordChange } from "@mesh-host/as-pdk";
import { Entry, publish } from "./list";
import { Player } from "./player";
import { add } from "./scores";
import { season } from "./season";
import { settings } from "./settings";

// game:<game> is a record of the plugin game, {"state", "winner", …}. A game that is
// won may get further versions, and its name another game: so the one that has been
// counted is noted under its name, and forgotten when a game goes on there again.

/** How long it is noted that a game was counted: longer than the plugin game keeps one. */
const NOTED: i64 = 2 * Day;

/** Adds a point to the winner of a game, once. */
export function played(c: RecordChange): MeshError | null {
  const winner = c.value.get("winner").asText();
  if (winner.length == 0) return forget(c);
  const who = new Winner(winner);
  if (who.error !== null) return who.error;
  if (!who.player.isValid) return null; // a guest without a name
  const key = keyOf(c);
  const note = Json.text(c.epoch + "/" + c.version.toString());
  const noted = KV.compareAndSet(key, Json.none, note, NOTED);
  if (noted.failed || !noted.swapped) return noted.error;
  const since = season();
  const s = add(settings.games, since, who.player, 1);
  if (s.error !== null) {
    KV.compareAndSet(key, note, Json.none); // as if this had not been
    return s.error;
  }
  return publish(settings.games, since, new Entry(who.player, s.value)).error;
}

/** Hears that a game is no more. */
export function removed(c: RecordChange): MeshError | null {
  return forget(c);
}

function keyOf(c: RecordChange): string {
  return "counted:" + c.recordId;
}

/** Forgets that a game was counted whose name has another one now, unless this version is older than that. */
function forget(c: RecordChange): MeshError | null {
  const noted = KV.get(keyOf(c));
  if (noted.failed || noted.value.isNull) return noted.error;
  const note = noted.value.asText().split("/");
  if (note.length == 2 && note[0] == c.epoch && I64.parseInt(note[1]) > c.version) return null;
  return KV.compareAndSet(keyOf(c), noted.value, Json.none).error;
}

/** Who has won: a game names users, and guests by their connections. */
class Winner {
  player: Player;
  error: MeshError | null = null;

  constructor(winner: string) {
    const r = Connections.metadata(winner);
    const e = r.error;
    if (e === null) this.player = new Player(r.metadata.get("name").asText(), false);
    else {
      this.player = new Player(winner, true);
      if (e.code != CodeNotFound) this.error = e;
    }
  }
}
