import { current } from "./call";
import { Reader } from "./codec";
import { Json, object } from "./json";
import { hexDigit } from "./quote";
import { decode } from "./utf";

/** The request with which a client asks to connect. */
export class Handshake {
  method: string = "";
  /** The request's path, still escaped, without the query. */
  path: string = "";
  /** The raw query without the question mark; see queryValue. */
  query: string = "";
  /** Names, in lower case, and values in turn; see header. */
  headers: string[] = [];
  /** The peer's host:port. */
  remoteAddress: string = "";

  /** Returns the first value of a query parameter, unescaped, null where there is none. */
  queryValue(name: string): string | null {
    const pairs = this.query.split("&");
    for (let i = 0; i < pairs.length; i++) {
      const pair = pairs[i];
      const mark = pair.indexOf("=");
      const key = mark < 0 ? pair : pair.slice(0, mark);
      if (pair.length > 0 && unescapeQuery(key) == name) return mark < 0 ? "" : unescapeQuery(pair.slice(mark + 1));
    }
    return null;
  }

  /** Returns the first value of a header, "" where there is none. The case of name does not matter. */
  header(name: string): string {
    const key = name.toLowerCase();
    for (let i = 0; i + 1 < this.headers.length; i += 2) {
      if (this.headers[i] == key) return this.headers[i + 1];
    }
    return "";
  }

  /** Returns the first value of a cookie as it was sent, null where there is none. */
  cookie(name: string): string | null {
    for (let i = 0; i + 1 < this.headers.length; i += 2) {
      if (this.headers[i] != "cookie") continue;
      const pairs = this.headers[i + 1].split(";");
      for (let n = 0; n < pairs.length; n++) {
        const pair = pairs[n].trim();
        const mark = pair.indexOf("=");
        if (mark >= 0 && pair.slice(0, mark) == name) return pair.slice(mark + 1);
      }
    }
    return null;
  }

  /** Reads the call that is being answered. For the kit's own use. */
  static read(): Handshake {
    const detail = current.detail;
    const r = new Reader().open(detail.start, detail.length, null);
    const h = new Handshake();
    h.method = r.string();
    h.path = r.string();
    h.query = r.string();
    h.headers = r.strings();
    h.remoteAddress = r.string();
    return h;
  }
}

/** Who a connection is, and what it starts with: what an authenticate hook returns. */
export function identity(
  /** The authenticated user, at most 256 bytes without control characters; "" leaves the connection anonymous. */
  user: string,
  /** Becomes the connection's metadata; none leaves null. */
  metadata: Json = Json.none,
): Json {
  const o = object().text("user", user);
  if (metadata.exists) o.raw("metadata", metadata);
  return o.json();
}

/** Decodes %XX and +; what is no escape stays as it is. */
function unescapeQuery(s: string): string {
  if (s.indexOf("%") < 0 && s.indexOf("+") < 0) return s;
  const raw = Uint8Array.wrap(String.UTF8.encode(s));
  const bytes = new Uint8Array(raw.length);
  let size = 0;
  for (let i = 0; i < raw.length; i++) {
    let c: u8 = raw[i];
    if (c == 0x2b) c = 0x20;
    else if (c == 0x25 && i + 2 < raw.length) {
      const high = hexDigit(raw[i + 1]);
      const low = hexDigit(raw[i + 2]);
      if (high >= 0 && low >= 0) {
        c = <u8>(high << 4 | low);
        i += 2;
      }
    }
    bytes[size++] = c;
  }
  return decode(bytes.dataStart, size);
}
