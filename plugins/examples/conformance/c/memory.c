// Memory, in one piece behind the program's own data: first the buffer for
// requests, which stays, then what the present call has made. A response is part
// of that, and so stays valid until the next call, as it must.
#include "guest.h"

extern u8 __heap_base; // by the linker

#define PAGE 65536u

static u32 capacity; // of the buffer for requests
static u32 used;     // behind it

static u8 *heap(void) { return (u8 *)(((u32)&__heap_base + 15) & ~15u); }

// reach makes the memory large enough, and tells whether it is.
static int reach(u64 end) {
  u64 have = (u64)__builtin_wasm_memory_size(0) * PAGE;
  if (end <= have) return 1;
  if (end > 0xFFFFFFFFull) return 0;
  return __builtin_wasm_memory_grow(0, (u32)((end - have + PAGE - 1) / PAGE)) != (u32)-1;
}

__attribute__((export_name("mesh_alloc"))) void *mesh_alloc(u32 size) {
  u64 wanted = ((u64)size + 15) & ~15ull;
  if (!reach((u32)heap() + wanted)) return 0;
  if (wanted > capacity) capacity = (u32)wanted;
  used = 0;
  return heap();
}

void start_call(void) { used = 0; }

// make traps where there is no room: the host discards the instance.
void *make(u32 size) {
  u8 *made = heap() + capacity + used;
  u64 wanted = ((u64)size + 15) & ~15ull;
  if (!reach((u64)(u32)made + wanted)) die();
  used += (u32)wanted;
  return made;
}

_Noreturn void die(void) { __builtin_trap(); }

void put(writer *w, const void *bytes, u32 n) {
  if (n > w->cap - w->n) {
    u64 cap = (u64)w->n + n;
    if (cap < 2ull * w->cap) cap = 2ull * w->cap;
    if (cap < 64) cap = 64;
    if (cap > 0x7FFFFFFF) die();
    u8 *p = make((u32)cap);
    __builtin_memcpy(p, w->p, w->n);
    w->p = p;
    w->cap = (u32)cap;
  }
  __builtin_memcpy(w->p + w->n, bytes, n);
  w->n += n;
}

void put_byte(writer *w, u8 b) { put(w, &b, 1); }

void put_span(writer *w, span s) { put(w, s.p, s.n); }

void put_text(writer *w, const char *s) { put_span(w, text_of(s)); }

span written(const writer *w) { return (span){w->p ? w->p : (const u8 *)"", w->n}; }

span text_of(const char *s) {
  u32 n = 0;
  while (s[n]) n++;
  return (span){(const u8 *)s, n};
}

int equal(span a, span b) {
  if (a.n != b.n) return 0;
  for (u32 i = 0; i < a.n; i++)
    if (a.p[i] != b.p[i]) return 0;
  return 1;
}
