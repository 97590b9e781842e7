// The messages of abi/ABI.md around a call, as tables of their fields.

export const Request = [
  ["kind", "int"], ["name", "string"], ["connectionId", "string"], ["user", "string"],
  ["metadata", "json"], ["locals", "json"], ["payload", "json"], ["detail", "bytes"],
];
export const Response = [["status", "int"], ["body", "bytes"], ["locals", "json"]];
export const ErrorMessage = [["code", "string"], ["name", "string"], ["message", "string"], ["data", "json"], ["http", "int", true]];
export const Handshake = [
  ["method", "string"], ["path", "string"], ["query", "string"], ["headers", "strings"], ["remoteAddress", "string"],
];
export const Departure = [["code", "int"], ["reason", "string"]];
export const Access = [["topic", "string"], ["action", "string"], ["strategy", "string", true]];
export const RoomChange = [["room", "string"], ["reason", "string"]];
export const RecordChange = [["recordId", "string"], ["version", "int"], ["epoch", "string"], ["reason", "string"]];

/** The numbers of the kinds of calls. */
export const kinds = {
  command: 1, middleware: 2, guard: 3, authenticate: 4, connect: 5, disconnect: 6, schedule: 7,
  join: 8, leave: 9, resolve: 10, recordUpdate: 11, recordRemoved: 12,
};
