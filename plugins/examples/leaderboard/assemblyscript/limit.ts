import { CodeRateLimit, fail, KV, MeshError, MiddlewareCall, Second } from "@mesh-host/as-pdk";
import { settings } from "./settings";

/**
 * Is the middleware that bounds how often a connection submits scores. The count
 * goes by itself: the first of its submissions sets the time to live, which the
 * further ones leave as it is.
 */
export function limit(c: MiddlewareCall): MeshError | null {
  const r = KV.increment("submits:" + c.connectionId, 1, settings.seconds * Second);
  if (r.failed) return r.error;
  if (r.value <= settings.submits) return null;
  return fail(CodeRateLimit, "At most " + settings.submits.toString() + " scores in " + settings.seconds.toString() + " s. Try again later.");
}
