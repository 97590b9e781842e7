// What the host calls. A plugin exports it with
//
//     export * from "@mesh-host/as-pdk/exports";

import { openRequest } from "./call";
import { Json } from "./json";
import { plugin, setUp } from "./main";
import { pack } from "./respond";

/** The largest request, in bytes, that memory can be had for. */
const LARGEST: u32 = 0x3fff_0000;

let input: usize = 0;
let capacity: u32 = 0;
let registration: Json = Json.none;

/** Says that the plugin speaks version 1 of the ABI. */
export function mesh_abi_1(): void {}

/** Returns the one buffer for requests, which grows on demand and which no collector moves or frees. */
export function mesh_alloc(size: u32): usize {
  if (size > LARGEST) return 0;
  if (size > capacity) {
    if (input != 0) heap.free(input);
    capacity = max<u32>(size, 1024);
    input = heap.alloc(capacity);
  }
  return input;
}

/** Sets the plugin up and returns the registration document. */
export function mesh_register(): u64 {
  setUp();
  registration = plugin.document();
  return pack(registration.start, registration.length);
}

/** Answers a call. */
export function mesh_call(handler: u32, at: usize, length: usize): u64 {
  openRequest(at, length);
  return plugin.answer(handler);
}
