import type { ChannelStore } from "./store"
import { longest } from "./timers"

/** What the client needs of a WebSocket; the browser's, Node's and that of the package `ws` have it. */
export interface WebSocketLike {
  /** 1 while frames can be sent. */
  readonly readyState: number
  /** Called with each frame. */
  onmessage: ((event: { data: unknown }) => void) | null
  /** Called when the connection is over. */
  onclose: ((event: { code: number; reason: string }) => void) | null
  /** Called when the connection could not be made, or broke. */
  onerror: ((event: unknown) => void) | null
  /** Sends a frame of text. */
  send(text: string): void
  /** Ends the connection. */
  close(code?: number, reason?: string): void
  /** Ends the connection without waiting for the server; of the package `ws` only. */
  terminate?(): void
}

/** Makes a WebSocket. */
export type WebSocketConstructor = new (url: string, protocols?: string | string[]) => WebSocketLike

/** What a `MeshClient` may be told. Times are in milliseconds. */
export interface MeshClientOptions {
  /** How long nothing may come of the server until that counts as a missed ping. Default 30000; as long as the server's `liveness.ping_interval`. 0: never. */
  pingTimeout?: number
  /** How many pings in a row may be missed; with one more the connection is given up. Default 1. */
  maxMissedPings?: number
  /** Whether a connection that was lost is made again by itself. Default true. One that the server closed with 4000 to 4099 never is. */
  shouldReconnect?: boolean
  /** The bound of the first pause before connecting again; it doubles with each attempt until a connection has lasted 5 s. A pause is a random time from 0 up to its bound. Default 2000. */
  reconnectInterval?: number
  /** What the bound of a pause grows to. Default 30000. */
  maxReconnectInterval?: number
  /** How many attempts in a row may fail until `reconnectfailed`. Default Infinity. */
  maxReconnectAttempts?: number
  /** Whether `connect()` goes on trying, with pauses, instead of rejecting when each address has failed once. Default false. */
  retryConnect?: boolean
  /** How long an attempt to connect may take. Default 10000. */
  connectTimeout?: number
  /** A token for the handshake, asked for at each attempt; null for none. It is sent as the query's `token`. It has `connectTimeout`, and where it fails, so does the attempt. */
  getToken?: () => string | null | undefined | Promise<string | null | undefined>
  /** How the query's parameter with the token is called. Default "token". */
  tokenParameter?: string
  /**
   * Called on each new connection before anything else is done with it: what it calls goes ahead of
   * all that is restored and of calls that waited, and fails with `ECONNECTION` once that
   * connection is over. For servers on which a command says who one is.
   * It may take as long as `callTimeout`; what it throws becomes the event `error`.
   */
  prepare?: (call: (command: string, payload?: unknown) => Promise<any>) => unknown
  /** How long a call waits for its reply, from when it was made. Default 30000. */
  callTimeout?: number
  /** How many calls may wait for a connection; further ones, and with 0 all of them, fail at once with `EOFFLINE`. Default 1000. */
  offlineQueue?: number
  /** Whether `command` resolves with the payload `{error, code, name}` of a failed command, as older clients did, instead of rejecting. Default false. */
  resolveErrors?: boolean
  /** Makes text of a channel message. Default: a string as it is, all else as JSON. */
  encode?: (message: unknown) => string
  /** Makes a channel message of text. Default: the text as it is. */
  decode?: (text: string) => unknown
  /** Keeps the messages of channels and where each was left, so that a page that is loaded again goes on from there. Default: nothing is kept. */
  store?: ChannelStore
  /** The WebSocket to use, where the platform has none (Node before 22: `import WebSocket from "ws"`). */
  WebSocket?: unknown
}

/** The options with their defaults. */
export type Settings = Required<Omit<MeshClientOptions, "getToken" | "prepare" | "store" | "WebSocket">> &
  Pick<MeshClientOptions, "getToken" | "prepare" | "store"> & { WebSocket: WebSocketConstructor }

/** Fills in the defaults. It throws a TypeError for what cannot be. */
export function settingsOf(options: MeshClientOptions): Settings {
  const settings: Record<string, unknown> = { WebSocket: (globalThis as { WebSocket?: unknown }).WebSocket }
  for (const [name, value] of [...Object.entries(defaults), ...Object.entries(options)]) settings[name] = value ?? settings[name]
  if (typeof settings.WebSocket !== "function") {
    throw new TypeError('There is no WebSocket: before Node 22 give the option WebSocket, that of the package "ws"')
  }
  for (const [name, standard] of Object.entries(defaults)) {
    if (typeof standard !== "number") continue
    const value = settings[name]
    if (typeof value !== "number" || !(value >= 0)) throw new TypeError(`${name} must be a number from 0, not ${String(value)}`)
    settings[name] = Math.min(value, longest)
  }
  return settings as Settings
}

const defaults = {
  pingTimeout: 30_000,
  maxMissedPings: 1,
  shouldReconnect: true,
  reconnectInterval: 2_000,
  maxReconnectInterval: 30_000,
  maxReconnectAttempts: Infinity,
  retryConnect: false,
  connectTimeout: 10_000,
  tokenParameter: "token",
  callTimeout: 30_000,
  offlineQueue: 1_000,
  resolveErrors: false,
  encode: (message: unknown): string => (typeof message === "string" ? message : JSON.stringify(message)),
  decode: (text: string): unknown => text,
}
