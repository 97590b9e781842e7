import { badPayload, MeshError } from "./error";
import { Json } from "./json";

/**
 * Reads an object's members by name and type, and remembers the first thing
 * wrong with it as an EPAYLOAD error that names the member:
 *
 *     const f = c.fields();
 *     const a = f.int("a"), b = f.int("b");
 *     if (f.failed) return f.error;
 *
 * After a failure every method returns its type's zero value.
 */
export class Fields {
  /** The first failure, with the code EPAYLOAD, or null. */
  error: MeshError | null = null;

  constructor(private source: Json) {}

  /** Whether anything was wrong so far. */
  get failed(): bool {
    return this.error !== null;
  }

  /** Whether the member is there and not null; optional members are read after asking. */
  has(name: string): bool {
    return !this.source.get(name).isNull;
  }

  /** Returns a member of any type, null included. */
  value(name: string): Json {
    if (this.failed) return Json.none;
    const v = this.source.get(name);
    if (!v.exists) {
      if (this.source.isObject) this.fail(name, "is missing");
      else this.fail("", "must be an object");
    }
    return v;
  }

  /** Returns a string, unescaped. */
  text(name: string): string {
    const v = this.value(name);
    if (!v.isText) this.fail(name, "must be text");
    return v.asText();
  }

  /** Returns an integer of 64 bits. */
  int(name: string): i64 {
    const v = this.value(name);
    if (!v.isInt) this.fail(name, "must be an integer");
    return v.asInt();
  }

  /** Returns a number. */
  float(name: string): f64 {
    const v = this.value(name);
    if (!v.isNumber) this.fail(name, "must be a number");
    return v.asFloat();
  }

  /** Returns true or false. */
  bool(name: string): bool {
    const v = this.value(name);
    if (!v.isBool) this.fail(name, "must be true or false");
    return v.asBool();
  }

  /** Returns an array of strings. */
  texts(name: string): string[] {
    const list = this.value(name).asTexts();
    if (list !== null) return list;
    this.fail(name, "must be a list of text");
    return [];
  }

  /** Returns a member that is an object. */
  object(name: string): Json {
    const v = this.value(name);
    if (!v.isObject) this.fail(name, "must be an object");
    return v;
  }

  /** Records a failure, unless an earlier one explains it. */
  fail(name: string, problem: string): void {
    if (this.error === null) this.error = badPayload(name, problem);
  }
}
