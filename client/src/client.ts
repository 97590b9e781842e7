import { asText, type CallOptions } from "./calls"
import type { ChannelCallback, ChannelOptions, ChannelSubscribed } from "./channels"
import type { CollectionOptions, CollectionSubscribed } from "./collections"
import type { Status } from "./connection"
import { failure, senseless, type MeshError } from "./errors"
import type { Commands, EventListener, EventName, Pushes } from "./events"
import { member, shape } from "./frames"
import { decodeAll, positionOf, readPast } from "./messages"
import { settingsOf, type MeshClientOptions } from "./options"
import type { PresenceCallback, PresenceSubscribed } from "./presence"
import type { RecordCallback, RecordOptions, RecordSubscribed, WriteOptions } from "./records"
import type { Joined } from "./rooms"
import { Session } from "./session"
import type { PresenceStateOptions } from "./states"

/** The arguments of a command after its name: its payload, which may be left out where the command's may be undefined, and options, or the timeout in ms. */
export type CallArguments<F> = F extends (payload: infer Payload, ...rest: any[]) => any
  ? undefined extends Payload ? [payload?: Payload, options?: CallOptions | number] : [payload: Payload, options?: CallOptions | number]
  : [payload?: any, options?: CallOptions | number]

/**
 * A client of mesh-host: one connection, made again when it is lost, and all that was joined and
 * subscribed to over it.
 *
 * @typeParam C - The commands that the server has; without it all are allowed.
 * @typeParam P - What the server pushes, by name; without it all are allowed.
 */
export class MeshClient<C extends { [Name in keyof C]: (payload?: any) => any } = Commands, P extends object = Pushes> {
  readonly #session: Session

  /** url is the server's address, ws:// or wss://, or several, of which any will do. It throws a TypeError for options that cannot be. */
  constructor(url: string | URL | (string | URL)[], options: MeshClientOptions = {}) {
    const urls = (Array.isArray(url) ? url : [url]).map(String)
    if (urls.length === 0) throw new TypeError("There is no url")
    this.#session = new Session(urls, settingsOf(options))
  }

  // ---- the connection

  get status(): Status {
    return this.#session.connection.status
  }

  /** This connection's id; undefined before the first. Each connection has another. */
  get connectionId(): string | undefined {
    return this.#session.id || undefined
  }

  /**
   * Connects; resolves when online, and everything is restored. Rejects with `ECONNECTION` when each
   * address has failed once (see `retryConnect`) or the server refuses, with `ECLOSED` when closed
   * meanwhile. Called again it waits for the same; after `close` it begins anew.
   *
   * It need not be called: what needs a connection connects, unless the client was closed or the
   * server wants it no more.
   */
  connect(): Promise<void> {
    return this.#session.connect()
  }

  /**
   * Ends the connection and all subscriptions: calls under way fail with `ECONNECTION`, waiting
   * ones with `ECLOSED`. Resolves when the server has closed, too, after 1 s at most. Listeners of
   * events stay.
   */
  close(): Promise<void> {
    return this.#session.close()
  }

  /** Gives the connection up and makes another, at once; also ends a pause between attempts. */
  forceReconnect(): void {
    this.#session.connection.renew(true)
  }

  // ---- events

  /** Calls listener for each event, or push, of this name; returns what ends that. */
  on<Name extends EventName<P>>(name: Name, listener: EventListener<P, Name>): () => void {
    return this.#session.events.on(name, listener)
  }

  /** Calls listener for the next event of this name only; returns what ends that. */
  once<Name extends EventName<P>>(name: Name, listener: EventListener<P, Name>): () => void {
    return this.#session.events.on(name, listener, true)
  }

  /** Ends what `on` or `once` began; without a listener, for all of this name. */
  off<Name extends EventName<P>>(name: Name, listener?: EventListener<P, Name>): this {
    this.#session.events.off(name, listener)
    return this
  }

  /** `on` that returns the client, as event emitters do. */
  addListener<Name extends EventName<P>>(name: Name, listener: EventListener<P, Name>): this {
    this.#session.events.on(name, listener)
    return this
  }

  /** `off`, by its other name. */
  removeListener<Name extends EventName<P>>(name: Name, listener?: EventListener<P, Name>): this {
    return this.off(name, listener)
  }

  /** Ends all listeners of this name, or of all names. */
  removeAllListeners(name?: EventName<P>): this {
    this.#session.events.off(name)
    return this
  }

  /** How many listeners there are of this name. */
  listenerCount(name: EventName<P>): number {
    return this.#session.events.count(name)
  }

  // ---- commands

  /**
   * Calls a command; resolves with its result, or rejects with a `MeshError`. Without a connection
   * it waits for one, see `offlineQueue`. After the payload come options, or the timeout in ms.
   *
   * A result that is an object with the strings `error` and `code` is a failure in the protocol: a
   * command that means it as a success must call its members something else.
   */
  command<Name extends keyof C & string>(name: Name, ...[payload, options]: CallArguments<C[Name]>): Promise<Awaited<ReturnType<C[Name]>>> {
    return this.#session.call(name, payload, typeof options === "number" ? { timeout: options } : options, this.#session.settings.resolveErrors) as Promise<never>
  }

  // ---- channels

  /** Subscribes to a channel. The callback gets all that is published from then on; what was before is in the result's history, newest first. */
  subscribeChannel(channel: string, callback: ChannelCallback, options?: ChannelOptions): Promise<ChannelSubscribed> {
    return this.#session.channels.subscribe(channel, callback, options)
  }

  /** Ends the subscriptions of a callback, or all of a channel; resolves with whether there was one. */
  unsubscribeChannel(channel: string, callback?: ChannelCallback): Promise<boolean> {
    return this.#session.channels.unsubscribe(channel, callback)
  }

  /** `subscribeChannel` by its short name. */
  subscribe(channel: string, callback: ChannelCallback, options?: ChannelOptions): Promise<ChannelSubscribed> {
    return this.subscribeChannel(channel, callback, options)
  }

  /** `unsubscribeChannel` by its short name. */
  unsubscribe(channel: string, callback?: ChannelCallback): Promise<boolean> {
    return this.unsubscribeChannel(channel, callback)
  }

  /** Reads a channel's past, newest first: at most `limit` messages (50), without those up to and with the offset `since`, or from before `sinceTime`, in ms since 1970. */
  getChannelHistory(channel: string, options: { limit?: number; since?: number | string; sinceTime?: number } = {}): Promise<{ success: boolean; history: any[]; epoch?: string; offset?: number; error?: MeshError }> {
    const read = (reply: unknown): { history: any[] } => {
      const past = readPast(reply, channel)
      return { history: decodeAll(past.history, this.#session), ...positionOf(past) }
    }
    return this.#result("mesh/get-channel-history", { channel, ...options }, read, { history: [] })
  }

  /** Publishes on a channel that the server lets clients publish on; resolves with the message's offset, where the channel has a stream. */
  publishChannel(channel: string, message: unknown): Promise<{ success: boolean; offset?: number; error?: MeshError }> {
    const { encode } = this.#session.settings
    // It is read when the payload is made: what encode throws is an EPAYLOAD.
    const payload = { channel, get message() { return asText(encode(message)) } }
    return this.#result("mesh/publish-channel", payload, (reply) => shape<{ success: boolean; offset?: number }>(reply, { success: (value) => value === true }), { success: false })
  }

  // result makes a call whose failure is a result. read takes the reply of a success, and throws
  // where it is none.
  async #result<T extends object>(command: string, payload: { channel: string }, read: (reply: unknown) => T, none: T): Promise<T & { success: boolean; error?: MeshError }> {
    try {
      const reply = await this.#session.call(command, payload)
      if (member(reply, "success") === false) throw failure("EDENIED", `${command} ${payload.channel}`)
      try {
        return { success: true, ...read(reply) }
      } catch (thrown) {
        throw senseless(command, thrown)
      }
    } catch (error) {
      return { success: false, ...none, error: error as MeshError }
    }
  }

  // ---- rooms and presence

  /**
   * Joins a room; with a callback it also subscribes to the room's presence, until `leaveRoom`.
   * Joining again is joining once: another callback takes the place of the first, and without one
   * that stays. The room is joined again after a reconnect; where the server then refuses it for
   * longer, there is the event `unsubscribed` with the kind `room`. The server does not say that it
   * has put a client out of a room: who was put out joins again with the next connection.
   */
  joinRoom(roomName: string, onPresence?: PresenceCallback): Promise<Joined> {
    return this.#session.rooms.join(roomName, onPresence)
  }

  /** Leaves a room, takes one's state there away, and ends the presence subscription that `joinRoom` began, no other. */
  leaveRoom(roomName: string): Promise<{ success: boolean; error?: MeshError }> {
    return this.#session.rooms.leave(roomName)
  }

  /** Follows who is in a room, and what they show of themselves. */
  subscribePresence(roomName: string, callback: PresenceCallback): Promise<PresenceSubscribed> {
    return this.#session.presence.subscribe(roomName, callback)
  }

  /** Ends a callback's subscription, or all of a room; resolves with whether there was one. */
  unsubscribePresence(roomName: string, callback?: PresenceCallback): Promise<boolean> {
    return this.#session.presence.unsubscribe(roomName, callback)
  }

  /**
   * Shows a state to those who follow the presence of a room that this client is in; resolves with
   * whether the server has taken it. After a reconnect it is published again, with the rest of its
   * time, as long as the server takes it. Without a connection it waits for the next one, as a
   * call does; one whose connection is lost before the answer resolves with false, and the one
   * before it stays.
   */
  publishPresenceState(roomName: string, options: PresenceStateOptions): Promise<boolean> {
    return this.#session.states.publish(roomName, options)
  }

  /** Takes one's state in a room away, and does not publish it again; resolves with whether the server says that it has gone. */
  clearPresenceState(roomName: string): Promise<boolean> {
    return this.#session.states.clear(roomName)
  }

  // ---- records and collections

  /** Follows a record. The callback gets each version from then on; the present value is in the result. */
  subscribeRecord<T = any>(recordId: string, callback: RecordCallback<T>, options?: RecordOptions): Promise<RecordSubscribed<T>> {
    return this.#session.records.subscribe(recordId, callback, options)
  }

  /** Ends a callback's subscription, or all of a record; resolves with whether there was one. */
  unsubscribeRecord(recordId: string, callback?: RecordCallback): Promise<boolean> {
    return this.#session.records.unsubscribe(recordId, callback)
  }

  /** Writes a record; resolves with whether the server has taken it. `setRecord` says more. */
  publishRecordUpdate(recordId: string, newValue: unknown, options?: WriteOptions): Promise<boolean> {
    return this.setRecord(recordId, newValue, options).then(() => true, () => false)
  }

  /** Writes a record; resolves with its version, or rejects with why not (`ECONFLICT` with `data.version`). */
  setRecord(recordId: string, newValue: unknown, { optimistic, ...options }: WriteOptions = {}): Promise<{ version: number; epoch: string }> {
    const ended = optimistic ? this.#session.records.optimistic(recordId, newValue, options.strategy) : undefined
    return this.#session.call("mesh/publish-record-update", { recordId, newValue, options }, {}, false, ended) as Promise<never>
  }

  /** Makes all operations as one change, or none; rejects with the error of the first that fails. */
  transaction(operations: ({ op: "write"; recordId: string; value: unknown; options?: Omit<WriteOptions, "optimistic"> } | { op: "delete"; recordId: string; options?: { expectVersion?: number } })[]): Promise<{ id: string; results: { op: string; recordId: string; success: true; version: number }[] }> {
    return this.#session.call("mesh/transaction", { operations }) as Promise<never>
  }

  /** Follows a collection. */
  subscribeCollection<T = any>(collectionId: string, options?: CollectionOptions<T>): Promise<CollectionSubscribed<T>> {
    return this.#session.collections.subscribe(collectionId, options)
  }

  /** Ends all subscriptions to a collection; resolves with whether there was one. */
  unsubscribeCollection(collectionId: string): Promise<boolean> {
    return this.#session.collections.unsubscribe(collectionId)
  }

  // ---- metadata

  /** Reads a connection's metadata, one's own without an id; null where there is none, or it may not be read. */
  getConnectionMetadata(connectionId?: string): Promise<any> {
    return this.#getMetadata(connectionId ? "connection" : "my-connection", { connectionId: connectionId || undefined })
  }

  /**
   * Sets one's own metadata, the keys that the server lets clients write; resolves with whether it
   * was taken. It is set again after a reconnect: replace (the default) all of these keys, merge
   * those that are given, deepMerge object into object. What several writes have made is then made
   * again, over what the server sets by itself.
   */
  async setConnectionMetadata(metadata: unknown, options?: { strategy?: "replace" | "merge" | "deepMerge" }): Promise<boolean> {
    try {
      await this.#session.call("mesh/set-my-connection-metadata", { metadata, options })
    } catch {
      return false
    }
    this.#session.metadata.note(metadata, options?.strategy)
    return true
  }

  /** Reads a room's metadata; null where there is none, or it may not be read. */
  getRoomMetadata(roomName: string): Promise<any> {
    return this.#getMetadata("room", { roomName })
  }

  async #getMetadata(whose: string, payload: object): Promise<any> {
    return member(await this.#session.call(`mesh/get-${whose}-metadata`, payload).catch(() => null), "metadata") ?? null
  }
}
