import type { Status } from "./connection"
import type { MeshError } from "./errors"
import type { Frame } from "./frames"

/** Commands by name, each as a function of its payload: `{ add(terms: {a: number, b: number}): number }`. */
export type Commands = Record<string, (payload?: any) => any>

/** What each push brings, by its name. */
export type Pushes = Record<string, any>

/** The events of a client that are its own; pushes come under their names beside them. */
export interface ClientEvents {
  /** Connected, and everything restored; the first time since the client was made, or closed, or again. */
  connect: [{ isInitialConnection: boolean }]
  /** The connection is over, with the close code of RFC 6455 and the protocol. */
  disconnect: [code: number, reason: string]
  /** Connected again, and everything restored; after `connect`. */
  reconnect: []
  /** There will be no further attempt: too many have failed, or the server closed with 4000 to 4099. */
  reconnectfailed: [MeshError]
  /** The server's measure of the round trip, in ms. */
  latency: [number]
  /** Each frame, before anything else is done with it. */
  message: [Frame]
  /** Each push, by its name: also those that are called like an event. */
  push: [{ command: string; payload: unknown }]
  /** A callback threw, an attempt to connect failed, the server sent rubbish. */
  error: [Error]
  /** `offline`, `connecting`, `online` or `reconnecting`. */
  status: [Status]
  /** A subscription has ended without being asked to. */
  unsubscribed: [{ kind: string; name: string; reason: string }]
}

/** The names of ClientEvents: a push of such a name is the event `push` only. */
const own: Record<keyof ClientEvents, true> = {
  connect: true, disconnect: true, reconnect: true, reconnectfailed: true, latency: true,
  message: true, push: true, error: true, status: true, unsubscribed: true,
}

/** Is this the name of a client's own event? */
export function isOwn(name: string): boolean {
  return Object.hasOwn(own, name)
}

/** The names of a client's events: its own, and those of pushes. */
export type EventName<P> = keyof ClientEvents | (keyof P & string)

/** What a listener of an event is called with. */
export type EventValues<P, Name> = Name extends keyof ClientEvents ? ClientEvents[Name] : Name extends keyof P ? [payload: P[Name]] : never

/** Called with what an event carries; what it returns is passed over, save a promise's rejection. */
export type EventListener<P, Name> = (...values: EventValues<P, Name>) => unknown
