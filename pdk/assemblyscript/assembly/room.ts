import { Replace } from "./connection";
import { badPayload } from "./error";
import {
  callRoomsAdd, callRoomsClear, callRoomsHas, callRoomsList, callRoomsMembers, callRoomsMetadataGet, callRoomsMetadataList,
  callRoomsMetadataSet, callRoomsRemove, callRoomsRemoveFromAll, callRoomsSend, RoomsAddResult, RoomsClearResult,
  RoomsHasResult, RoomsListResult, RoomsMembersResult, RoomsMetadataGetResult, RoomsMetadataListResult,
  RoomsMetadataSetResult, RoomsRemoveFromAllResult, RoomsRemoveResult, RoomsSendResult,
} from "./generated/operations";
import { Json } from "./json";

/**
 * Groups of connections, on all nodes. Names are 1 to 256 bytes without control
 * characters; a room is there as long as it has members or metadata. No guard is
 * asked. The hooks that a change sets off run after the handler has returned.
 */
export class Rooms {
  /**
   * Makes a connection a member, as if it had joined: `joined` tells whether it was
   * none before. The error is ENOTFOUND where there is no such connection, ELIMIT
   * where it is in as many rooms as the host allows.
   */
  static add(room: string, connectionId: string): RoomsAddResult {
    return callRoomsAdd(room, connectionId);
  }

  /** Ends a membership: `left` tells whether there was one. */
  static remove(room: string, connectionId: string): RoomsRemoveResult {
    return callRoomsRemove(room, connectionId);
  }

  /** Ends all memberships of a connection: `rooms` are those that it was in. */
  static removeFromAll(connectionId: string): RoomsRemoveFromAllResult {
    return callRoomsRemoveFromAll(connectionId);
  }

  /** Asks whether a connection is a `member`. */
  static has(room: string, connectionId: string): RoomsHasResult {
    return callRoomsHas(room, connectionId);
  }

  /** Returns the ids of a room's `members`. */
  static members(room: string): RoomsMembersResult {
    return callRoomsMembers(room);
  }

  /** Returns the `rooms` of a connection. */
  static of(connectionId: string): RoomsListResult {
    if (connectionId.length > 0) return callRoomsList(connectionId, "", 0);
    const r = new RoomsListResult();
    r.error = badPayload("connectionId", "is missing"); // all rooms would be another question
    return r;
  }

  /** Returns a page of the `rooms` that have members; cursor and limit are as for Connections.list. */
  static list(cursor: string = "", limit: i32 = 0): RoomsListResult {
    return callRoomsList("", cursor, limit);
  }

  /** Ends all memberships of a room and removes its metadata: `removed` is how many members it had. */
  static clear(room: string): RoomsClearResult {
    return callRoomsClear(room);
  }

  /**
   * Pushes {command, payload} to the members of a room, less the excluded ones:
   * `sent` is how many it was handed to. A payload of none is null.
   */
  static send(room: string, command: string, payload: Json = Json.none, exclude: string[] | null = null): RoomsSendResult {
    return callRoomsSend(room, command, payload, exclude);
  }

  /** Reads a room's `metadata`, null where none is set. */
  static metadata(room: string): RoomsMetadataGetResult {
    return callRoomsMetadataGet(room);
  }

  /**
   * Writes a room's metadata by Replace, Merge or DeepMerge: `metadata` is what it
   * is then. It outlives the members; null takes it away. The error is EPAYLOAD for
   * the merge of something that is no object, ETOOLARGE or ELIMIT beyond the host's
   * limits.
   */
  static setMetadata(room: string, metadata: Json, strategy: string = Replace): RoomsMetadataSetResult {
    return callRoomsMetadataSet(room, metadata, strategy);
  }

  /**
   * Returns a page of the rooms that have metadata, in `metadata` as
   * {"<room>": metadata}; cursor and limit are as for Connections.list.
   */
  static listMetadata(cursor: string = "", limit: i32 = 0): RoomsMetadataListResult {
    return callRoomsMetadataList(cursor, limit);
  }
}
