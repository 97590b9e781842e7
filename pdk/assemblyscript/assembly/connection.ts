import {
  BroadcastResult, callBroadcast, callConnectionsDisconnect, callConnectionsList, callConnectionsMetadataGet,
  callConnectionsMetadataList, callConnectionsMetadataSet, callConnectionsSend, ConnectionsDisconnectResult,
  ConnectionsListResult, ConnectionsMetadataGetResult, ConnectionsMetadataListResult, ConnectionsMetadataSetResult,
  ConnectionsSendResult,
} from "./generated/operations";
import { Json } from "./json";

/** A strategy of writing metadata and records: the new value takes the old one's place. */
export const Replace: string = "replace";
/** Lays the members of an object over those of the old one. */
export const Merge: string = "merge";
/** Does so in nested objects too; arrays replace. */
export const DeepMerge: string = "deepMerge";

/**
 * The clients that are connected, to whatever node.
 *
 * Lists come in pages. The first one begins at the cursor "", each further one at
 * the `cursor` of the page before it, which is "" after the last. A page has at
 * most `limit` entries, up to 1000; 0: 100.
 */
export class Connections {
  /**
   * Pushes {command, payload} to the connections of a list, less the excluded
   * ones: `sent` is how many it was handed to. Unknown ids are passed over. A
   * payload of none is null.
   */
  static send(to: string[], command: string, payload: Json = Json.none, exclude: string[] | null = null): ConnectionsSendResult {
    return callConnectionsSend(to, command, payload, exclude);
  }

  /**
   * Closes a connection: `disconnected` tells whether there was one. The code is
   * CloseNormal, CloseGoingAway, ClosePolicyViolation, CloseInternalError,
   * CloseTryAgainLater or 4000 to 4999, 0: CloseKicked; the reason is at most 123
   * bytes. The hooks that this sets off run after the handler has returned.
   */
  static disconnect(connectionId: string, code: i32 = 0, reason: string = ""): ConnectionsDisconnectResult {
    return callConnectionsDisconnect(connectionId, code, reason);
  }

  /**
   * Reads a connection's `metadata`, null where none is set, and its `user`, ""
   * for an anonymous one. The error is ENOTFOUND where there is no such
   * connection.
   */
  static metadata(connectionId: string): ConnectionsMetadataGetResult {
    return callConnectionsMetadataGet(connectionId);
  }

  /**
   * Writes a connection's metadata by Replace, Merge or DeepMerge: `metadata` is
   * what it is then. The error is ENOTFOUND where there is no such connection,
   * EPAYLOAD for the merge of something that is no object, ETOOLARGE beyond the
   * host's limit.
   */
  static setMetadata(connectionId: string, metadata: Json, strategy: string = Replace): ConnectionsMetadataSetResult {
    return callConnectionsMetadataSet(connectionId, metadata, strategy);
  }

  /**
   * Returns a page of the connections of a user, "": of all, in `connections` as
   * [{"connectionId", "user", "node", "latency", "connectedAt"}]: user is missing
   * for an anonymous one, the latency is the last one measured, in milliseconds.
   */
  static list(user: string = "", cursor: string = "", limit: i32 = 0): ConnectionsListResult {
    return callConnectionsList(user, cursor, limit);
  }

  /**
   * Returns a page of the metadata of a room's members, "": of all connections, in
   * `metadata` as [{"<connectionId>": metadata}], null where none is set.
   */
  static listMetadata(room: string = "", cursor: string = "", limit: i32 = 0): ConnectionsMetadataListResult {
    return callConnectionsMetadataList(room, cursor, limit);
  }
}

/** Is Connections.send. */
export function send(to: string[], command: string, payload: Json = Json.none, exclude: string[] | null = null): ConnectionsSendResult {
  return callConnectionsSend(to, command, payload, exclude);
}

/**
 * Pushes {command, payload} to every connection, less the excluded ones: `sent` is
 * how many it was handed to. A payload of none is null.
 */
export function broadcast(command: string, payload: Json = Json.none, exclude: string[] | null = null): BroadcastResult {
  return callBroadcast(command, payload, exclude);
}

/** Is Connections.disconnect. */
export function disconnect(connectionId: string, code: i32 = 0, reason: string = ""): ConnectionsDisconnectResult {
  return callConnectionsDisconnect(connectionId, code, reason);
}
