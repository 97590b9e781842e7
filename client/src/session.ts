import { Calls, type CallOptions, type Take } from "./calls"
import { Channels } from "./channels"
import { Collections } from "./collections"
import { Connection, type ConnectionOwner, type Status } from "./connection"
import { Emitter, guarded } from "./emitter"
import { asError, failure, MeshError, senseless } from "./errors"
import { isOwn } from "./events"
import type { Feature } from "./feature"
import { isCount, isText, maybe, member, shape, type Frame } from "./frames"
import { OwnMetadata } from "./metadata"
import type { Settings } from "./options"
import { Presence } from "./presence"
import { Records } from "./records"
import { Rooms } from "./rooms"
import { OwnStates } from "./states"
import { inTime } from "./timers"
import { onWake } from "./wake"
import type { Wire } from "./wire"

/** How long a connection may take to answer after a page has slept, in ms. */
const probeTimeout = 5_000

/** What the connection itself deals with. */
const silent = ["ping", "latency:request", "mesh/assign-id"]

/** What is inside a `MeshClient`: its connection, the calls over it, and the features that follow what is pushed. */
export class Session implements Wire, ConnectionOwner {
  readonly settings: Settings
  readonly events = new Emitter((thrown, name) => this.failed(thrown, name))
  readonly connection: Connection
  connected = false
  id = ""
  readonly metadata = new OwnMetadata(this)
  readonly presence = new Presence(this)
  readonly states = new OwnStates(this)
  readonly rooms = new Rooms(this, this.presence, this.states)
  readonly channels = new Channels(this)
  readonly records = new Records(this)
  readonly collections = new Collections(this, this.records)
  // In the order in which they are restored. Metadata is first: who sees this client join may read it at once.
  readonly #features: (Partial<Feature> & Pick<Feature, "restore" | "closed">)[] =
    [this.metadata, this.rooms, this.presence, this.channels, this.records, this.collections]
  readonly #calls: Calls
  readonly #hopeless = new Set<(error: MeshError) => void>() // are told when there will be no connection
  #probing = false // whether the connection is being tried, after a page may have slept
  #stopWaking = (): void => {}
  #endPrepare = (): void => {}

  constructor(urls: string[], settings: Settings) {
    this.settings = settings
    this.#calls = new Calls((text) => this.connection.send(text), settings.offlineQueue)
    this.connection = new Connection(urls, settings, this)
  }

  connect(): Promise<void> {
    if (this.connection.status === "offline") {
      this.#stopWaking()
      this.#stopWaking = onWake(() => this.#wake())
    }
    return this.connection.connect()
  }

  async close(): Promise<void> {
    for (const feature of this.#features) feature.closed()
    this.gaveUp(failure("ECLOSED"))
    await this.connection.close()
  }

  /** Connects where nothing has been done about it yet. */
  begin(): void {
    const { status, barred } = this.connection
    if (status === "offline" && !barred) this.connect().catch(() => {}) // said by the event error
  }

  /** Makes a call, now or when there is a connection; took sees the reply, or what came instead of it, in its turn. */
  call(command: string, payload: unknown, options: CallOptions = {}, resolveErrors = false, took?: Take): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const take: Take = (reply, failed) => {
        took?.(reply, failed)
        // The payload of a command that failed comes with its failure.
        if (!failed || (resolveErrors && reply !== undefined)) resolve(reply)
        else reject(failed)
      }
      this.begin()
      const { barred, ready } = this.connection
      if (barred) take(undefined, barred)
      else this.#calls.make(ready, command, payload, options.timeout ?? this.settings.callTimeout, take, options)
    })
  }

  // ---- for the features

  ask(command: string, payload: unknown, take: Take, timeout = this.settings.callTimeout): void {
    this.#calls.make(true, command, payload, timeout, take)
  }

  async tell(call: ((...values: never[]) => unknown) | undefined, ...values: unknown[]): Promise<void> {
    if (call) await guarded((thrown) => this.failed(thrown), call, ...values)
  }

  /** The event error. Where nobody listens, errors of callbacks go to the console, as a browser would say them; so do those of listeners to error itself. */
  failed(thrown: unknown, from?: string): void {
    const error = asError(thrown)
    if (from !== "error" && this.events.emit("error", error)) return
    if (!(error instanceof MeshError)) console.error(error)
  }

  hopeless(fail: (error: MeshError) => void): () => void {
    this.begin()
    const { barred } = this.connection
    if (barred) fail(barred)
    else this.#hopeless.add(fail)
    return () => this.#hopeless.delete(fail)
  }

  ended(kind: string, name: string, reason: string): void {
    this.events.emit("unsubscribed", { kind, name, reason })
  }

  // ---- for the connection

  restore(id: string): Promise<unknown> {
    this.id = id
    const { prepare, callTimeout } = this.settings
    if (!prepare) return this.#restore()
    let over = false // the connection
    // The next connection is for its own calls only.
    const call = (command: string, payload?: unknown): Promise<any> =>
      new Promise((resolve, reject) => (over ? reject(failure("ECONNECTION")) : this.ask(command, payload, (reply, failed) => (failed ? reject(failed) : resolve(reply)))))
    const [done, end] = inTime(callTimeout, "prepare", () => prepare(call))
    this.#endPrepare = () => {
      over = true
      end()
    }
    return done.catch((thrown) => over || this.failed(thrown)).then(() => over || this.#restore())
  }

  #restore(): Promise<unknown> {
    this.connected = true
    return Promise.all(this.#features.map((feature) => this.tell(() => feature.restore())))
  }

  online(first: boolean): void {
    this.events.emit("connect", { isInitialConnection: first })
    if (!first) this.events.emit("reconnect")
  }

  lost(code: number, reason: string): void {
    this.connected = false
    this.#endPrepare()
    this.#calls.fail(false, failure("ECONNECTION"))
    for (const feature of this.#features) feature.disconnected?.()
    this.events.emit("disconnect", code, reason)
  }

  gaveUp(error: MeshError): void {
    this.#stopWaking()
    this.#calls.fail(true, error)
    for (const fail of [...this.#hopeless]) fail(error)
  }

  reconnectFailed(error: MeshError): void {
    this.events.emit("reconnectfailed", error)
  }

  moved(status: Status): void {
    if (status === "online") this.#calls.flush(() => this.connection.ready) // before anyone calls anything else
    this.events.emit("status", status)
  }

  frame(frame: Frame): void {
    this.events.emit("message", frame)
    if (this.connection.barred) return
    const { id, command, payload } = frame
    const guard = (take: () => void): void => void guarded((thrown) => this.failed(senseless(command, thrown)), take)
    if (id !== undefined) guard(() => this.#calls.reply(frame))
    else if (command === "latency") {
      if (typeof payload === "number") this.events.emit(command, payload)
    } else if (!silent.includes(command)) {
      if (command.startsWith("mesh/")) for (const feature of this.#features) guard(() => push(feature, command.slice(5), payload))
      this.events.emit("push", { command, payload })
      if (!isOwn(command)) this.events.emit(command, payload)
    }
  }

  // wake is called when a page may have slept: what seems to be a connection is tried, and a pause
  // between attempts ends.
  #wake(): void {
    this.connection.hurry()
    if (!this.connected || this.#probing) return
    this.#probing = true
    this.ask("mesh/noop", undefined, (_, failed) => {
      this.#probing = false
      if (failed?.code === "ETIMEOUT") this.connection.renew(this.settings.shouldReconnect)
    }, probeTimeout)
  }
}

// push gives a push to a feature, if it is for it. What it throws is a push that makes no sense.
function push(feature: Partial<Feature>, command: string, payload: unknown): void {
  if (command !== "gap" && command !== "unsubscribed") return feature.push?.(command, payload)
  if (!feature.kind || member(payload, "kind") !== feature.kind) return
  const { name, reason, epoch, offset } = shape<{ name: string; reason?: string; epoch?: string; offset?: number }>(payload, {
    name: isText, reason: maybe(isText), epoch: maybe(isText), offset: maybe(isCount),
  })
  if (command === "gap") feature.gap?.(name, epoch, offset)
  else feature.unsubscribed?.(name, reason ?? "")
}
