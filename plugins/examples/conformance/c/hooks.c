// The hooks and the resolvers, and the command that reads what they have kept.
#include "guest.h"

#define HOUR 3600000
#define LONGEST_NAME 200

// The kinds of requests that have hooks.
enum { CONNECT = 5, DISCONNECT = 6, JOIN = 8, LEAVE = 9, RECORD_UPDATE = 11, RECORD_REMOVED = 12 };

static void begin_seen(writer *w, const request *r) {
  put_text(w, "{\"connectionId\":");
  put_json_text(w, r->connection);
  put_text(w, ",\"user\":");
  put_json_text(w, r->user);
  put_text(w, ",\"metadata\":");
  put_span(w, r->metadata.p ? r->metadata : TEXT("null"));
}

static void put_member(writer *w, const char *name, span value) {
  put_text(w, ",\"");
  put_text(w, name);
  put_text(w, "\":");
  put_json_text(w, value);
}

// key is "<prefix>:<event>" or "<prefix>:<event>:<name>".
static span key(const char *prefix, span event, span name) {
  writer w = {0};
  put_text(&w, prefix);
  put_text(&w, ":");
  put_span(&w, event);
  if (name.n > 0) {
    put_text(&w, ":");
    put_span(&w, name);
  }
  return written(&w);
}

static result set(span key, span value) {
  writer q = {0};
  put_field(&q, key);
  put_field(&q, value);
  put_int(&q, HOUR);
  return ask_named("kv.set", &q);
}

// get returns a key's value, nothing where it is missing.
static result get(span key) {
  writer q = {0};
  put_field(&q, key);
  result answer = ask_named("kv.get", &q);
  if (!answer.failed) answer.message = take_field(&answer.message);
  return answer;
}

// record keeps what was seen, and then counts it: who sees the number finds the
// rest. Failed is what the host has refused.
static result record(span event, span name, span seen) {
  writer q = {0};
  if (name.n > LONGEST_NAME) return (result){0, NONE};
  result answer = set(key("last", event, name), seen);
  if (answer.failed) return answer;
  put_field(&q, key("hook", event, name));
  put_int(&q, 1);
  put_int(&q, HOUR);
  return ask_named("kv.increment", &q);
}

static u64 ended(result answer) { return answer.failed ? pass_on(answer) : respond(CONTINUE, NONE); }

// remember adds a version to those that a record's hooks were told of.
static result remember(span id, i64 version) {
  writer w = {0};
  span at = key("versions", id, NONE), item;
  result before = get(at);
  if (before.failed) return before;
  put_text(&w, "[");
  while (before.message.n > 0 && next_item(&before.message, &item)) {
    put_span(&w, item);
    put_text(&w, ",");
  }
  put_decimal(&w, version);
  put_text(&w, "]");
  return set(at, written(&w));
}

static u64 serve_record_hook(const request *r, writer *seen) {
  span change = r->detail, id = take_field(&change);
  i64 version = int_of(take_field(&change));
  span epoch = take_field(&change), reason = take_field(&change);
  if (id.n > LONGEST_NAME) return respond(CONTINUE, NONE);
  result answer = remember(id, version);
  if (answer.failed) return pass_on(answer);
  put_member(seen, "recordId", id);
  put_text(seen, ",\"value\":");
  put_span(seen, r->payload.p ? r->payload : TEXT("null"));
  put_text(seen, ",\"version\":");
  put_decimal(seen, version);
  put_member(seen, "epoch", epoch);
  put_member(seen, "reason", reason);
  put_text(seen, "}");
  return ended(record(r->name, id, written(seen)));
}

u64 serve_hook(const request *r) {
  writer seen = {0};
  span detail = r->detail, room = NONE;
  begin_seen(&seen, r);
  switch (r->kind) {
  case DISCONNECT:
    put_text(&seen, ",\"code\":");
    put_decimal(&seen, int_of(take_field(&detail)));
    put_member(&seen, "reason", take_field(&detail));
    break;
  case JOIN:
  case LEAVE:
    room = take_field(&detail);
    put_member(&seen, "roomName", room);
    if (r->kind == LEAVE) put_member(&seen, "reason", take_field(&detail));
    break;
  case RECORD_UPDATE:
  case RECORD_REMOVED:
    return serve_record_hook(r, &seen);
  }
  put_text(&seen, "}");
  return ended(record(r->name, room, written(&seen)));
}

u64 serve_hooks_command(const request *r) {
  static const char *const names[] = {"roomName", "recordId", "collectionId"};
  span v, event, part;
  writer name = {0}, out = {0};
  if (!is_object(r->payload)) return bad("payload must be an object", NONE, "");
  if (!member(r->payload, TEXT("event"), &v)) return bad("field ", TEXT("event"), "is missing");
  if (!text(v, &event)) return bad("field ", TEXT("event"), "must be text");
  for (u32 i = 0; i < 3; i++) {
    if (!member(r->payload, text_of(names[i]), &v) || is_null(v)) continue;
    if (!text(v, &part)) return bad("field ", text_of(names[i]), "must be text");
    put_span(&name, part);
  }
  result count = get(key("hook", event, written(&name)));
  if (count.failed) return pass_on(count);
  result last = get(key("last", event, written(&name)));
  if (last.failed) return pass_on(last);
  put_text(&out, "{\"count\":");
  put_span(&out, count.message.p ? count.message : TEXT("0"));
  put_text(&out, ",\"last\":");
  put_span(&out, last.message.p ? last.message : TEXT("null"));
  put_text(&out, "}");
  return reply(&out);
}

// listed resolves to the ids in the record "list:<name>".
static u64 listed(const request *r) {
  writer q = {0}, id = {0}, ids = {0}, m = {0};
  span name = r->name, what;
  u32 count;
  while (name.n > 0 && *name.p != ':') name.p++, name.n--;
  if (name.n == 0) name = r->name; else name.p++, name.n--;
  put_text(&id, "list:");
  put_span(&id, name);
  put_field(&q, written(&id));
  result answer = ask_named("records.get", &q);
  if (answer.failed) return pass_on(answer);
  span value = take_field(&answer.message);
  if (is_null(value)) return respond(REPLY, TEXT("[]"));
  if (list_of_text(value, &ids, &count)) return respond(REPLY, value);
  if (text(value, &what)) {
    if (equal(what, TEXT("trap"))) return misbehave_trap();
    if (equal(what, TEXT("spin"))) return misbehave_spin();
    if (equal(what, TEXT("rubbish"))) return respond(REPLY, TEXT("[\"record:a\",\"\",\"\\n\"]"));
  }
  put_text(&m, "The list is none: ");
  put_span(&m, value);
  return fail("ELIST", NONE, written(&m));
}

// all resolves to the records under record:, by their ids.
static u64 all(void) {
  writer q = {0}, ids = {0};
  span item, id;
  put_field(&q, TEXT("/^record:.+$/"));
  put_bool(&q, 0);     // without values
  put_field(&q, NONE); // from the beginning
  put_int(&q, 1000);
  result answer = ask_named("records.list", &q);
  if (answer.failed) return pass_on(answer);
  span list = take_field(&answer.message);
  put_text(&ids, "[");
  while (list.n > 0 && next_item(&list, &item)) {
    if (!member(item, TEXT("recordId"), &id)) continue;
    if (ids.n > 1) put_text(&ids, ",");
    put_span(&ids, id);
  }
  put_text(&ids, "]");
  return reply(&ids);
}

static u64 mine(const request *r) {
  static const char *const own[] = {"own:", "private:"};
  writer ids = {0};
  put_text(&ids, "[");
  for (u32 i = 0; i < 2; i++) {
    writer id = {0};
    put_text(&id, own[i]);
    put_span(&id, r->user);
    put_json_text(&ids, written(&id));
    put_text(&ids, ",");
  }
  put_text(&ids, "\"private:all\",\"secret\",\"record:mine\"]");
  return reply(&ids);
}

u64 serve_resolver(u32 number, const request *r) {
  writer seen = {0};
  begin_seen(&seen, r);
  put_text(&seen, "}");
  result answer = record(TEXT("resolve"), r->name, written(&seen));
  if (answer.failed) return pass_on(answer);
  switch (number) {
  case 0: return listed(r);
  case 1: return all();
  }
  return mine(r);
}
