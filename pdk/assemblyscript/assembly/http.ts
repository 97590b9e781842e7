import { callHTTPFetch, HTTPFetchResult } from "./generated/operations";
import { Json } from "./json";
import { decode, utf8Length, writeUtf8 } from "./utf";
import { Outcome } from "./host";

/** An HTTP request: `new HTTPRequest("https://…")`, and what else it needs. */
export class HTTPRequest {
  /** GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS; "": GET. */
  method: string = "";
  /** Names and values in turn; null: none. See header. */
  headers: string[] | null = null;
  /** What is sent, null: nothing. See text and json. */
  body: Uint8Array | null = null;
  /** Milliseconds until the whole answer must be there; 0: as long as the operator allows, which also bounds it. */
  timeout: i64 = 0;

  constructor(
    /** http:// or https://, at most 8192 bytes, without user and password. */
    public url: string,
  ) {}

  /** Adds a header and returns the request. Host and those of the connection itself cannot be set. */
  header(name: string, value: string): this {
    let headers = this.headers;
    if (headers === null) headers = [];
    headers.push(name);
    headers.push(value);
    this.headers = headers;
    return this;
  }

  /** Sends a text, in UTF-8, and returns the request. */
  text(body: string): this {
    const bytes = new Uint8Array(utf8Length(body));
    writeUtf8(bytes.dataStart, body);
    this.body = bytes;
    return this;
  }

  /** Sends a JSON value, with the header that says so, and returns the request. */
  json(body: Json): this {
    this.body = body.toBytes();
    return this.header("content-type", "application/json");
  }
}

/** What has come back. */
export class HTTPResponse extends Outcome {
  /** The status, such as 200. An error status is an answer too: the outcome has not failed. */
  status: i32 = 0;
  /** Names in lower case and values in turn, sorted by name; see header. */
  headers: string[] = [];
  /** What came, decoded where it was compressed; null: nothing. */
  body: Uint8Array | null = null;

  /** Returns the first value of a header, "" where there is none. The case of name does not matter. */
  header(name: string): string {
    const key = name.toLowerCase();
    for (let i = 0; i + 1 < this.headers.length; i += 2) {
      if (this.headers[i] == key) return this.headers[i + 1];
    }
    return "";
  }

  /** Returns the body as text; what is no UTF-8 becomes U+FFFD. */
  text(): string {
    const body = this.body;
    return body === null ? "" : decode(body.dataStart, body.length);
  }

  /** Returns the body as JSON, which is not checked; none where there is none. */
  json(): Json {
    const body = this.body;
    return body === null ? Json.none : Json.of(body);
  }
}

/** HTTP to the hosts that the operator has allowed for the plugin. */
export class HTTP {
  /**
   * Makes one request and follows redirects to allowed hosts. The error is EDENIED
   * for any other address, EUNAVAILABLE where no answer comes, ETIMEOUT where it
   * comes too late, ETOOLARGE where it is too large.
   */
  static fetch(q: HTTPRequest): HTTPResponse {
    const r = callHTTPFetch(q.url, q.method, q.headers, q.body, q.timeout);
    const response = new HTTPResponse();
    response.error = r.error;
    response.status = <i32>r.status;
    response.headers = r.headers;
    response.body = r.body;
    return response;
  }
}
