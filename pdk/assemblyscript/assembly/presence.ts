import {
  callPresenceClear, callPresenceList, callPresenceSet, callPresenceUnsubscribe,
  PresenceClearResult, PresenceListResult, PresenceSetResult, PresenceUnsubscribeResult,
} from "./generated/operations";
import { Json } from "./json";
import { Forever } from "./kv";

/**
 * Who is present in the rooms that a pattern of Plugin.presence or of the
 * operator's has tracked, and in what state each is.
 */
export class Presence {
  /**
   * Returns the ids of those who are `present` in a room, and the `states` of those
   * that have one as {"<connectionId>": state}.
   */
  static list(room: string): PresenceListResult {
    return callPresenceList(room);
  }

  /**
   * Sets the state of a connection, any value but null, and tells the room's
   * subscribers. It lasts until expireAfter, Forever: until it is changed or the
   * connection leaves. `success` is false where the connection is not present; the
   * error is ETOOLARGE beyond the host's limit.
   */
  static set(room: string, connectionId: string, state: Json, expireAfter: i64 = Forever): PresenceSetResult {
    return callPresenceSet(room, connectionId, state, expireAfter, false);
  }

  /** Is set, but tells nobody. */
  static setSilently(room: string, connectionId: string, state: Json, expireAfter: i64 = Forever): PresenceSetResult {
    return callPresenceSet(room, connectionId, state, expireAfter, true);
  }

  /** Takes the state of a connection away. `success` is false where the connection is not present. */
  static clear(room: string, connectionId: string): PresenceClearResult {
    return callPresenceClear(room, connectionId);
  }

  /**
   * Ends a connection's subscription to the presence of a room: `unsubscribed` tells
   * whether there was one. The client gets the reason, at most 123 bytes.
   */
  static unsubscribe(room: string, connectionId: string, reason: string = ""): PresenceUnsubscribeResult {
    return callPresenceUnsubscribe(room, connectionId, reason);
  }
}
