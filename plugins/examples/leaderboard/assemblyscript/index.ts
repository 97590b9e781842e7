// The leaderboard plugin keeps scores and shows the best of each board.
//
// A player's score is a key of the plugin's store, which counts whoever writes
// and wherever. The best of a board are the record leaderboard:<board>, {"season",
// "since", "entries": [{"player", "user", "score"}]}, which the plugin alone
// writes and clients subscribe to. lastseason:<board> is how it ended before.

import { main, Plugin } from "@mesh-host/as-pdk";
import { played, removed } from "./games";
import { limit } from "./limit";
import { newSeason, startOfSeasons } from "./season";
import { readSettings, settings } from "./settings";
import { score, submit } from "./submit";

export * from "@mesh-host/as-pdk/exports";

main(setup);

function setup(p: Plugin): void {
  if (!readSettings(p)) return;
  p.name("leaderboard");
  p.version("1.0.0");
  p.capability("kv", "the scores, and how often each connection has submitted some");
  p.capability("records.read", "who is on the list of a board");
  p.capability("records.write", "the list of a board is a record");
  p.capability("connections.metadata.read", "the name of a guest who has won a game");

  p.record("/^leaderboard:.+$/").slowConflate();
  p.record("/^lastseason:.+$/").slowConflate();

  p.middleware("limit", limit);
  p.command("leaderboard.submit", submit).using(["limit"]);
  p.command("leaderboard.score", score);

  if (settings.games.length > 0) {
    p.onRecordUpdate(played, ["/^game:.+$/"]);
    p.onRecordRemoved(removed, ["/^game:.+$/"]);
  }
  const cron = startOfSeasons();
  if (cron.length > 0) p.cron(cron, "season", newSeason).oncePerCluster();
}
