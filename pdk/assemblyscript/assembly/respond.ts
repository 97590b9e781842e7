import { inRequest } from "./call";
import { Writer } from "./codec";
import { MeshError } from "./error";
import { HEADER, Json } from "./json";
import { Reply } from "./reply";

// The outcomes of a call.
export const CONTINUE: i64 = 0;
export const REPLY: i64 = 1;
export const ERROR: i64 = 2;
export const REFUSE: i64 = 3;

/** The response that lets things go on. */
const continues: usize = memory.data<u8>([8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

const out: Writer = new Writer();

/** Says where something lies, as the host expects it. */
// @ts-ignore: decorator
@inline
export function pack(at: usize, length: usize): u64 {
  return (<u64>at << 32) | <u64>length;
}

/** Lets things go on. */
export function proceed(): u64 {
  return pack(continues, 12);
}

/** Starts a response. */
export function response(status: i64): Writer {
  out.reset();
  out.int(status);
  return out;
}

/** Ends a response. */
export function finish(w: Writer): u64 {
  return pack(w.start, w.length);
}

/**
 * Answers with what a handler has returned; `failure` is the status of an error.
 */
export function respond(r: Reply | null, failure: i64 = ERROR): u64 {
  if (r === null) return proceed();
  if (r instanceof Json) return reply(r as Json);
  if (r instanceof MeshError) return fails(r as MeshError, failure);
  return proceed();
}

/** Answers a handler that has nothing to say but whether it failed. */
export function outcome(e: MeshError | null, failure: i64 = ERROR): u64 {
  return e === null ? proceed() : fails(e, failure);
}

function fails(e: MeshError, status: i64): u64 {
  const w = response(status);
  const mark = w.begin();
  e.write(w);
  w.end(mark);
  return finish(w);
}

/**
 * Replies with a value. One that has room before it gets the header there and is
 * not copied.
 */
export function reply(body: Json): u64 {
  if (!body.exists) return proceed();
  const length = body.length;
  let at: usize;
  if (body.hasHeader || inRequest(body)) {
    at = body.start - HEADER;
  } else {
    out.reset();
    at = out.add(HEADER + length);
    memory.copy(at + HEADER, body.start, length);
  }
  store<u32>(at, 8);
  store<i64>(at, REPLY, 4);
  store<u32>(at, length, 12);
  return pack(at, HEADER + length);
}
