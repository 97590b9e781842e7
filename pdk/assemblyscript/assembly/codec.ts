// The codec in which the host and a plugin talk: a message is its fields in a
// fixed order, each a 32-bit length and its bytes, all numbers little-endian.

import { Buffer } from "./buffer";
import { Json } from "./json";
import { decode, utf8Length, writeUtf8 } from "./utf";

/** The length that marks a field as not there; 0 is an empty field. */
// @ts-ignore: decorator
@inline export const ABSENT: u32 = 0xffff_ffff;

/** Writes the fields of a message into a buffer, one after another. */
export class Writer extends Buffer {
  /** Adds a field that is not there. */
  absent(): void {
    store<u32>(this.add(4), ABSENT);
  }

  /** Adds a text; the empty one is empty, not absent. */
  string(v: string): void {
    const size = utf8Length(v);
    const at = this.add(4 + size);
    store<u32>(at, size);
    writeUtf8(at + 4, v);
  }

  /** Adds a text, the empty one as absent. */
  optionalString(v: string): void {
    if (v.length == 0) this.absent();
    else this.string(v);
  }

  /** Adds JSON, none as absent. */
  json(v: Json): void {
    if (!v.exists) this.absent();
    else this.raw(v.start, v.length);
  }

  /** Adds bytes, null as absent. */
  bytes(v: Uint8Array | null): void {
    if (v === null) this.absent();
    else this.raw(v.dataStart, v.length);
  }

  /** Adds the bytes at an address. */
  raw(from: usize, size: i32): void {
    const at = this.add(4 + size);
    store<u32>(at, size);
    memory.copy(at + 4, from, size);
  }

  /** Adds an integer, 8 bytes in two's complement. */
  int(v: i64): void {
    const at = this.add(12);
    store<u32>(at, 8);
    store<i64>(at, v, 4);
  }

  /** Adds an integer, 0 as absent. */
  optionalInt(v: i64): void {
    if (v == 0) this.absent();
    else this.int(v);
  }

  /** Adds a boolean, 1 byte. */
  bool(v: bool): void {
    const at = this.add(5);
    store<u32>(at, 1);
    store<u8>(at, v, 4);
  }

  /** Adds a list, null as absent. */
  strings(v: string[] | null): void {
    if (v === null) return this.absent();
    const mark = this.begin();
    store<u32>(this.add(4), v.length);
    for (let i = 0; i < v.length; i++) this.string(v[i]);
    this.end(mark);
  }

  /** Opens a field whose length is not known yet; end closes it. */
  begin(): usize {
    this.add(4);
    return this.length;
  }

  /** Writes the length of the field that begin has opened. */
  end(mark: usize): void {
    store<u32>(this.start + mark - 4, <u32>(this.length - mark));
  }
}

/** What is wrong with a message. */
export enum Malformed {
  /** Nothing. */
  No,
  /** A length runs past the end of the message. */
  Truncated,
  /** The bytes are there, but do not fit the type. */
  Size,
}

/**
 * Reads the fields of a message in order. Fields missing from its end read as
 * absent. The first malformed field ends the reading.
 */
export class Reader {
  /** What was wrong with a field read so far. */
  malformed: Malformed = Malformed.No;
  /** Where the bytes of the last field are, which next has found. */
  at: usize = 0;
  /** How many there are. */
  size: i32 = 0;
  private rest: usize = 0;
  private limit: usize = 0;
  private owner: ArrayBuffer | null = null;

  /** Starts reading; owner is what keeps the message's memory, if anything does. */
  open(at: usize, size: usize, owner: ArrayBuffer | null): this {
    this.malformed = Malformed.No;
    this.rest = at;
    this.limit = at + size;
    this.owner = owner;
    return this;
  }

  /** Whether the next field is not absent, as far as can be seen without reading it. */
  peek(): bool {
    return this.limit - this.rest < 4 ? this.limit != this.rest : load<u32>(this.rest) != ABSENT;
  }

  /** Finds the next field, and tells whether it is there. */
  next(): bool {
    this.size = 0;
    if (this.malformed != Malformed.No || this.rest == this.limit) return false;
    if (this.limit - this.rest < 4) return this.fail(Malformed.Truncated);
    const size = load<u32>(this.rest);
    this.rest += 4;
    if (size == ABSENT) return false;
    if (<usize>size > this.limit - this.rest) return this.fail(Malformed.Truncated);
    this.at = this.rest;
    this.size = size;
    this.rest += size;
    return true;
  }

  /** Returns the next field as text, "" where it is absent. */
  string(): string {
    return this.next() ? decode(this.at, this.size) : "";
  }

  /** Returns the next field as JSON, none where it is absent. */
  json(): Json {
    return this.next() ? Json.view(this.at, this.size, this.owner) : Json.none;
  }

  /** Returns a copy of the next field, null where it is absent. */
  bytes(): Uint8Array | null {
    if (!this.next()) return null;
    const copy = new Uint8Array(this.size);
    memory.copy(copy.dataStart, this.at, this.size);
    return copy;
  }

  /** Returns the next field as an integer, 0 where it is absent. */
  int(): i64 {
    if (!this.next()) return 0;
    if (this.size == 8) return load<i64>(this.at);
    this.fail(Malformed.Size);
    return 0;
  }

  /** Returns the next field as a boolean, false where it is absent. */
  bool(): bool {
    if (!this.next()) return false;
    if (this.size == 1 && load<u8>(this.at) <= 1) return load<u8>(this.at) == 1;
    return this.fail(Malformed.Size);
  }

  /** Returns the next field as a list, an empty one where it is absent. */
  strings(): string[] {
    if (!this.next()) return [];
    const count = this.size < 4 ? ABSENT : load<u32>(this.at);
    if (this.size < 4 || count > <u32>(this.size - 4) / 4) {
      this.fail(Malformed.Size);
      return [];
    }
    const items = new Reader().open(this.at + 4, this.size - 4, null);
    const list = new Array<string>(count);
    for (let i = 0; i < <i32>count; i++) {
      if (!items.next()) {
        this.fail(Malformed.Size);
        return [];
      }
      list[i] = decode(items.at, items.size);
    }
    if (items.rest != items.limit) {
      this.fail(Malformed.Size);
      return [];
    }
    return list;
  }

  private fail(why: Malformed): bool {
    this.malformed = why;
    this.size = 0;
    return false;
  }
}
