import { ChannelTopic } from "./channel"
import { Topics } from "./feature"
import { member } from "./frames"
import type { Tails } from "./keeper"
import type { Subscribed } from "./topic"
import type { Wire } from "./wire"

/**
 * Called with each message of a channel, once, in their order. epoch and offset are the message's
 * position, where the channel has a stream.
 */
export type ChannelCallback = (message: any, at: { channel: string; offset?: number; epoch?: string }) => unknown

/** What the server cannot prove to be whole. */
export interface ChannelGap {
  channel: string
  /** What the server still has, newest first, at most `historyLimit` messages. The callback may have had some of them. */
  history: any[]
  /** The position of the newest message, where the channel has a stream. The callback gets what comes after it. */
  epoch?: string
  offset?: number
}

/** How a channel is subscribed to. */
export interface ChannelOptions {
  /** How many messages of the past the result has, at most. Default 0; with a store that has messages, all of those. */
  historyLimit?: number
  /** Leaves out messages up to and with this offset; a number of 10^11 or more is a time, as `sinceTime`. Of what the server has, not a store. */
  since?: number | string
  /** Leaves out messages from before this time, in ms since 1970. */
  sinceTime?: number
  /**
   * A position from an earlier life of the client, to go on from: the callback gets what was
   * missed since then, and history is empty. Passed over where a store knows a position. A
   * further subscriber of a channel goes on if what it missed fits into one reply.
   */
  recover?: { epoch: string; offset: number }
  /**
   * Called when messages may have been missed, because the server cannot prove otherwise. What is
   * shown of the channel is to be replaced by history: nothing of it is given to the callback.
   *
   * Of a channel with a stream: what was missed is no longer kept, or the stream is another one.
   * Of a channel without one: after each reconnect, and whenever the server left out messages for
   * a slow reader; there is no history then.
   */
  onGap?: (gap: ChannelGap) => unknown
  /** Called when the server ends the subscription, or does not allow it any more after a reconnect. */
  onUnsubscribed?: (reason: string) => unknown
}

/** What subscribing to a channel resolves with. */
export interface ChannelSubscribed extends Subscribed {
  /** Messages of the past, the newest first; they are not given to the callback. */
  history: any[]
  /** The position of the newest message, where the channel has a stream. */
  epoch?: string
  offset?: number
  /** Whether `recover`, or the store, was gone on from without a gap; undefined where there was nothing to go on from. */
  recovered?: boolean
}

/** The channels that a client has subscribed to. */
export class Channels extends Topics<ChannelTopic> {
  override readonly kind = "channel"

  constructor(wire: Wire, tails: Tails = new Map()) {
    super((name, gone) => new ChannelTopic(wire, name, gone, tails))
  }

  subscribe(channel: string, callback: ChannelCallback, options: ChannelOptions = {}): Promise<ChannelSubscribed> {
    return this.of(channel).join({ callback, options })
  }

  override push(command: string, payload: unknown): void {
    if (command === "subscription-message") this.get(member(payload, "channel"))?.push(payload)
  }
}
