/** What is kept of a channel. */
export interface StoredChannel {
  /** The newest messages, oldest first, as the texts that came; the last one is that of offset. */
  messages: string[]
  /** The position of the newest message that came. */
  epoch: string
  offset: number
}

/**
 * Keeps the messages of channels beyond the life of a client, for the option `store`. All methods
 * may return promises. Calls for one channel come one after the other: the next is made when the
 * promise of the one before is settled.
 *
 * A method that throws, rejects, gives what is no `StoredChannel`, or takes longer than 5 s (or half
 * of `callTimeout`, if that is less) becomes the event `error` with the code `ESTORE`. The subscription goes on without the
 * store then, which stays as it is: nothing is added behind a hole.
 */
export interface ChannelStore {
  /** What is kept of a channel; undefined for nothing. */
  load(channel: string): StoredChannel | undefined | Promise<StoredChannel | undefined>
  /**
   * Adds messages, oldest first, and the position after them, both or neither. No messages, but a
   * position, come where a subscription began without a history. What is there of another epoch is
   * to be forgotten.
   */
  append(channel: string, messages: string[], epoch: string, offset: number): void | Promise<void>
  /** Forgets what is kept of a channel. */
  clear(channel: string): void | Promise<void>
}
