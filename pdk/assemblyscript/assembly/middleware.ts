import { Call } from "./call";
import { Json } from "./json";
import { CONTINUE, finish, proceed, reply, response } from "./respond";

/**
 * A command on its way to its handler. A middleware that returns null lets it
 * pass, or answers it if `reply` was called; one that returns an error refuses
 * it.
 */
export class MiddlewareCall extends Call {
  private nextPayload: Json = Json.none;
  private nextLocals: Json = Json.none;
  private answer: Json = Json.none;

  /** Replaces the payload for the middleware that follows and for the handler. None changes nothing. */
  setPayload(payload: Json): void {
    this.nextPayload = payload;
  }

  /**
   * Merges the members of an object over the command's locals, which later
   * middleware and the handler read. The last call counts.
   */
  setLocals(object: Json): void {
    this.nextLocals = object;
  }

  /** Answers the command in the handler's stead; none: null. Nothing after this middleware runs. */
  reply(payload: Json): void {
    this.answer = payload.exists ? payload : Json.raw("null");
  }

  /** Encodes what the middleware decided. For the kit's own use. */
  respond(): u64 {
    if (this.answer.exists) return reply(this.answer);
    if (!this.nextPayload.exists && !this.nextLocals.exists) return proceed();
    const w = response(CONTINUE);
    w.json(this.nextPayload);
    w.json(this.nextLocals);
    return finish(w);
  }
}
