/**
 * Write mesh-host plugins in AssemblyScript:
 *
 *     import { Call, main, object, Plugin, Reply } from "@mesh-host/as-pdk";
 *     export * from "@mesh-host/as-pdk/exports";
 *
 *     function setup(p: Plugin): void {
 *       p.name("hello");
 *       p.command("greet", greet);
 *     }
 *
 *     function greet(c: Call): Reply | null {
 *       const f = c.fields();
 *       const name = f.text("name");
 *       if (f.failed) return f.error;
 *       return object().text("greeting", "Hello, " + name).json();
 *     }
 *
 *     main(setup);
 */

export { main } from "./main";
export { Plugin } from "./plugin";
export {
  ChannelEntry, CollectionEntry, CommandEntry, HookEntry, MiddlewareEntry, PresenceEntry, RecordEntry, RoomEntry,
  ScheduleEntry,
} from "./option";
export { Call } from "./call";
export { Reply } from "./reply";
export { badPayload, denied, fail, MeshError, notFound, refuse } from "./error";
export { array, ArrayBuilder, Items, Json, Members, object, ObjectBuilder } from "./json";
export { Fields } from "./fields";
export { Outcome } from "./host";
export { MiddlewareCall } from "./middleware";
export {
  ActionDelete, ActionHistory, ActionJoin, ActionMetadata, ActionPublish, ActionSubscribe, ActionWrite, GuardCall,
  TopicChannel, TopicCollection, TopicConnection, TopicPresence, TopicRecord, TopicRoom,
} from "./guard";
export { Handshake, identity } from "./handshake";
export {
  Departure, LeftByClear, LeftByDisconnect, LeftByRemoval, LeftByRequest, RecordChange, RemovedByDelete,
  RemovedByExpiry, RoomChange,
} from "./hook";
export { Day, Forever, Hour, KV, Millisecond, Minute, Second } from "./kv";
export { broadcast, Connections, DeepMerge, disconnect, Merge, Replace, send } from "./connection";
export { Users } from "./user";
export { Rooms } from "./room";
export { Channels, HistoryQuery, Message } from "./channel";
export { Presence } from "./presence";
export { Record, RecordQuery, Records } from "./record";
export { committedVersion, Transaction } from "./transaction";
export { expectVersion, strategy, ttl, WriteOptions } from "./write";
export { Collections } from "./collection";
export { HTTP, HTTPRequest, HTTPResponse } from "./http";
export { config, Debug, Fault, Info, log, Warn } from "./log";
export { mesh_abort } from "./abort";
export { mesh_console, mesh_seed, mesh_trace, now } from "./runtime";
export * from "./generated/codes";
export * from "./generated/operations";
