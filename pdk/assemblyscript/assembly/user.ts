import {
  callUsersConnections, callUsersDisconnect, callUsersList, callUsersSend,
  UsersConnectionsResult, UsersDisconnectResult, UsersListResult, UsersSendResult,
} from "./generated/operations";
import { Json } from "./json";

/** The authenticated users that are connected, each with one connection or several. */
export class Users {
  /**
   * Pushes {command, payload} to every connection of the users of a list, less the
   * excluded connections: `sent` is how many it was handed to. Unknown users are
   * passed over. A payload of none is null.
   */
  static send(to: string[], command: string, payload: Json = Json.none, exclude: string[] | null = null): UsersSendResult {
    return callUsersSend(to, command, payload, exclude);
  }

  /**
   * Closes every connection of a user: `disconnected` is how many there were. Code
   * and reason are as for Connections.disconnect.
   */
  static disconnect(user: string, code: i32 = 0, reason: string = ""): UsersDisconnectResult {
    return callUsersDisconnect(user, code, reason);
  }

  /** Returns a page of the `users`, each of them once; cursor and limit are as for Connections.list. */
  static list(cursor: string = "", limit: i32 = 0): UsersListResult {
    return callUsersList(cursor, limit);
  }

  /** Returns the ids of a user's `connections`. */
  static connections(user: string): UsersConnectionsResult {
    return callUsersConnections(user);
  }
}
