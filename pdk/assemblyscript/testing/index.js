// Loads a built plugin in node, with a host in memory: see README.md.

import { readFile } from "node:fs/promises";

import { decode, encode } from "./codec.js";
import { MeshError } from "./error.js";
import { operations } from "./generated/tables.js";
import { decodeError, Instance } from "./instance.js";
import * as messages from "./messages.js";
import { store } from "./store.js";

export { MeshError };

/**
 * Loads a plugin.
 *
 * @param {string | URL | Uint8Array} source the file, or its bytes
 * @param {{config?: object}} options config: the settings that the plugin reads
 */
export async function load(source, options = {}) {
  const bytes = source instanceof Uint8Array ? source : await readFile(source);
  return new TestHost(await WebAssembly.compile(bytes), options.config ?? {});
}

/** A host with one instance of a plugin. Everything it has is in memory and starts empty. */
export class TestHost {
  /** The plugin's store: keys and the JSON text of their values. */
  kv = new Map();
  /** What was logged, {level, message}, in order. */
  logged = [];
  /** What was pushed to clients, {operation, command, payload, …}, in order. */
  sent = [];
  /** Every host call, {operation, request}, in order. */
  calls = [];
  /** The registration document. */
  registration;

  #answers;
  #instance;

  constructor(module, config) {
    this.config = config;
    this.#answers = store(this);
    this.#instance = new Instance(module, (operation, bytes) => this.#answer(operation, bytes));
    this.registration = JSON.parse(new TextDecoder().decode(this.#instance.document));
    if (this.registration.error) throw new Error(`the plugin refuses to run: ${this.registration.error}`);
  }

  /** How many bytes of memory the plugin has. */
  get memorySize() {
    return this.#instance.memorySize;
  }

  /**
   * Sets what a host operation answers: a function of the request's fields, or a
   * value for them all, that gives the fields of the response, with JSON fields as
   * text. It may throw a MeshError. Without one, operations other than those on kv,
   * settings, the log and pushes fail with EUNAVAILABLE.
   */
  answer(operation, fn) {
    if (!operations[operation]) throw new Error(`there is no operation ${operation}`);
    this.#answers[operation] = typeof fn === "function" ? fn : () => fn;
  }

  /**
   * Calls a command as a client does, and returns its reply; an error is thrown.
   *
   * @param {string} name
   * @param {unknown} payload any JSON value; undefined: none
   * @param {{connectionId?: string, user?: string, metadata?: unknown, locals?: unknown}} client who asks; without a connectionId "c1"
   */
  command(name, payload, client = {}) {
    return this.#outcome(this.#send("command", name, this.#handler("commands", "name", name), payload, client));
  }

  /**
   * Calls a middleware on a command's way. It returns {payload, locals} where the
   * command goes on, undefined for what is not changed, and {reply} where it ends
   * there; an error is thrown.
   */
  middleware(name, command, payload, client = {}) {
    const r = this.#send("middleware", command, this.#handler("middleware", "name", name), payload, client);
    const body = this.#outcome(r);
    if (r.status === 1) return { reply: body };
    return { payload: r.body === null ? undefined : body, locals: r.locals === null ? undefined : JSON.parse(r.locals) };
  }

  /**
   * Asks a guard; it throws where it refuses.
   *
   * @param {string} name the guard's
   * @param {{topic: string, action: string, name: string, strategy?: string, value?: unknown}} access what the client wants
   */
  guard(name, access, client = {}) {
    const detail = encode(messages.Access, access);
    this.#outcome(this.#send("guard", access.name, this.#handler("guards", "name", name), access.value, client, detail));
  }

  /**
   * Calls the hook of an event: connect, disconnect, join, leave, recordUpdate or
   * recordRemoved. An error is thrown.
   *
   * @param {string} event
   * @param {object} detail what the event has besides: {code, reason}, {room, reason} or {recordId, version, epoch, reason, value}
   */
  hook(event, detail = {}, client = {}) {
    const fields = details[event];
    const bytes = fields && encode(fields, { ...zero(fields), ...detail });
    this.#outcome(this.#send(event, event, this.#handler("hooks", "event", event), detail.value, client, bytes));
  }

  /**
   * Asks the authenticate hook, and returns {user, metadata}, or null where it has
   * nothing to say. It throws where it refuses.
   *
   * @param {{method?: string, path?: string, query?: string, headers?: Record<string, string>, remoteAddress?: string}} request
   */
  authenticate(request = {}) {
    const headers = Object.entries(request.headers ?? {}).flatMap(([name, value]) => [name.toLowerCase(), value]);
    const detail = encode(messages.Handshake, {
      method: "GET", path: "/", query: "", remoteAddress: "127.0.0.1:50000", ...request, headers,
    });
    const handler = this.#handler("hooks", "event", "authenticate");
    return this.#outcome(this.#send("authenticate", "authenticate", handler, undefined, { connectionId: "" }, detail));
  }

  /** Asks the resolver of the exposure with a pattern for a collection's records. */
  resolve(pattern, collectionId, client = {}) {
    const handler = this.#handler("collections", "pattern", pattern);
    return this.#outcome(this.#send("resolve", collectionId, handler, undefined, client), []);
  }

  /** Runs a schedule. An error is thrown. */
  schedule(name) {
    this.#outcome(this.#send("schedule", name, this.#handler("schedules", "name", name), undefined, { connectionId: "" }));
  }

  #handler(list, key, name) {
    const entry = (this.registration[list] ?? []).find((e) => e[key] === name);
    if (!entry) throw new Error(`the plugin registers no ${name} in ${list}`);
    return entry.handler;
  }

  #send(kind, name, handler, payload, client, detail = null) {
    const text = (v) => (v === undefined ? null : JSON.stringify(v));
    const request = encode(messages.Request, {
      kind: messages.kinds[kind], name, connectionId: (client.connectionId ?? "c1") || null, user: client.user || null,
      metadata: text(client.metadata), locals: text(client.locals), payload: text(payload), detail,
    });
    return decode(messages.Response, this.#instance.call(handler, request));
  }

  #outcome(r, nothing = null) {
    if (r.status > 1) throw r.body === null ? new MeshError("EDENIED", "Refused") : decodeError(r.body);
    return r.body === null ? nothing : JSON.parse(new TextDecoder().decode(r.body));
  }

  #answer(operation, bytes) {
    const request = decode(operations[operation].request, bytes);
    this.calls.push({ operation, request });
    const run = this.#answers[operation];
    if (!run) throw new MeshError("EUNAVAILABLE", `the test answers no ${operation}`);
    return encode(operations[operation].response, run(request));
  }
}

const details = {
  disconnect: messages.Departure, join: messages.RoomChange, leave: messages.RoomChange,
  recordUpdate: messages.RecordChange, recordRemoved: messages.RecordChange,
};

function zero(fields) {
  return Object.fromEntries(fields.map(([name, type]) => [name, type === "int" ? 0 : ""]));
}
