// The conformance plugin, written against abi/ABI.md alone: it exists to prove that
// the document is enough. Write plugins with a kit.
#include "guest.h"
#include "operations.h"

// The numbers of handlers. Commands of operations come last, in their order.
enum { ECHO, ADD, FAIL, WHOAMI, COUNT, SEND, HOOKS, SPIN, GROW, TRAP, RECURSE, HOOK, RESOLVERS, GUARDS = 20, FIRST_OPERATION = 40 };

__attribute__((export_name("mesh_abi_1"))) void mesh_abi_1(void) {}

// The document, but for the commands of operations.
static const char document_before[] =
    "{\"name\":\"conformance\",\"version\":\"1.0.0\",\"commands\":["
    "{\"name\":\"echo\",\"handler\":0},{\"name\":\"add\",\"handler\":1},{\"name\":\"fail\",\"handler\":2},"
    "{\"name\":\"whoami\",\"handler\":3},{\"name\":\"count\",\"handler\":4},{\"name\":\"send\",\"handler\":5},"
    "{\"name\":\"hooks\",\"handler\":6},{\"name\":\"spin\",\"handler\":7},{\"name\":\"grow\",\"handler\":8},"
    "{\"name\":\"trap\",\"handler\":9},{\"name\":\"recurse\",\"handler\":10}";
static const char document_after[] =
    "],\"guards\":[{\"name\":\"members\",\"handler\":20},{\"name\":\"users\",\"handler\":21},{\"name\":\"admins\",\"handler\":22},"
    "{\"name\":\"trapping\",\"handler\":23},{\"name\":\"spinning\",\"handler\":24},{\"name\":\"rubbish\",\"handler\":25},"
    "{\"name\":\"owners\",\"handler\":26},{\"name\":\"values\",\"handler\":27},{\"name\":\"merges\",\"handler\":28}],"
    "\"metadataGuard\":\"admins\",\"channels\":["
    "{\"pattern\":\"/^open:.+$/\",\"publish\":true,\"history\":100},{\"pattern\":\"/^plain:.+$/\",\"publish\":true},"
    "{\"pattern\":\"/^drop:.+$/\",\"publish\":true,\"slowConsumer\":\"drop\"},"
    "{\"pattern\":\"/^guarded:.+$/\",\"guard\":\"members\",\"publish\":true,\"publishGuard\":\"users\",\"history\":100},"
    "{\"pattern\":\"bad:trap\",\"guard\":\"trapping\"},{\"pattern\":\"bad:spin\",\"guard\":\"spinning\"},"
    "{\"pattern\":\"bad:rubbish\",\"guard\":\"rubbish\"}],"
    "\"presence\":[{\"pattern\":\"/^room:.+$/\"},{\"pattern\":\"/^ttl:.+$/\",\"ttl\":\"1s\"},"
    "{\"pattern\":\"/^private:.+$/\",\"guard\":\"users\"}],"
    "\"rooms\":[{\"pattern\":\"/^closed:.+$/\",\"guard\":\"users\",\"metadataGuard\":\"admins\"}],"
    "\"records\":[{\"pattern\":\"/^record:.+$/\"},{\"pattern\":\"/^shared:.+$/\",\"writable\":true},"
    "{\"pattern\":\"/^hooked:.+$/\",\"writable\":true},{\"pattern\":\"/^brief:.+$/\",\"writable\":true,\"ttl\":\"1s\"},"
    "{\"pattern\":\"/^drop:.+$/\",\"writable\":true,\"slowConsumer\":\"drop\"},"
    "{\"pattern\":\"/^conflate:.+$/\",\"writable\":true,\"slowConsumer\":\"conflate\"},"
    "{\"pattern\":\"/^own:.+$/\",\"writable\":true,\"writeGuard\":\"owners\"},"
    "{\"pattern\":\"/^checked:.+$/\",\"writable\":true,\"writeGuard\":\"values\"},"
    "{\"pattern\":\"/^merged:.+$/\",\"writable\":true,\"writeGuard\":\"merges\"},"
    "{\"pattern\":\"/^private:.+$/\",\"guard\":\"users\",\"writable\":true,\"writeGuard\":\"users\"},"
    "{\"pattern\":\"bad:trap\",\"guard\":\"trapping\",\"writable\":true,\"writeGuard\":\"trapping\"},"
    "{\"pattern\":\"bad:spin\",\"guard\":\"spinning\",\"writable\":true,\"writeGuard\":\"spinning\"},"
    "{\"pattern\":\"bad:rubbish\",\"guard\":\"rubbish\",\"writable\":true,\"writeGuard\":\"rubbish\"}],"
    "\"collections\":[{\"pattern\":\"/^list:.+$/\",\"handler\":12,\"records\":[\"/^list:.+$/\"]},"
    "{\"pattern\":\"/^few:.+$/\",\"handler\":12,\"records\":[\"/^list:.+$/\"],\"limit\":2},"
    "{\"pattern\":\"/^users:.+$/\",\"handler\":12,\"guard\":\"users\",\"records\":[\"/^list:.+$/\"]},"
    "{\"pattern\":\"/^one:.+$/\",\"handler\":12,\"records\":[\"/^list:.+$/\"],\"shared\":true},"
    "{\"pattern\":\"records\",\"handler\":13,\"records\":[\"/^record:.+$/\"],\"shared\":true,\"limit\":1000},"
    "{\"pattern\":\"mine\",\"handler\":14}],"
    "\"hooks\":[{\"event\":\"connect\",\"handler\":11},{\"event\":\"disconnect\",\"handler\":11},{\"event\":\"join\",\"handler\":11},"
    "{\"event\":\"leave\",\"handler\":11},{\"event\":\"recordUpdate\",\"handler\":11,\"records\":[\"/^hooked:.+$/\"]},"
    "{\"event\":\"recordRemoved\",\"handler\":11,\"records\":[\"/^hooked:.+$/\"]}],\"capabilities\":[";

static const char *const capabilities[] = {
    "kv", "http", "connections.send", "connections.read", "connections.disconnect", "connections.metadata.read",
    "connections.metadata.write", "rooms.read", "rooms.write", "rooms.metadata.read", "rooms.metadata.write",
    "channels.publish", "channels.read", "channels.unsubscribe", "presence.read", "presence.write", "presence.unsubscribe",
    "records.read", "records.write", "records.unsubscribe", "collections.unsubscribe",
};

__attribute__((export_name("mesh_register"))) u64 mesh_register(void) {
  writer w = {0};
  start_call();
  put_text(&w, document_before);
  register_operations(&w, FIRST_OPERATION);
  put_text(&w, document_after);
  for (u32 i = 0; i < sizeof capabilities / sizeof *capabilities; i++) {
    put_text(&w, i > 0 ? ",{\"name\":" : "{\"name\":");
    put_json_text(&w, text_of(capabilities[i]));
    put_text(&w, "}");
  }
  put_text(&w, "]}");
  return (u64)(u32)w.p << 32 | w.n;
}

// needed reads a member that must be an integer; the result is 0 or a response.
static u64 needed(span object, const char *name, i64 *out) {
  span v;
  if (!member(object, text_of(name), &v)) return bad("field ", text_of(name), "is missing");
  if (!integer(v, out)) return bad("field ", text_of(name), "must be an integer");
  return 0;
}

static u64 add(const request *r) {
  i64 a, b, sum;
  u64 problem;
  writer w = {0};
  if (!is_object(r->payload)) return bad("payload must be an object", NONE, "");
  if ((problem = needed(r->payload, "a", &a)) || (problem = needed(r->payload, "b", &b))) return problem;
  if (__builtin_add_overflow(a, b, &sum)) return bad("field ", TEXT("b"), "makes a sum that 64 bits cannot hold");
  put_text(&w, "{\"sum\":");
  put_decimal(&w, sum);
  put_text(&w, "}");
  return reply(&w);
}

static u64 fail_as_told(const request *r) {
  span v, message, words[2] = {TEXT(""), TEXT("")};
  static const char *const names[] = {"code", "name"};
  writer e = {0};
  if (!is_object(r->payload)) return bad("payload must be an object", NONE, "");
  if (!member(r->payload, TEXT("message"), &v)) return bad("field ", TEXT("message"), "is missing");
  if (!text(v, &message)) return bad("field ", TEXT("message"), "must be text");
  for (u32 i = 0; i < 2; i++) {
    if (!member(r->payload, text_of(names[i]), &v) || is_null(v)) continue;
    if (!text(v, &words[i])) return bad("field ", text_of(names[i]), "must be text");
  }
  put_field(&e, words[0]);
  put_field(&e, words[1]);
  put_field(&e, message);
  return respond(ERROR, written(&e));
}

static u64 whoami(const request *r) {
  writer w = {0};
  put_text(&w, "{\"connectionId\":");
  put_json_text(&w, r->connection);
  put_text(&w, ",\"locals\":");
  put_span(&w, r->locals.p ? r->locals : TEXT("null"));
  put_text(&w, ",\"metadata\":");
  put_span(&w, r->metadata.p ? r->metadata : TEXT("null"));
  put_text(&w, "}");
  return reply(&w);
}

static u64 count(void) {
  writer q = {0}, w = {0};
  put_field(&q, TEXT("count"));
  put_int(&q, 1);
  result answer = ask_named("kv.increment", &q);
  if (answer.failed) return pass_on(answer);
  put_text(&w, "{\"n\":");
  put_decimal(&w, int_of(take_field(&answer.message)));
  put_text(&w, "}");
  return reply(&w);
}

__attribute__((export_name("mesh_call"))) u64 mesh_call(u32 handler, const u8 *p, u32 n) {
  span message = {p, n};
  request r;
  start_call();
  r.kind = int_of(take_field(&message));
  r.name = take_field(&message);
  r.connection = take_field(&message);
  r.user = take_field(&message);
  r.metadata = take_field(&message);
  r.locals = take_field(&message);
  r.payload = take_field(&message);
  r.detail = take_field(&message);
  switch (handler) {
  case ECHO: return respond(REPLY, r.payload);
  case ADD: return add(&r);
  case FAIL: return fail_as_told(&r);
  case WHOAMI: return whoami(&r);
  case COUNT: return count();
  case SEND: return serve_operation(operation_named("connections.send"), &r);
  case HOOKS: return serve_hooks_command(&r);
  case SPIN: return misbehave_spin();
  case GROW: return misbehave_grow();
  case TRAP: return misbehave_trap();
  case RECURSE: return misbehave_recurse();
  case HOOK: return serve_hook(&r);
  }
  if (handler >= FIRST_OPERATION) return serve_operation(handler - FIRST_OPERATION, &r);
  if (handler >= GUARDS) return serve_guard(handler - GUARDS, &r);
  return serve_resolver(handler - RESOLVERS, &r);
}
