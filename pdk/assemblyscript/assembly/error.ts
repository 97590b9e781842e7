import { Reader, Writer } from "./codec";
import { className, CodeConflict, CodeDenied, CodeNotFound, CodePayload, CodeServer } from "./generated/codes";
import { Json } from "./json";
import { Reply } from "./reply";

/**
 * What a handler returns to say what its caller did wrong, and what a failed
 * operation gives. The client gets code, name, message and data as they are.
 */
export class MeshError extends Reply {
  /** Any JSON value for programs, or none. */
  data: Json = Json.none;
  /**
   * The status with which a refused handshake is answered, 400 to 599; 0: 401.
   * It means nothing elsewhere.
   */
  http: i32 = 0;

  /** Makes an error with the class that goes with its code. */
  constructor(
    /** For programs: one of the Code constants, or the plugin's own; empty: ESERVER. */
    public code: string,
    /** For people. */
    public message: string,
    /** The error's class; empty: that of the code, or Error. */
    public name: string = className(code),
  ) {
    super();
  }

  /** Adds a JSON value for programs and returns the error. */
  withData(data: Json): this {
    this.data = data;
    return this;
  }

  /**
   * Whether a write failed because the version was not the expected one. Then
   * `conflictVersion` is the one that is there, and `conflictRecord` the record,
   * "" where the write was of one alone.
   */
  get isConflict(): bool {
    return this.code == CodeConflict && this.data.get("version").isInt;
  }

  /** See isConflict. */
  get conflictVersion(): i64 {
    return this.data.get("version").asInt();
  }

  /** See isConflict. */
  get conflictRecord(): string {
    return this.data.get("recordId").asText();
  }

  /** Returns the message, or the code where there is none. */
  toString(): string {
    return this.message.length == 0 ? this.code : this.message;
  }

  /** Adds the error to a message. For the kit's own use. */
  write(w: Writer): void {
    w.string(this.code);
    w.string(this.name);
    w.string(this.message);
    w.json(this.data);
    w.optionalInt(this.http);
  }

  /** Reads an error. For the kit's own use. */
  static read(r: Reader): MeshError {
    const code = r.string();
    const name = r.string();
    const e = new MeshError(code, r.string(), name);
    e.data = r.json();
    e.http = <i32>r.int();
    if (r.malformed || code.length == 0) e.code = CodeServer;
    return e;
  }
}

/** Returns an error with a code of your own or of the table: `return fail("EFULL", "…");`. */
export function fail(code: string, message: string): MeshError {
  return new MeshError(code, message);
}

/** Returns an EDENIED error: the caller may not do this. */
export function denied(message: string): MeshError {
  return new MeshError(CodeDenied, message);
}

/** Returns an ENOTFOUND error: what the command names does not exist. */
export function notFound(message: string): MeshError {
  return new MeshError(CodeNotFound, message);
}

/**
 * Returns an EPAYLOAD error about a field of the payload, such as
 * `badPayload("to", "must be a list of text")`. An empty field is the payload
 * itself.
 */
export function badPayload(field: string, problem: string): MeshError {
  const what = field.length == 0 ? "payload " : 'field "' + field + '" ';
  return new MeshError(CodePayload, what + problem);
}

/**
 * Returns the error with which an authenticate hook refuses a handshake: an HTTP
 * status from 400 to 599 and the text of the answer.
 */
export function refuse(status: i32, message: string): MeshError {
  const e = denied(message);
  e.http = status;
  return e;
}
