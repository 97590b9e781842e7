import { MeshError, type MeshClient } from "@mesh-host/client"
import { useSyncExternalStore } from "react"

/** Where a hook's subscription is: `off` without a name, `failed` when it was refused, did not succeed in time, or has ended. */
export type SubscriptionStatus = "off" | "subscribing" | "subscribed" | "failed"

/** What all hooks that follow something have. */
export interface Following {
  /** Where the subscription is. A lost connection does not change it: the client gets the subscription back by itself. */
  status: SubscriptionStatus
  /** Why the subscription has failed, or the last attempt to change something did. */
  error: MeshError | undefined
}

/** A subscription, from its beginning to its end. */
export interface Turn {
  /** Whether it is the present one; what comes of an earlier one is too late. */
  live: boolean
}

/**
 * What a hook follows, as a store for useSyncExternalStore. It subscribes when the first component
 * listens. It unsubscribes a microtask after the last has left, so that effects which React runs
 * twice, and a component that takes over from another, do not reach the server. A subscription that
 * has failed is begun again with the next connection.
 */
export abstract class Source<State extends Following> {
  protected readonly client: MeshClient
  readonly #first: State
  #state: State
  readonly #listeners = new Set<() => void>()
  #turn: Turn = { live: false }
  #end: (() => void) | undefined // ends the subscription
  #off: (() => void)[] = [] // end listening to the client
  #wasOffline = false

  constructor(client: MeshClient, first: State) {
    this.client = client
    this.#first = this.#state = first
  }

  /** Begins a subscription, whose callbacks heed turn; returns what ends it. */
  protected abstract begin(turn: Turn): () => void

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    if (!this.#end && this.#first.status !== "off") this.#start()
    return () => {
      this.#listeners.delete(listener)
      queueMicrotask(() => {
        if (this.#listeners.size === 0) this.#stop()
      })
    }
  }

  readonly state = (): State => this.#state

  /** The state before anything is known: what a server renders. */
  readonly first = (): State => this.#first

  protected set(change: Partial<State>): void {
    this.#state = { ...this.#state, ...change }
    for (const listener of [...this.#listeners]) listener()
  }

  protected fail(error: MeshError | undefined): void {
    this.set({ status: "failed", error } as Partial<State>)
  }

  #start(): void {
    this.#off = [
      this.client.on("status", (status) => {
        if (status === "offline") this.#wasOffline = true
      }),
      this.client.on("connect", () => {
        // Closing the client ended its subscriptions.
        if (this.#wasOffline || this.#state.status === "failed") this.#restart()
      }),
    ]
    this.#begin()
  }

  #begin(): void {
    this.#turn = { live: true }
    this.#wasOffline = false
    this.#end = this.begin(this.#turn)
  }

  #restart(): void {
    const end = this.#end
    this.#turn.live = false
    this.set({ status: "subscribing", error: undefined } as Partial<State>)
    this.#begin()
    end?.() // after the new one has begun: the subscription of the wire stays
  }

  #stop(): void {
    if (!this.#end) return
    this.#turn.live = false
    for (const off of this.#off) off()
    this.#end()
    this.#end = undefined
    this.#state = this.#first // whoever comes back begins anew
  }
}

/** Reads a source while the component is there. */
export function useSource<State extends Following>(source: Source<State>): State {
  return useSyncExternalStore(source.subscribe, source.state, source.first)
}

/** How a state begins. */
export function following(name: string | null | undefined): Following {
  return { status: isName(name) ? "subscribing" : "off", error: undefined }
}

/** Is there something to follow? */
export function isName(name: string | null | undefined): name is string {
  return name !== null && name !== undefined && name !== ""
}

/** A call of a hook that has no name. */
export function nameless<T>(what: string): Promise<T> {
  return Promise.reject(new TypeError(`The hook was given no ${what}.`))
}

/** The error of what the server has ended. */
export function ended(what: string, reason: string): MeshError {
  return new MeshError(`The server has ended the subscription to the ${what}: ${reason || "it gave no reason"}.`, "EENDED")
}

/** Passes over how a subscription's end went. */
export function ignore(promise: Promise<unknown>): void {
  promise.catch(() => {})
}
