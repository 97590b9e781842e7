// The codec, host calls and responses.
#include "guest.h"

static u32 u32_at(const u8 *p) { return p[0] | p[1] << 8 | p[2] << 16 | (u32)p[3] << 24; }

// take_field takes the first field off a message. What the host sends is not
// malformed; if it were, going on would be worse than ending here.
span take_field(span *message) {
  if (message->n == 0) return NONE; // missing
  if (message->n < 4) die();
  u32 n = u32_at(message->p);
  message->p += 4;
  message->n -= 4;
  if (n == ABSENT) return NONE;
  if (n > message->n) die();
  span field = {message->p, n};
  message->p += n;
  message->n -= n;
  return field;
}

i64 int_of(span field) {
  if (!field.p) return 0;
  if (field.n != 8) die();
  return (i64)(u32_at(field.p) | (u64)u32_at(field.p + 4) << 32);
}

void put_u32(writer *w, u32 v) {
  u8 b[4] = {v, v >> 8, v >> 16, v >> 24};
  put(w, b, 4);
}

void put_field(writer *w, span value) {
  put_u32(w, value.p ? value.n : ABSENT);
  if (value.p) put_span(w, value);
}

void put_int(writer *w, i64 v) {
  put_u32(w, 8);
  put_u32(w, (u32)(u64)v);
  put_u32(w, (u32)((u64)v >> 32));
}

void put_bool(writer *w, int v) {
  put_u32(w, 1);
  put_byte(w, v != 0);
}

__attribute__((import_module("mesh"), import_name("take"))) void mesh_take(void *at);

result ask(host_call operation, const writer *arguments) {
  span a = written(arguments);
  u64 r = operation(a.p, a.n);
  u32 n = (u32)r;
  u8 *p = make(n);
  if (n > 0) mesh_take(p);
  return (result){(r >> 32) != 0, {p, n}};
}

u64 respond(int status, span body) {
  writer w = {0};
  put_int(&w, status);
  put_field(&w, body);
  return (u64)(u32)w.p << 32 | w.n;
}

u64 reply(const writer *json) { return respond(REPLY, written(json)); }

static span error_of(const char *code, span name, span message) {
  writer w = {0};
  put_field(&w, text_of(code));
  put_field(&w, name);
  put_field(&w, message);
  return written(&w);
}

u64 fail(const char *code, span name, span message) { return respond(ERROR, error_of(code, name, message)); }

u64 bad(const char *before, span field, const char *problem) {
  writer m = {0};
  put_text(&m, before);
  if (field.p) {
    put_text(&m, "\"");
    put_span(&m, field);
    put_text(&m, "\" ");
  }
  put_text(&m, problem);
  return fail("EPAYLOAD", NONE, written(&m));
}

u64 pass_on(result failed) { return respond(ERROR, failed.message); }

u64 deny(const writer *message) { return respond(REFUSE, error_of("EDENIED", NONE, written(message))); }
