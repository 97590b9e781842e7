// What the plugin says to the host: host calls and answers.
import { Host, Memory } from "@extism/as-pdk";
import { isObject, member, quote, text } from "./json";
import { ask } from "./operations";

@external("extism:host/env", "length")
declare function length(offset: u64): u64;

// failure is the error of the last call that went wrong, a JSON object; "" is
// none.
export let failure: string = "";

// call runs an operation and returns its response, a JSON object, or sets
// failure.
export function call(operation: string, request: string): string {
  const bytes = Uint8Array.wrap(String.UTF8.encode(request));
  const input = Memory.allocate(bytes.length);
  input.store(bytes); // eight bytes at a time; Memory.allocateString takes one
  const at = ask(operation, input.offset);
  input.free();
  const output = new Memory(at, length(at));
  const answer = output.toString();
  output.free();
  failure = member(answer, "error");
  return member(answer, "result");
}

// fail sets failure to an error of the plugin's own.
export function fail(code: string, message: string): void {
  failure = "{\"code\":" + quote(code) + ",\"message\":" + quote(message) + "}";
}

export function badPayload(problem: string): void { fail("EPAYLOAD", problem); }

// Request is what a handler was called with.
export class Request {
  json: string = Host.inputString();

  constructor() { failure = ""; }

  // raw is a member's JSON text, "" where it is missing.
  raw(name: string): string { return member(this.json, name); }

  // text is a member that is text, "" where it is missing.
  text(name: string): string { return textOf(this.raw(name)); }

  // detail is what the kind of the call adds.
  detail(name: string): string { return member(this.raw("detail"), name); }
  detailText(name: string): string { return textOf(this.detail(name)); }
}

function textOf(value: string): string { return value == "" ? "" : text(value); }

// put puts out a text. Host.outputString would take its length in characters.
export function put(output: string): void {
  Host.output(Uint8Array.wrap(String.UTF8.encode(output)));
}

// reply answers with a body, or with what went wrong.
export function reply(body: string): void {
  if (failure == "") put("{\"status\":\"reply\",\"body\":" + body + "}");
  else put("{\"status\":\"error\",\"error\":" + failure + "}");
}

// done answers a call that has nothing to say, unless something went wrong.
export function done(): void {
  if (failure == "") put("{\"status\":\"continue\"}");
  else reply("");
}

// payloadOf is the payload of a command that must be an object.
export function payloadOf(request: Request): string {
  const payload = request.raw("payload");
  if (!isObject(payload)) badPayload("payload must be an object");
  return payload;
}
