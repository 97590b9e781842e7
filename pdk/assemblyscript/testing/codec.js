// The codec of abi/ABI.md, from the host's side.

const ABSENT = 0xffffffff;
const utf8 = new TextEncoder();
const text = new TextDecoder("utf-8", { fatal: true });

/** Writes the fields of a message, one after another. */
export class Writer {
  #parts = [];
  #size = 0;

  #push(bytes) {
    this.#parts.push(bytes);
    this.#size += bytes.length;
    return this;
  }

  #length(n) {
    const b = new Uint8Array(4);
    new DataView(b.buffer).setUint32(0, n, true);
    return this.#push(b);
  }

  /** Adds a field of a type; null or undefined is absent. */
  field(type, value) {
    if (value === null || value === undefined) return this.#length(ABSENT);
    const bytes = encoders[type](value);
    return this.#length(bytes.length).#push(bytes);
  }

  /** Returns the message. */
  bytes() {
    const all = new Uint8Array(this.#size);
    let at = 0;
    for (const part of this.#parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }
}

const encoders = {
  string: (v) => utf8.encode(v),
  json: (v) => (typeof v === "string" ? utf8.encode(v) : v),
  bytes: (v) => (typeof v === "string" ? utf8.encode(v) : v),
  int(v) {
    const b = new Uint8Array(8);
    new DataView(b.buffer).setBigInt64(0, BigInt(v), true);
    return b;
  },
  bool: (v) => Uint8Array.of(v ? 1 : 0),
  strings(list) {
    const count = new Uint8Array(4);
    new DataView(count.buffer).setUint32(0, list.length, true);
    const w = new Writer();
    for (const v of list) w.field("string", v);
    return Buffer.concat([count, w.bytes()]);
  },
};

/** Reads the fields of a message in order; what is missing from its end is absent. */
export class Reader {
  #bytes;
  #at = 0;

  constructor(bytes) {
    this.#bytes = bytes;
  }

  /** Whether everything has been read. */
  get ended() {
    return this.#at === this.#bytes.length;
  }

  /** Returns the next field of a type, null where it is absent. Malformed ones throw. */
  field(type) {
    const left = this.#bytes.length - this.#at;
    if (left === 0) return null;
    if (left < 4) throw new Error("malformed message: truncated");
    const size = this.#uint32(this.#at);
    this.#at += 4;
    if (size === ABSENT) return null;
    if (size > left - 4) throw new Error("malformed message: truncated");
    const bytes = this.#bytes.slice(this.#at, (this.#at += size));
    return decoders[type](bytes);
  }

  #uint32(at) {
    const b = this.#bytes;
    return (b[at] | (b[at + 1] << 8) | (b[at + 2] << 16) | (b[at + 3] << 24)) >>> 0;
  }
}

const decoders = {
  string: (b) => text.decode(b),
  json: (b) => text.decode(b),
  bytes: (b) => b,
  int(b) {
    if (b.length !== 8) throw new Error("malformed message: an integer of another size");
    const v = new DataView(b.buffer, b.byteOffset).getBigInt64(0, true);
    return v >= Number.MIN_SAFE_INTEGER && v <= Number.MAX_SAFE_INTEGER ? Number(v) : v;
  },
  bool(b) {
    if (b.length !== 1 || b[0] > 1) throw new Error("malformed message: a boolean that is none");
    return b[0] === 1;
  },
  strings(b) {
    const count = new DataView(b.buffer, b.byteOffset, b.length).getUint32(0, true);
    const r = new Reader(b.subarray(4));
    const list = [];
    while (!r.ended) list.push(r.field("string"));
    if (list.length !== count) throw new Error("malformed message: a list that does not come out even");
    return list;
  },
};

/** Writes the fields of a table, [[name, type, optional], …], from an object. */
export function encode(fields, value) {
  const w = new Writer();
  for (const [name, type, optional] of fields) {
    const v = value[name];
    w.field(type, optional && (type === "string" || type === "int") && !v ? null : v);
  }
  return w.bytes();
}

/** Reads the fields of a table into an object; what is absent is null. */
export function decode(fields, bytes) {
  const r = new Reader(bytes);
  const value = {};
  for (const [name, type] of fields) value[name] = r.field(type);
  return value;
}
