import { callCollectionsUnsubscribe, CollectionsUnsubscribeResult } from "./generated/operations";

/**
 * Sets of records that a client sees as one: who subscribes to a collection gets
 * its records, what joins and leaves them, and their changes.
 */
export class Collections {
  /**
   * Ends a connection's subscription to a collection: `unsubscribed` tells whether
   * there was one. The client gets the reason, at most 123 bytes.
   */
  static unsubscribe(id: string, connectionId: string, reason: string = ""): CollectionsUnsubscribeResult {
    return callCollectionsUnsubscribe(id, connectionId, reason);
  }
}
