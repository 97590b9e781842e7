import { put } from "./host";
import { operations } from "./operations";

// mesh_register puts out what the plugin is. Handlers are the names of its
// exported functions.
export function mesh_register(): i32 {
  let commands = OWN;
  for (let i = 0; i < operations.length; i++) {
    const name = operations[i].split(" ")[0].replace("!", "");
    commands += ",{\"name\":\"" + name + "\",\"handler\":\"operation\"}";
  }
  put(`{"name": "conformance", "version": "1.0.0", "commands": [` + commands + "]," + REST);
  return 0;
}

const OWN = `
    {"name": "echo", "handler": "echo"},
    {"name": "add", "handler": "add"},
    {"name": "fail", "handler": "fail_with"},
    {"name": "whoami", "handler": "whoami"},
    {"name": "count", "handler": "count"},
    {"name": "send", "handler": "send"},
    {"name": "hooks", "handler": "hooks"},
    {"name": "spin", "handler": "spin"},
    {"name": "grow", "handler": "grow"},
    {"name": "trap", "handler": "trap"},
    {"name": "recurse", "handler": "recurse"}`;

const REST = `
  "guards": [
    {"name": "admins", "handler": "admins"},
    {"name": "members", "handler": "members"},
    {"name": "merges", "handler": "merges"},
    {"name": "owners", "handler": "owners"},
    {"name": "rubbish", "handler": "rubbish"},
    {"name": "spinning", "handler": "spinning"},
    {"name": "trapping", "handler": "trapping"},
    {"name": "users", "handler": "users"},
    {"name": "values", "handler": "values"}],
  "channels": [
    {"pattern": "/^open:.+$/", "publish": true, "history": 100},
    {"pattern": "/^plain:.+$/", "publish": true},
    {"pattern": "/^drop:.+$/", "publish": true, "slowConsumer": "drop"},
    {"pattern": "/^guarded:.+$/", "guard": "members", "publish": true, "publishGuard": "users", "history": 100},
    {"pattern": "bad:trap", "guard": "trapping"},
    {"pattern": "bad:spin", "guard": "spinning"},
    {"pattern": "bad:rubbish", "guard": "rubbish"}],
  "presence": [
    {"pattern": "/^room:.+$/"},
    {"pattern": "/^ttl:.+$/", "ttl": "1s"},
    {"pattern": "/^private:.+$/", "guard": "users"}],
  "rooms": [
    {"pattern": "/^closed:.+$/", "guard": "users", "metadataGuard": "admins"}],
  "records": [
    {"pattern": "/^record:.+$/"},
    {"pattern": "/^shared:.+$/", "writable": true},
    {"pattern": "/^hooked:.+$/", "writable": true},
    {"pattern": "/^brief:.+$/", "writable": true, "ttl": "1s"},
    {"pattern": "/^drop:.+$/", "writable": true, "slowConsumer": "drop"},
    {"pattern": "/^conflate:.+$/", "writable": true, "slowConsumer": "conflate"},
    {"pattern": "/^own:.+$/", "writable": true, "writeGuard": "owners"},
    {"pattern": "/^checked:.+$/", "writable": true, "writeGuard": "values"},
    {"pattern": "/^merged:.+$/", "writable": true, "writeGuard": "merges"},
    {"pattern": "/^private:.+$/", "guard": "users", "writable": true, "writeGuard": "users"},
    {"pattern": "bad:trap", "guard": "trapping", "writable": true, "writeGuard": "trapping"},
    {"pattern": "bad:spin", "guard": "spinning", "writable": true, "writeGuard": "spinning"},
    {"pattern": "bad:rubbish", "guard": "rubbish", "writable": true, "writeGuard": "rubbish"}],
  "collections": [
    {"pattern": "/^list:.+$/", "handler": "listed", "records": ["/^list:.+$/"]},
    {"pattern": "/^few:.+$/", "handler": "listed", "records": ["/^list:.+$/"], "limit": 2},
    {"pattern": "/^users:.+$/", "handler": "listed", "guard": "users", "records": ["/^list:.+$/"]},
    {"pattern": "/^one:.+$/", "handler": "listed", "records": ["/^list:.+$/"], "shared": true},
    {"pattern": "records", "handler": "all", "records": ["/^record:.+$/"], "shared": true, "limit": 1000},
    {"pattern": "mine", "handler": "mine"}],
  "hooks": [
    {"event": "connect", "handler": "connect"},
    {"event": "disconnect", "handler": "disconnect"},
    {"event": "join", "handler": "room_change"},
    {"event": "leave", "handler": "room_change"},
    {"event": "recordRemoved", "handler": "record_change", "records": ["/^hooked:.+$/"]},
    {"event": "recordUpdate", "handler": "record_change", "records": ["/^hooked:.+$/"]}],
  "capabilities": [
    {"name": "channels.publish"},
    {"name": "channels.read"},
    {"name": "channels.unsubscribe"},
    {"name": "collections.unsubscribe"},
    {"name": "connections.disconnect"},
    {"name": "connections.metadata.read"},
    {"name": "connections.metadata.write"},
    {"name": "connections.read"},
    {"name": "connections.send"},
    {"name": "http"},
    {"name": "kv"},
    {"name": "presence.read"},
    {"name": "presence.unsubscribe"},
    {"name": "presence.write"},
    {"name": "records.read"},
    {"name": "records.unsubscribe"},
    {"name": "records.write"},
    {"name": "rooms.metadata.read"},
    {"name": "rooms.metadata.write"},
    {"name": "rooms.read"},
    {"name": "rooms.write"}],
  "metadataGuard": "admins"}`;
