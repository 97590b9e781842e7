import { ConfigGetResult, callConfigGet, callLog } from "./generated/operations";

/** The levels of log. */
export const Debug: string = "debug";
export const Info: string = "info";
export const Warn: string = "warn";
export const Fault: string = "error";

/**
 * Writes one line, of which 4096 bytes are kept, to the host's log under the
 * plugin's name: `log(Info, "…")`. The host drops the lines beyond its rate limit
 * and counts them. `console.log` and the like end up there as well.
 */
export function log(level: string, message: string): void {
  callLog(level, message); // there is nowhere to report that it failed
}

/**
 * Returns the plugin's own settings, [plugins.<name>.config] in the host's file,
 * as a JSON object, `{}` where there are none. It may be called from setup on.
 */
export function config(): ConfigGetResult {
  return callConfigGet();
}
