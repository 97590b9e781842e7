import { Call, Day, Forever, MeshError, now } from "@mesh-host/as-pdk";
import { publish } from "./list";
import { settings } from "./settings";

// Which season it is follows from the clock and the settings alone: every node
// knows it by itself, and no score waits for a schedule.

/** Returns when the present season began, in milliseconds since 1970; 0 where seasons never end. In UTC. */
export function season(): i64 {
  return seasonAt(now());
}

function seasonAt(time: i64): i64 {
  const today = time / Day;
  if (settings.season == "day") return today * Day;
  if (settings.season == "week") return ((today + 3) / 7 * 7 - 3) * Day; // 1970 began on a Thursday
  if (settings.season == "month") return (today + 1 - new Date(time).getUTCDate()) * Day;
  return 0;
}

/** Returns how long the store keeps a score: beyond the end of every season. */
export function keepFor(): i64 {
  if (settings.season == "day") return 2 * Day;
  if (settings.season == "week") return 8 * Day;
  if (settings.season == "month") return 32 * Day;
  return Forever;
}

/** Returns when seasons begin, as a cron expression; "": never. */
export function startOfSeasons(): string {
  if (settings.season == "day") return "0 0 * * *";
  if (settings.season == "week") return "0 0 * * 1";
  if (settings.season == "month") return "0 0 1 * *";
  return "";
}

/** Begins the lists anew on which nobody has scored in the new season yet; running it twice changes nothing. */
export function newSeason(_: Call): MeshError | null {
  const boards = settings.all;
  const began = season();
  let e: MeshError | null = null;
  for (let i = 0; i < boards.length; i++) {
    const failure = publish(boards[i], began, null).error;
    if (e === null) e = failure;
  }
  return e;
}
