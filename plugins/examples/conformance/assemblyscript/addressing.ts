// The operations on connections, users and rooms.

import { Call, Connections, object, Plugin, Reply, Rooms, Users } from "@mesh-host/as-pdk";
import { broadcasting, Push, sending } from "./commands";
import { answerBool, answerInt, answerPage, answerRaw, answerTexts, number, Page, text } from "./shapes";

export function addressing(p: Plugin): void {
  p.capability("connections.send", "what pushes to clients");
  p.capability("connections.read", "connections.list and users");
  p.capability("connections.disconnect", "connections.disconnect and users.disconnect");
  p.capability("connections.metadata.read", "connections.metadata.get and list");
  p.capability("connections.metadata.write", "connections.metadata.set");
  p.command("connections.metadata.get", connectionsMetadataGet);
  p.command("connections.metadata.set", connectionsMetadataSet);
  p.command("connections.send", sending);
  p.command("connections.disconnect", connectionsDisconnect);
  p.command("connections.list", connectionsList);
  p.command("connections.metadata.list", connectionsMetadataList);
  p.command("broadcast", broadcasting);

  p.command("users.send", usersSend);
  p.command("users.disconnect", usersDisconnect);
  p.command("users.list", usersList);
  p.command("users.connections", usersConnections);

  p.capability("rooms.read", "the guard members, rooms.has, members and list");
  p.capability("rooms.write", "rooms.add, remove, removeFromAll and clear");
  p.capability("rooms.metadata.read", "rooms.metadata.get and list");
  p.capability("rooms.metadata.write", "rooms.metadata.set");
  p.command("rooms.add", roomsAdd);
  p.command("rooms.remove", roomsRemove);
  p.command("rooms.removeFromAll", roomsRemoveFromAll);
  p.command("rooms.has", roomsHas);
  p.command("rooms.members", roomsMembers);
  p.command("rooms.list", roomsList);
  p.command("rooms.clear", roomsClear);
  p.command("rooms.send", roomsSend);
  p.command("rooms.metadata.get", roomsMetadataGet);
  p.command("rooms.metadata.set", roomsMetadataSet);
  p.command("rooms.metadata.list", roomsMetadataList);
}

function connectionsMetadataGet(c: Call): Reply | null {
  const f = c.fields();
  const id = f.text("connectionId");
  if (f.failed) return f.error;
  const r = Connections.metadata(id);
  if (r.failed) return r.error;
  const o = object().raw("metadata", r.metadata);
  if (r.user.length > 0) o.text("user", r.user);
  return o.json();
}

function connectionsMetadataSet(c: Call): Reply | null {
  const f = c.fields();
  const id = f.text("connectionId");
  const metadata = f.value("metadata");
  const strategy = text(f, "strategy");
  if (f.failed) return f.error;
  const r = Connections.setMetadata(id, metadata, strategy);
  return answerRaw(r, "metadata", r.metadata);
}

function connectionsDisconnect(c: Call): Reply | null {
  const f = c.fields();
  const id = f.text("connectionId");
  const code = number(f, "code");
  const reason = text(f, "reason");
  if (f.failed) return f.error;
  const r = Connections.disconnect(id, <i32>code, reason);
  return answerBool(r, "disconnected", r.disconnected);
}

function connectionsList(c: Call): Reply | null {
  const f = c.fields();
  const q = new Page(f, "user");
  if (f.failed) return f.error;
  const r = Connections.list(q.name, q.cursor, q.limit);
  return answerPage(r, object().raw("connections", r.connections), r.cursor);
}

function connectionsMetadataList(c: Call): Reply | null {
  const f = c.fields();
  const q = new Page(f, "roomName");
  if (f.failed) return f.error;
  const r = Connections.listMetadata(q.name, q.cursor, q.limit);
  return answerPage(r, object().raw("metadata", r.metadata), r.cursor);
}

function usersSend(c: Call): Reply | null {
  const f = c.fields();
  const to = f.texts("to");
  const push = new Push(f);
  if (f.failed) return f.error;
  const r = Users.send(to, push.command, push.payload, push.exclude);
  return answerInt(r, "sent", r.sent);
}

function usersDisconnect(c: Call): Reply | null {
  const f = c.fields();
  const user = f.text("user");
  const code = number(f, "code");
  const reason = text(f, "reason");
  if (f.failed) return f.error;
  const r = Users.disconnect(user, <i32>code, reason);
  return answerInt(r, "disconnected", r.disconnected);
}

function usersList(c: Call): Reply | null {
  const f = c.fields();
  const q = new Page(f, "");
  if (f.failed) return f.error;
  const r = Users.list(q.cursor, q.limit);
  return answerPage(r, object().texts("users", r.users), r.cursor);
}

function usersConnections(c: Call): Reply | null {
  const f = c.fields();
  const user = f.text("user");
  if (f.failed) return f.error;
  const r = Users.connections(user);
  return answerTexts(r, "connections", r.connections);
}

function roomsAdd(c: Call): Reply | null {
  const f = c.fields();
  const room = f.text("roomName");
  const id = f.text("connectionId");
  if (f.failed) return f.error;
  const r = Rooms.add(room, id);
  return answerBool(r, "joined", r.joined);
}

function roomsRemove(c: Call): Reply | null {
  const f = c.fields();
  const room = f.text("roomName");
  const id = f.text("connectionId");
  if (f.failed) return f.error;
  const r = Rooms.remove(room, id);
  return answerBool(r, "left", r.left);
}

function roomsRemoveFromAll(c: Call): Reply | null {
  const f = c.fields();
  const id = f.text("connectionId");
  if (f.failed) return f.error;
  const r = Rooms.removeFromAll(id);
  return answerTexts(r, "rooms", r.rooms);
}

function roomsHas(c: Call): Reply | null {
  const f = c.fields();
  const room = f.text("roomName");
  const id = f.text("connectionId");
  if (f.failed) return f.error;
  const r = Rooms.has(room, id);
  return answerBool(r, "member", r.member);
}

function roomsMembers(c: Call): Reply | null {
  const f = c.fields();
  const room = f.text("roomName");
  if (f.failed) return f.error;
  const r = Rooms.members(room);
  return answerTexts(r, "members", r.members);
}

function roomsList(c: Call): Reply | null {
  const f = c.fields();
  const q = new Page(f, "connectionId");
  if (f.failed) return f.error;
  const r = q.name.length == 0 ? Rooms.list(q.cursor, q.limit) : Rooms.of(q.name);
  return answerPage(r, object().texts("rooms", r.rooms), q.name.length == 0 ? r.cursor : "");
}

function roomsClear(c: Call): Reply | null {
  const f = c.fields();
  const room = f.text("roomName");
  if (f.failed) return f.error;
  const r = Rooms.clear(room);
  return answerInt(r, "removed", r.removed);
}

function roomsSend(c: Call): Reply | null {
  const f = c.fields();
  const room = f.text("roomName");
  const push = new Push(f);
  if (f.failed) return f.error;
  const r = Rooms.send(room, push.command, push.payload, push.exclude);
  return answerInt(r, "sent", r.sent);
}

function roomsMetadataGet(c: Call): Reply | null {
  const f = c.fields();
  const room = f.text("roomName");
  if (f.failed) return f.error;
  const r = Rooms.metadata(room);
  return answerRaw(r, "metadata", r.metadata);
}

function roomsMetadataSet(c: Call): Reply | null {
  const f = c.fields();
  const room = f.text("roomName");
  const metadata = f.value("metadata");
  const strategy = text(f, "strategy");
  if (f.failed) return f.error;
  const r = Rooms.setMetadata(room, metadata, strategy);
  return answerRaw(r, "metadata", r.metadata);
}

function roomsMetadataList(c: Call): Reply | null {
  const f = c.fields();
  const q = new Page(f, "");
  if (f.failed) return f.error;
  const r = Rooms.listMetadata(q.cursor, q.limit);
  return answerPage(r, object().raw("metadata", r.metadata), r.cursor);
}
