import type { ChannelCallback, MeshClient, MeshError } from "@mesh-host/client"
import { useEffect, useMemo } from "react"
import { useMeshClient, type ClientOption } from "./context"
import { ended, following, ignore, isName, nameless, Source, useSource, type Following, type Turn } from "./source"

/** What `useChannel` takes. */
export interface UseChannelOptions extends ClientOption {
  /** How many messages of the past to begin with. Default 0. */
  historyLimit?: number
  /** How many messages to keep; the oldest go. Default 100. */
  limit?: number
  /** Called with each message that comes, in their order; not with those of the past. It may be another function each time. */
  onMessage?: ChannelCallback
}

/** What `useChannel` returns. */
export interface ChannelHook<T = any> extends Following {
  /** The newest messages, oldest first. */
  messages: T[]
  /** The number of the first of them: `first + index` is a key for React, which a message keeps. */
  first: number
  /** Publishes on the channel, if the server lets clients. */
  publish: (message: unknown) => Promise<{ success: boolean; offset?: number; error?: MeshError }>
}

interface ChannelState<T> extends Following {
  messages: T[]
  first: number
}

/**
 * Follows a channel: the newest messages, oldest first. Without a name it follows nothing; with
 * another one it begins anew. When the server cannot prove that nothing was missed, the list becomes
 * what it still has (with a `historyLimit`).
 */
export function useChannel<T = any>(channel: string | null | undefined, options: UseChannelOptions = {}): ChannelHook<T> {
  const client = useMeshClient(options.client)
  const { historyLimit = 0, limit = 100, onMessage } = options
  const source = useMemo(() => new ChannelSource<T>(client, channel, historyLimit, limit), [client, channel, historyLimit, limit])
  useEffect(() => {
    source.onMessage = onMessage
  }, [source, onMessage])
  const state = useSource(source)
  return useMemo(() => ({ ...state, publish: source.publish }), [state, source])
}

class ChannelSource<T> extends Source<ChannelState<T>> {
  onMessage: ChannelCallback | undefined
  readonly #channel: string | null | undefined
  readonly #historyLimit: number
  readonly #limit: number
  #at: { epoch: string; offset: number } | undefined // the newest message's

  constructor(client: MeshClient, channel: string | null | undefined, historyLimit: number, limit: number) {
    super(client, { ...following(channel), messages: [], first: 0 })
    this.#channel = channel
    this.#historyLimit = historyLimit
    this.#limit = limit
  }

  readonly publish: ChannelHook["publish"] = (message) =>
    isName(this.#channel) ? this.client.publishChannel(this.#channel, message) : nameless("channel")

  protected begin(turn: Turn): () => void {
    const channel = this.#channel!
    const recover = this.state().messages.length > 0 ? this.#at : undefined
    let came = 0 // messages since the subscription began: they are newer than its history
    const callback: ChannelCallback = (message, at) => {
      if (!turn.live) return
      if (at.epoch !== undefined && at.offset !== undefined) this.#at = { epoch: at.epoch, offset: at.offset }
      came++
      const { messages, first } = this.state()
      this.#show([...messages, message], first)
      return this.onMessage?.(message, at)
    }
    const past = (history: T[]): void => {
      const { messages, first } = this.state()
      const newer = came ? messages.slice(-came) : []
      this.#show([...history].reverse().concat(newer), first + messages.length - newer.length - history.length)
    }
    const onGap = ({ history }: { history: T[] }): void => {
      if (!turn.live || this.#historyLimit === 0) return
      came = 0
      past(history)
    }
    const onUnsubscribed = (reason: string): void => {
      if (turn.live) this.fail(ended(`channel ${channel}`, reason))
    }
    ignore(this.client.subscribeChannel(channel, callback, { historyLimit: this.#historyLimit, recover, onGap, onUnsubscribed }).then((begun) => {
      if (!turn.live) return
      if (!begun.success) return this.fail(begun.error)
      if (begun.history.length > 0) past(begun.history)
      this.set({ status: "subscribed", error: undefined })
    }))
    return () => ignore(this.client.unsubscribeChannel(channel, callback))
  }

  // show keeps the newest of a list, whose keys begin with first.
  #show(messages: T[], first: number): void {
    const over = Math.max(messages.length - this.#limit, 0)
    this.set({ messages: messages.slice(over), first: first + over })
  }
}
