// A command for every operation, all by the one table: the request's object into
// the codec, the response out of it.
#include "guest.h"
#include "operations.h"

#define DECLARE(id, name, q, a) \
  __attribute__((import_module("mesh"), import_name(name))) u64 mesh_##id(const void *, u32);
OPERATIONS(DECLARE)

static const struct {
  const char *name, *request, *response;
  host_call call;
} operations[] = {
#define ROW(id, name, q, a) {name, q, a, mesh_##id},
    OPERATIONS(ROW)};

#define COUNT (sizeof operations / sizeof *operations)

u32 operation_named(const char *name) {
  for (u32 i = 0; i < COUNT; i++)
    if (equal(text_of(operations[i].name), text_of(name))) return i;
  die();
}

result ask_named(const char *name, const writer *arguments) { return ask(operations[operation_named(name)].call, arguments); }

void register_operations(writer *w, u32 first) {
  for (u32 i = 0; i < COUNT; i++) {
    put_text(w, ",{\"name\":\"");
    put_text(w, operations[i].name);
    put_text(w, "\",\"handler\":");
    put_decimal(w, first + i);
    put_text(w, "}");
  }
}

// next_field takes a field off a row of the table.
static int next_field(span *row, int *optional, u8 *type, span *name) {
  while (row->n > 0 && *row->p == ' ') row->p++, row->n--;
  if (row->n == 0) return 0;
  *optional = *row->p == '?';
  if (*optional) row->p++, row->n--;
  *type = *row->p++, row->n--;
  *name = (span){row->p, 0};
  while (row->n > 0 && *row->p != ' ') row->p++, row->n--, name->n++;
  return 1;
}

// encode adds a member of the request's object; the result names what is wrong
// with it, 0 for nothing.
static const char *encode(writer *w, u8 type, int optional, span v) {
  span s = NONE;
  i64 n = 0;
  u32 count = 0;
  writer list = {0};
  switch (type) {
  case 's':
    if (!text(v, &s)) return "must be text";
    put_field(w, optional && s.n == 0 ? NONE : s);
    return 0;
  case 'j':
    put_field(w, trimmed(v));
    return 0;
  case 'i':
    if (!integer(v, &n)) return "must be an integer";
    if (optional && n == 0) {
      put_field(w, NONE);
    } else {
      put_int(w, n);
    }
    return 0;
  case 'b':
    if (!equal(trimmed(v), TEXT("true")) && !equal(trimmed(v), TEXT("false"))) return "must be true or false";
    put_bool(w, trimmed(v).p[0] == 't');
    return 0;
  case 'l':
    if (!list_of_text(v, &list, &count)) return "must be a list of text";
    put_u32(w, list.n + 4);
    put_u32(w, count);
    put_span(w, written(&list));
    return 0;
  case 'y':
    if (!text(v, &s)) return "must be text";
    if (!from_base64(s, &s)) return "must be base64";
    put_field(w, s);
    return 0;
  }
  die();
}

// put_list writes a field of type strings as an array.
static void put_list(writer *w, span field) {
  put_text(w, "[");
  if (field.p) {
    field.p += 4;
    field.n -= 4;
  }
  for (int first = 1; field.n > 0; first = 0) {
    if (!first) put_text(w, ",");
    put_json_text(w, take_field(&field));
  }
  put_text(w, "]");
}

static void decode(writer *w, u8 type, span v) {
  switch (type) {
  case 's': put_json_text(w, v); break;
  case 'j': put_span(w, v.p ? v : TEXT("null")); break;
  case 'i': put_decimal(w, int_of(v)); break;
  case 'b': put_text(w, v.n == 1 && v.p[0] ? "true" : "false"); break;
  case 'l': put_list(w, v); break;
  case 'y':
    put_text(w, "\"");
    put_base64(w, v);
    put_text(w, "\"");
  }
}

// left_out tells whether a member of a reply is absent.
static int left_out(u8 type, int optional, span v) {
  return optional && (!v.p || (type == 's' && v.n == 0) || (type == 'i' && int_of(v) == 0));
}

u64 serve_operation(u32 number, const request *r) {
  span row = text_of(operations[number].request), name, v;
  int optional;
  u8 type;
  writer q = {0}, a = {0};
  if (row.n > 0 && !is_object(r->payload)) return bad("payload must be an object", NONE, "");
  while (next_field(&row, &optional, &type, &name)) {
    int there = member(r->payload, name, &v);
    if (!there && !optional) return bad("field ", name, "is missing");
    if (optional && (!there || is_null(v))) {
      if (type == 'b') {
        put_bool(&q, 0);
      } else {
        put_field(&q, equal(name, TEXT("level")) ? TEXT("info") : NONE);
      }
      continue;
    }
    const char *problem = encode(&q, type, optional, v);
    if (problem) return bad("field ", name, problem);
  }
  result answer = ask(operations[number].call, &q);
  if (answer.failed) return pass_on(answer);
  row = text_of(operations[number].response);
  if (row.n == 0) return respond(REPLY, NONE);
  put_text(&a, "{");
  while (next_field(&row, &optional, &type, &name)) {
    v = take_field(&answer.message);
    if (left_out(type, optional, v)) continue;
    if (a.n > 1) put_text(&a, ",");
    put_json_text(&a, name);
    put_text(&a, ":");
    decode(&a, type, v);
  }
  put_text(&a, "}");
  return reply(&a);
}
