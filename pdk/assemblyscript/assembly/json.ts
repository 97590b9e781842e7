import { Fields } from "./fields";
import { floatText, isInt, intLength, parseInt64, writeInt } from "./number";
import { quotedLength, unquote, writeQuoted } from "./quote";
import { Reply } from "./reply";
import { escaped, isSpace, skipSpace, skipText, skipValue } from "./scan";
import { decode, isText, utf8Length, writeUtf8 } from "./utf";

/** How many bytes before a value that the kit has built are free for the header of a reply. */
// @ts-ignore: decorator
@inline export const HEADER: usize = 16;

/**
 * The text of one JSON value, or none. What the host hands to a plugin is valid
 * JSON; of other text the methods read what they can. They work on the bytes
 * themselves, without building a tree or converting what is not asked for.
 *
 * What a Call returns lies in memory that the next call uses again: `copy` what
 * must outlive the handler. Everything else lasts as long as it is held.
 *
 * Reading several members of an object scans it once for each; of large objects
 * walk over `members`.
 */
export class Json extends Reply {
  /** No value, which is something else than null. */
  static readonly none: Json = new Json();

  /** Where the bytes are. For the kit's own use. */
  start: usize = 0;
  /** How many bytes there are. */
  length: i32 = 0;
  /** Keeps the memory; null: it is the request's. */
  protected owner: ArrayBuffer | null = null;
  /** Whether HEADER bytes before it are the value's own. For the kit's own use. */
  hasHeader: bool = false;

  /** Returns a value over bytes that lie somewhere. For the kit's own use. */
  static view(start: usize, length: i32, owner: ArrayBuffer | null): Json {
    const j = new Json();
    j.start = start;
    j.length = length;
    j.owner = owner;
    return j;
  }

  /** Returns a value with so many bytes, to be filled. For the kit's own use. */
  static make(length: i32): Json {
    const owner = new ArrayBuffer(<i32>HEADER + length);
    const j = Json.view(changetype<usize>(owner) + HEADER, length, owner);
    j.hasHeader = true;
    return j;
  }

  /** Returns a string. */
  static text(v: string): Json {
    const size = quotedLength(v);
    const j = Json.make(size);
    writeQuoted(j.start, v, size);
    return j;
  }

  /** Returns an integer. */
  static int(v: i64): Json {
    const size = intLength(v);
    const j = Json.make(size);
    writeInt(j.start, v, size);
    return j;
  }

  /** Returns a number; NaN and the infinities are null, as in JavaScript. */
  static float(v: f64): Json {
    return Json.raw(floatText(v));
  }

  /** Returns true or false. */
  static bool(v: bool): Json {
    return Json.raw(v ? "true" : "false");
  }

  /** Returns an array of strings. */
  static texts(v: string[]): Json {
    const a = new ArrayBuilder();
    for (let i = 0; i < v.length; i++) a.text(v[i]);
    return a.json();
  }

  /** Returns the value that a text is the JSON of, which is not checked. */
  static raw(text: string): Json {
    const j = Json.make(utf8Length(text));
    writeUtf8(j.start, text);
    return j;
  }

  /** Returns the value that bytes of UTF-8 are the JSON of; they are neither copied nor checked. */
  static of(bytes: Uint8Array): Json {
    return Json.view(bytes.dataStart, bytes.length, bytes.buffer);
  }

  /** Whether there is a value, null included. */
  get exists(): bool {
    return this.start != 0;
  }

  /** Whether the value is null or there is none. */
  get isNull(): bool {
    return this.length == 0 || this.is("null");
  }

  /** Whether the value is an object. */
  get isObject(): bool {
    return this.first == 0x7b;
  }

  /** Whether the value is an array. */
  get isArray(): bool {
    return this.first == 0x5b;
  }

  /** Whether the value is a string. */
  get isText(): bool {
    return this.first == 0x22;
  }

  /** Whether the value is true or false. */
  get isBool(): bool {
    return this.is("true") || this.is("false");
  }

  /** Whether the value is an integer that 64 bits hold, without fraction and exponent. */
  get isInt(): bool {
    this.asInt();
    return isInt;
  }

  /** Whether the value is a number that is finite in 64 bits. */
  get isNumber(): bool {
    return isFinite(this.asFloat(NaN));
  }

  /**
   * Returns an object's member; none where it has no such, or is none. Of members
   * with one name the last counts, as in JavaScript.
   */
  get(name: string): Json {
    let found = Json.none;
    for (const m = this.members(); m.next(); ) {
      if (m.is(name)) found = m.value;
    }
    return found;
  }

  /** Returns an array's item, counted from 0; none where it has no such, or is none. */
  at(index: i32): Json {
    for (const i = this.items(); i.next(); index--) {
      if (index == 0) return i.value;
    }
    return Json.none;
  }

  /**
   * Walks over an object's members in their order, over nothing where the value
   * is no object: `for (const m = j.members(); m.next(); ) use(m.name, m.value);`
   */
  members(): Members {
    return new Members(this.start, this.start + this.length, this.owner, 0x7b);
  }

  /**
   * Walks over an array's items, over nothing where the value is no array:
   * `for (const i = j.items(); i.next(); ) use(i.value);`
   */
  items(): Items {
    return new Items(this.start, this.start + this.length, this.owner, 0x5b);
  }

  /** Starts reading the value as an object. */
  fields(): Fields {
    return new Fields(this);
  }

  /** Returns a string, unescaped; what is none is `otherwise`. */
  asText(otherwise: string = ""): string {
    if (!this.isText) return otherwise;
    const from = this.from + 1;
    const size = <i32>(this.to - from) - 1;
    return unquote(from, size);
  }

  /** Returns an integer of 64 bits; what is none is `otherwise`. */
  asInt(otherwise: i64 = 0): i64 {
    const from = this.from;
    const v = parseInt64(from, <i32>(this.to - from));
    return isInt ? v : otherwise;
  }

  /** Returns a number; what is none, or not finite, is `otherwise`. */
  asFloat(otherwise: f64 = 0): f64 {
    const from = this.from;
    const to = this.to;
    for (let at = from; at < to; at++) { // parseFloat also reads names, and passes over what follows
      const c = <u32>load<u8>(at);
      if (c - 0x30 > 9 && c != 0x2d && c != 0x2b && c != 0x2e && c != 0x65 && c != 0x45) return otherwise;
    }
    const v = F64.parseFloat(decode(from, <i32>(to - from)));
    return isFinite(v) ? v : otherwise;
  }

  /** Returns true or false; what is neither is `otherwise`. */
  asBool(otherwise: bool = false): bool {
    if (this.is("true")) return true;
    return this.is("false") ? false : otherwise;
  }

  /** Returns an array of strings, null where it is none. */
  asTexts(): string[] | null {
    if (!this.isArray) return null;
    const list: string[] = [];
    for (const i = this.items(); i.next(); ) {
      if (!i.value.isText) return null;
      list.push(i.value.asText());
    }
    return list;
  }

  /** Returns the value in memory of its own, to outlive the call. */
  copy(): Json {
    if (!this.exists) return Json.none;
    const j = Json.make(this.length);
    memory.copy(j.start, this.start, this.length);
    return j;
  }

  /** Returns a copy of the bytes. */
  toBytes(): Uint8Array {
    const bytes = new Uint8Array(this.length);
    memory.copy(bytes.dataStart, this.start, this.length);
    return bytes;
  }

  /** Returns the JSON text; "" where there is none. */
  toString(): string {
    return decode(this.start, this.length);
  }

  /** The first byte, which tells the kind; 0 where there is none. */
  private get first(): u32 {
    const from = this.from;
    return from < this.start + this.length ? load<u8>(from) : 0;
  }

  /** Where the value begins behind white space, of which there is seldom any. */
  private get from(): usize {
    return skipSpace(this.start, this.start + this.length);
  }

  /** Where it ends before white space. */
  private get to(): usize {
    let end = this.start + this.length;
    while (end > this.start && isSpace(load<u8>(end - 1))) end--;
    return end;
  }

  private is(word: string): bool {
    const from = this.from;
    return this.to - from == word.length && isText(from, word.length, word);
  }
}

/** Walks over the items of an array, see Json.items. */
export class Items {
  /** The item that next has found. */
  value: Json = Json.none;
  protected at: usize;

  constructor(
    start: usize,
    protected end: usize,
    private owner: ArrayBuffer | null,
    bracket: u32,
  ) {
    const at = skipSpace(start, end);
    this.at = at < end && load<u8>(at) == bracket ? skipSpace(at + 1, end) : 0;
  }

  /** Moves to the next one, the first at first, and tells whether there is one. */
  next(): bool {
    const start = this.at;
    const end = this.end;
    this.at = 0;
    if (start == 0 || start >= end) return false;
    const to = skipValue(start, end);
    if (to == 0) return false;
    this.value = Json.view(start, <i32>(to - start), this.owner);
    const comma = skipSpace(to, end);
    if (comma < end && load<u8>(comma) == 0x2c) this.at = skipSpace(comma + 1, end);
    return true;
  }
}

/** Walks over the members of an object, see Json.members. */
export class Members extends Items {
  private key: usize = 0;
  private keyLength: i32 = 0;
  private keyEscaped: bool = false;

  /** The member's name. */
  get name(): string {
    return unquote(this.key, this.keyLength);
  }

  /** Whether the member has this name. */
  is(name: string): bool {
    return this.keyEscaped ? this.name == name : isText(this.key, this.keyLength, name);
  }

  next(): bool {
    const key = this.at;
    const end = this.end;
    this.at = 0;
    if (key == 0 || key >= end || load<u8>(key) != 0x22) return false;
    const to = skipText(key, end);
    if (to == 0) return false;
    this.key = key + 1;
    this.keyLength = <i32>(to - key) - 2;
    this.keyEscaped = escaped;
    const colon = skipSpace(to, end);
    if (colon >= end || load<u8>(colon) != 0x3a) return false;
    this.at = skipSpace(colon + 1, end);
    return super.next();
  }
}

/** What ObjectBuilder and ArrayBuilder have in common: text that grows. */
export class Builder extends Json {
  private capacity: i32 = 64;

  constructor(bracket: u32) {
    super();
    const owner = new ArrayBuffer(<i32>HEADER + 64);
    this.owner = owner;
    this.hasHeader = true;
    this.start = changetype<usize>(owner) + HEADER;
    this.length = 1;
    store<u8>(this.start, bracket);
  }

  /** Adds room for so many bytes and returns where they are. */
  protected room(size: i32): usize {
    const length = this.length;
    const needed = length + size;
    if (needed > this.capacity) this.grow(needed);
    this.length = needed;
    return this.start + length;
  }

  private grow(needed: i32): void {
    const capacity = max(needed, this.capacity << 1);
    const owner = new ArrayBuffer(<i32>HEADER + capacity);
    const start = changetype<usize>(owner) + HEADER;
    memory.copy(start, this.start, this.length);
    this.owner = owner;
    this.start = start;
    this.capacity = capacity;
  }

  protected comma(): void {
    if (this.length > 1) store<u8>(this.room(1), 0x2c);
  }

  protected putText(v: string): void {
    const size = quotedLength(v);
    writeQuoted(this.room(size), v, size);
  }

  protected putInt(v: i64): void {
    const size = intLength(v);
    writeInt(this.room(size), v, size);
  }

  /** Adds ASCII text as it is. */
  protected put(text: string): void {
    writeUtf8(this.room(text.length), text);
  }

  protected putRaw(v: Json): void {
    if (!v.exists) return this.put("null");
    memory.copy(this.room(v.length), v.start, v.length);
  }

  protected putTexts(v: string[]): void {
    store<u8>(this.room(1), 0x5b);
    for (let i = 0; i < v.length; i++) {
      if (i > 0) store<u8>(this.room(1), 0x2c);
      this.putText(v[i]);
    }
    store<u8>(this.room(1), 0x5d);
  }
}

/**
 * Writes a JSON object member by member:
 * `object().int("n", n).text("user", user).json()`.
 * It does not look for members written twice. It must not be used after json.
 */
export class ObjectBuilder extends Builder {
  constructor() {
    super(0x7b);
  }

  /** Adds an integer. */
  int(name: string, v: i64): this {
    this.name(name);
    this.putInt(v);
    return this;
  }

  /** Adds a number; NaN and the infinities are null. */
  float(name: string, v: f64): this {
    this.name(name);
    this.put(floatText(v));
    return this;
  }

  /** Adds a string. */
  text(name: string, v: string): this {
    this.name(name);
    this.putText(v);
    return this;
  }

  /** Adds true or false. */
  bool(name: string, v: bool): this {
    this.name(name);
    this.put(v ? "true" : "false");
    return this;
  }

  /** Adds an array of strings. */
  texts(name: string, v: string[]): this {
    this.name(name);
    this.putTexts(v);
    return this;
  }

  /** Adds a JSON value as it is, none as null. */
  raw(name: string, v: Json): this {
    this.name(name);
    this.putRaw(v);
    return this;
  }

  /** Whether nothing has been added. */
  get isEmpty(): bool {
    return this.length == 1;
  }

  /** Ends the object and returns it. */
  json(): Json {
    store<u8>(this.room(1), 0x7d);
    return this;
  }

  private name(name: string): void {
    this.comma();
    this.putText(name);
    store<u8>(this.room(1), 0x3a);
  }
}

/** Writes a JSON array item by item, like ObjectBuilder: `array().int(1).json()`. */
export class ArrayBuilder extends Builder {
  constructor() {
    super(0x5b);
  }

  /** Adds an integer. */
  int(v: i64): this {
    this.comma();
    this.putInt(v);
    return this;
  }

  /** Adds a number; NaN and the infinities are null. */
  float(v: f64): this {
    this.comma();
    this.put(floatText(v));
    return this;
  }

  /** Adds a string. */
  text(v: string): this {
    this.comma();
    this.putText(v);
    return this;
  }

  /** Adds true or false. */
  bool(v: bool): this {
    this.comma();
    this.put(v ? "true" : "false");
    return this;
  }

  /** Adds a JSON value as it is, none as null. */
  raw(v: Json): this {
    this.comma();
    this.putRaw(v);
    return this;
  }

  /** Ends the array and returns it. */
  json(): Json {
    store<u8>(this.room(1), 0x5d);
    return this;
  }
}

/** Starts a JSON object. */
export function object(): ObjectBuilder {
  return new ObjectBuilder();
}

/** Starts a JSON array. */
export function array(): ArrayBuilder {
  return new ArrayBuilder();
}
