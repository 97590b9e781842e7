// What no plugin should do. What is volatile keeps the compiler from finding out
// that none of it is of use.
#include "guest.h"

static volatile u32 turns;

u64 misbehave_spin(void) {
  for (;;) turns++;
}

u64 misbehave_grow(void) {
  for (;;) {
    u32 pages = __builtin_wasm_memory_grow(0, 1);
    if (pages == (u32)-1) die();
    *(volatile u32 *)(pages << 16) = 1;
  }
}

u64 misbehave_trap(void) { return *(volatile u32 *)0xFFFFFFF0u; }

__attribute__((noinline)) static u32 descend(volatile u32 *before) {
  volatile u32 here = *before + 1;
  if (turns == 0xFFFFFFFF) return here; // never
  return descend(&here) + here;
}

u64 misbehave_recurse(void) {
  volatile u32 first = 0;
  return descend(&first);
}
