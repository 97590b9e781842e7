import { decode, encode } from "./codec.js";
import { MeshError } from "./error.js";
import { errors, operations } from "./generated/tables.js";
import { ErrorMessage } from "./messages.js";

/** Encodes an error as a message. */
export function encodeError(e) {
  return encode(ErrorMessage, {
    code: e.code, name: e.name, message: e.message,
    data: e.data === undefined ? null : JSON.stringify(e.data), http: e.http,
  });
}

/** Decodes an error. */
export function decodeError(bytes) {
  const e = decode(ErrorMessage, bytes);
  return new MeshError(e.code || "ESERVER", e.message, {
    name: e.name, data: e.data === null ? undefined : JSON.parse(e.data), http: e.http ?? 0,
  });
}

/**
 * One instance of a plugin, driven through the ABI alone. `answer(operation,
 * bytes)` returns the encoded response of a host call, or throws a MeshError.
 */
export class Instance {
  #exports;
  #buffer = 0;
  #capacity = 0;
  #waiting = new Uint8Array();
  /** The bytes of the registration document. */
  document;

  constructor(module, answer) {
    const mesh = { take: (at) => this.#take(at) };
    for (const name of Object.keys(operations)) {
      mesh[name] = (at, length) => this.#call(answer, name, at >>> 0, length >>> 0);
    }
    const wasi = {
      random_get: (at, length) => {
        crypto.getRandomValues(this.#view(at >>> 0, length >>> 0));
        return 0;
      },
      clock_time_get: (_clock, _precision, at) => {
        new DataView(this.#exports.memory.buffer).setBigInt64(at >>> 0, BigInt(Date.now()) * 1000000n, true);
        return 0;
      },
      fd_write: () => 52, // ENOSYS
    };
    this.#exports = new WebAssembly.Instance(module, { mesh, wasi_snapshot_preview1: wasi }).exports;
    this.#exports._initialize?.();
    this.document = this.#read(this.#exports.mesh_register());
  }

  /** How many bytes of memory the instance has. */
  get memorySize() {
    return this.#exports.memory.buffer.byteLength;
  }

  /** Runs a handler on an encoded request and returns the encoded response. */
  call(handler, request) {
    if (request.length > this.#capacity) {
      this.#buffer = this.#exports.mesh_alloc(request.length) >>> 0;
      if (this.#buffer === 0) throw new Error("the plugin has no room for the request");
      this.#capacity = request.length;
    }
    this.#view(this.#buffer, request.length).set(request);
    return this.#read(this.#exports.mesh_call(handler, this.#buffer, request.length));
  }

  #view(at, length) {
    return new Uint8Array(this.#exports.memory.buffer, at, length);
  }

  #read(packed) {
    const bits = BigInt.asUintN(64, packed);
    return this.#view(Number(bits >> 32n), Number(bits & 0xffffffffn)).slice();
  }

  #take(at) {
    this.#view(at >>> 0, this.#waiting.length).set(this.#waiting);
    this.#waiting = new Uint8Array();
  }

  #call(answer, operation, at, length) {
    let number = 0;
    try {
      this.#waiting = answer(operation, this.#view(at, length).slice());
    } catch (e) {
      if (!(e instanceof MeshError)) throw e;
      number = errors[e.code]?.number ?? 1;
      this.#waiting = encodeError(e);
    }
    return (BigInt(number) << 32n) | BigInt(this.#waiting.length);
  }
}
