// What the files of this plugin share. See abi/ABI.md: there is no kit here, and
// no C library.
#pragma once

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

#define ABSENT 0xFFFFFFFFu

// span is bytes somewhere in memory. Where p is null, there are none: an absent
// field, which is not the same as an empty one.
typedef struct {
  const u8 *p;
  u32 n;
} span;

#define TEXT(literal) ((span){(const u8 *)(literal), sizeof(literal) - 1})
#define NONE ((span){0, 0})

span text_of(const char *s);
int equal(span a, span b);

// Memory: everything that a call makes is given back at the next one.
void *make(u32 size);
void start_call(void);

// writer collects bytes. Only the last of several may grow without being copied.
typedef struct {
  u8 *p;
  u32 n, cap;
} writer;

void put(writer *w, const void *bytes, u32 n);
void put_byte(writer *w, u8 b);
void put_text(writer *w, const char *s);
void put_span(writer *w, span s);
span written(const writer *w);

// The codec.
span take_field(span *message);
i64 int_of(span field); // 0 for an absent one
void put_u32(writer *w, u32 v);
void put_field(writer *w, span value); // absent where there is none
void put_int(writer *w, i64 v);
void put_bool(writer *w, int v);

// JSON. What the host hands over is known to be valid.
span trimmed(span value);
int is_object(span value);
int is_null(span value); // also of nothing
int member(span object, span name, span *value);
int text(span value, span *out);     // of a string
int integer(span value, i64 *out);   // whole, of 64 bits
int next_item(span *rest, span *item); // rest begins as an array
int list_of_text(span value, writer *list, u32 *count); // as fields of the codec
void put_json_text(writer *w, span s);
void put_decimal(writer *w, i64 v);
void put_base64(writer *w, span bytes);
int from_base64(span s, span *out);

// Host calls. On failure the result is the encoded Error.
typedef struct {
  int failed;
  span message;
} result;

typedef u64 (*host_call)(const void *arguments, u32 size);

result ask(host_call operation, const writer *arguments);

// Responses.
enum { CONTINUE, REPLY, ERROR, REFUSE };

u64 respond(int status, span body);
u64 reply(const writer *json);
u64 fail(const char *code, span name, span message);
u64 bad(const char *before, span field, const char *problem); // EPAYLOAD
u64 pass_on(result failed);
u64 deny(const writer *message);
_Noreturn void die(void);

// request is what mesh_call was given.
typedef struct {
  i64 kind;
  span name, connection, user, metadata, locals, payload, detail;
} request;

// The handlers, see main.c.
u64 serve_operation(u32 number, const request *r);
u64 serve_guard(u32 number, const request *r);
u64 serve_resolver(u32 number, const request *r);
u64 serve_hook(const request *r);
u64 serve_hooks_command(const request *r);
u32 operation_named(const char *name); // its number
result ask_named(const char *name, const writer *arguments);
void register_operations(writer *w, u32 first);

u64 misbehave_spin(void);
u64 misbehave_grow(void);
u64 misbehave_trap(void);
u64 misbehave_recurse(void);
