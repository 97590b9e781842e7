// The operations: their host functions, and the fields of their requests. An
// operation's function is named like it, with "_" for ".".

@external("extism:host/user", "log")
declare function log(request: u64): u64;
@external("extism:host/user", "config_get")
declare function config_get(request: u64): u64;
@external("extism:host/user", "kv_get")
declare function kv_get(request: u64): u64;
@external("extism:host/user", "kv_set")
declare function kv_set(request: u64): u64;
@external("extism:host/user", "kv_delete")
declare function kv_delete(request: u64): u64;
@external("extism:host/user", "kv_increment")
declare function kv_increment(request: u64): u64;
@external("extism:host/user", "kv_compareAndSet")
declare function kv_compareAndSet(request: u64): u64;
@external("extism:host/user", "http_fetch")
declare function http_fetch(request: u64): u64;
@external("extism:host/user", "connections_metadata_get")
declare function connections_metadata_get(request: u64): u64;
@external("extism:host/user", "connections_metadata_set")
declare function connections_metadata_set(request: u64): u64;
@external("extism:host/user", "connections_send")
declare function connections_send(request: u64): u64;
@external("extism:host/user", "connections_disconnect")
declare function connections_disconnect(request: u64): u64;
@external("extism:host/user", "connections_list")
declare function connections_list(request: u64): u64;
@external("extism:host/user", "connections_metadata_list")
declare function connections_metadata_list(request: u64): u64;
@external("extism:host/user", "broadcast")
declare function broadcast(request: u64): u64;
@external("extism:host/user", "users_send")
declare function users_send(request: u64): u64;
@external("extism:host/user", "users_disconnect")
declare function users_disconnect(request: u64): u64;
@external("extism:host/user", "users_list")
declare function users_list(request: u64): u64;
@external("extism:host/user", "users_connections")
declare function users_connections(request: u64): u64;
@external("extism:host/user", "rooms_add")
declare function rooms_add(request: u64): u64;
@external("extism:host/user", "rooms_remove")
declare function rooms_remove(request: u64): u64;
@external("extism:host/user", "rooms_removeFromAll")
declare function rooms_removeFromAll(request: u64): u64;
@external("extism:host/user", "rooms_has")
declare function rooms_has(request: u64): u64;
@external("extism:host/user", "rooms_members")
declare function rooms_members(request: u64): u64;
@external("extism:host/user", "rooms_list")
declare function rooms_list(request: u64): u64;
@external("extism:host/user", "rooms_clear")
declare function rooms_clear(request: u64): u64;
@external("extism:host/user", "rooms_send")
declare function rooms_send(request: u64): u64;
@external("extism:host/user", "rooms_metadata_get")
declare function rooms_metadata_get(request: u64): u64;
@external("extism:host/user", "rooms_metadata_set")
declare function rooms_metadata_set(request: u64): u64;
@external("extism:host/user", "rooms_metadata_list")
declare function rooms_metadata_list(request: u64): u64;
@external("extism:host/user", "channels_publish")
declare function channels_publish(request: u64): u64;
@external("extism:host/user", "channels_history")
declare function channels_history(request: u64): u64;
@external("extism:host/user", "channels_unsubscribe")
declare function channels_unsubscribe(request: u64): u64;
@external("extism:host/user", "presence_list")
declare function presence_list(request: u64): u64;
@external("extism:host/user", "presence_set")
declare function presence_set(request: u64): u64;
@external("extism:host/user", "presence_clear")
declare function presence_clear(request: u64): u64;
@external("extism:host/user", "presence_unsubscribe")
declare function presence_unsubscribe(request: u64): u64;
@external("extism:host/user", "records_get")
declare function records_get(request: u64): u64;
@external("extism:host/user", "records_set")
declare function records_set(request: u64): u64;
@external("extism:host/user", "records_delete")
declare function records_delete(request: u64): u64;
@external("extism:host/user", "records_list")
declare function records_list(request: u64): u64;
@external("extism:host/user", "records_transaction")
declare function records_transaction(request: u64): u64;
@external("extism:host/user", "records_unsubscribe")
declare function records_unsubscribe(request: u64): u64;
@external("extism:host/user", "collections_unsubscribe")
declare function collections_unsubscribe(request: u64): u64;

// ask calls an operation's function with the offset of a request.
export function ask(name: string, request: u64): u64 {
  if (name == "log") return log(request);
  if (name == "config.get") return config_get(request);
  if (name == "kv.get") return kv_get(request);
  if (name == "kv.set") return kv_set(request);
  if (name == "kv.delete") return kv_delete(request);
  if (name == "kv.increment") return kv_increment(request);
  if (name == "kv.compareAndSet") return kv_compareAndSet(request);
  if (name == "http.fetch") return http_fetch(request);
  if (name == "connections.metadata.get") return connections_metadata_get(request);
  if (name == "connections.metadata.set") return connections_metadata_set(request);
  if (name == "connections.send") return connections_send(request);
  if (name == "connections.disconnect") return connections_disconnect(request);
  if (name == "connections.list") return connections_list(request);
  if (name == "connections.metadata.list") return connections_metadata_list(request);
  if (name == "broadcast") return broadcast(request);
  if (name == "users.send") return users_send(request);
  if (name == "users.disconnect") return users_disconnect(request);
  if (name == "users.list") return users_list(request);
  if (name == "users.connections") return users_connections(request);
  if (name == "rooms.add") return rooms_add(request);
  if (name == "rooms.remove") return rooms_remove(request);
  if (name == "rooms.removeFromAll") return rooms_removeFromAll(request);
  if (name == "rooms.has") return rooms_has(request);
  if (name == "rooms.members") return rooms_members(request);
  if (name == "rooms.list") return rooms_list(request);
  if (name == "rooms.clear") return rooms_clear(request);
  if (name == "rooms.send") return rooms_send(request);
  if (name == "rooms.metadata.get") return rooms_metadata_get(request);
  if (name == "rooms.metadata.set") return rooms_metadata_set(request);
  if (name == "rooms.metadata.list") return rooms_metadata_list(request);
  if (name == "channels.publish") return channels_publish(request);
  if (name == "channels.history") return channels_history(request);
  if (name == "channels.unsubscribe") return channels_unsubscribe(request);
  if (name == "presence.list") return presence_list(request);
  if (name == "presence.set") return presence_set(request);
  if (name == "presence.clear") return presence_clear(request);
  if (name == "presence.unsubscribe") return presence_unsubscribe(request);
  if (name == "records.get") return records_get(request);
  if (name == "records.set") return records_set(request);
  if (name == "records.delete") return records_delete(request);
  if (name == "records.list") return records_list(request);
  if (name == "records.transaction") return records_transaction(request);
  if (name == "records.unsubscribe") return records_unsubscribe(request);
  if (name == "collections.unsubscribe") return collections_unsubscribe(request);
  return unreachable();
}

// operations has for each operation its name and then its fields: name, kind,
// and "?" where it may be missing. Those with "!" answer nothing.
export const operations: string[] = [
  "log! level:text? message:text",
  "config.get",
  "kv.get key:text",
  "kv.set! key:text value:value ttl:integer?",
  "kv.delete key:text",
  "kv.increment key:text by:integer ttl:integer?",
  "kv.compareAndSet key:text expected:value? value:value? ttl:integer?",
  "http.fetch url:text method:text? headers:texts? body:base64? timeout:integer?",
  "connections.metadata.get connectionId:text",
  "connections.metadata.set connectionId:text metadata:value strategy:text?",
  "connections.send to:texts command:text payload:value? exclude:texts?",
  "connections.disconnect connectionId:text code:integer? reason:text?",
  "connections.list user:text? cursor:text? limit:integer?",
  "connections.metadata.list roomName:text? cursor:text? limit:integer?",
  "broadcast command:text payload:value? exclude:texts?",
  "users.send to:texts command:text payload:value? exclude:texts?",
  "users.disconnect user:text code:integer? reason:text?",
  "users.list cursor:text? limit:integer?",
  "users.connections user:text",
  "rooms.add roomName:text connectionId:text",
  "rooms.remove roomName:text connectionId:text",
  "rooms.removeFromAll connectionId:text",
  "rooms.has roomName:text connectionId:text",
  "rooms.members roomName:text",
  "rooms.list connectionId:text? cursor:text? limit:integer?",
  "rooms.clear roomName:text",
  "rooms.send roomName:text command:text payload:value? exclude:texts?",
  "rooms.metadata.get roomName:text",
  "rooms.metadata.set roomName:text metadata:value strategy:text?",
  "rooms.metadata.list cursor:text? limit:integer?",
  "channels.publish channel:text message:value history:integer?",
  "channels.history channel:text limit:integer? since:integer? sinceTime:integer?",
  "channels.unsubscribe channel:text connectionId:text reason:text?",
  "presence.list roomName:text",
  "presence.set roomName:text connectionId:text state:value expireAfter:integer? silent:truth?",
  "presence.clear roomName:text connectionId:text",
  "presence.unsubscribe roomName:text connectionId:text reason:text?",
  "records.get recordId:text",
  "records.set recordId:text value:value strategy:text? expectVersion:integer? ttl:integer?",
  "records.delete recordId:text expectVersion:integer?",
  "records.list pattern:text? values:truth? cursor:text? limit:integer?",
  "records.transaction operations:value",
  "records.unsubscribe recordId:text connectionId:text reason:text?",
  "collections.unsubscribe collectionId:text connectionId:text reason:text?",
];
