/** What a plugin answers with, or a host operation, to say that it has failed. */
export class MeshError extends Error {
  constructor(code: string, message?: string, more?: { name?: string; data?: unknown; http?: number });
  code: string;
  data: unknown;
  http: number;
}

/** Who calls; without a connectionId "c1". */
export interface Client {
  connectionId?: string;
  user?: string;
  metadata?: unknown;
  locals?: unknown;
}

/** Loads a plugin from its file, or its bytes. */
export function load(source: string | URL | Uint8Array, options?: { config?: object }): Promise<TestHost>;

/** A host with one instance of a plugin. Everything it has is in memory and starts empty. */
export class TestHost {
  /** The settings that the plugin reads. */
  config: object;
  /** The plugin's store: keys and the JSON text of their values. */
  kv: Map<string, string>;
  /** What was logged, in order. */
  logged: { level: string; message: string }[];
  /** What was pushed to clients, in order. */
  sent: { operation: string; command: string; payload: unknown; to?: string[]; roomName?: string; exclude: string[] | null }[];
  /** Every host call, in order. */
  calls: { operation: string; request: Record<string, any> }[];
  /** The registration document. */
  registration: Record<string, any>;
  /** How many bytes of memory the plugin has. */
  readonly memorySize: number;

  /** Sets what a host operation answers; JSON fields are text. It may throw a MeshError. */
  answer(operation: string, fn: object | ((request: Record<string, any>) => object)): void;
  /** Calls a command as a client does, and returns its reply; an error is thrown. */
  command(name: string, payload?: unknown, client?: Client): any;
  /** Calls a middleware on a command's way. */
  middleware(name: string, command: string, payload?: unknown, client?: Client): { payload?: unknown; locals?: unknown; reply?: unknown };
  /** Asks a guard; it throws where it refuses. */
  guard(name: string, access: { topic: string; action: string; name: string; strategy?: string; value?: unknown }, client?: Client): void;
  /** Calls the hook of an event; an error is thrown. */
  hook(event: string, detail?: Record<string, unknown>, client?: Client): void;
  /** Asks the authenticate hook; null where it has nothing to say. It throws where it refuses. */
  authenticate(request?: { method?: string; path?: string; query?: string; headers?: Record<string, string>; remoteAddress?: string }): { user: string; metadata?: unknown } | null;
  /** Asks the resolver of the exposure with a pattern for a collection's records. */
  resolve(pattern: string, collectionId: string, client?: Client): string[];
  /** Runs a schedule; an error is thrown. */
  schedule(name: string): void;
}
