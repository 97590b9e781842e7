import { failure } from "./errors"
import { isCount, isText, listOf, maybe, shape } from "./frames"
import type { StoredChannel } from "./store"
import type { Wire } from "./wire"

/** A place in a channel's stream; offsets count within an epoch. */
export interface Position {
  epoch: string
  offset: number
}

/** A message as it came; epoch and offset are missing where the channel has no stream. */
export interface Message extends Partial<Position> {
  message: string
}

/** What the server knows of a channel's past. */
export interface Past extends Partial<Position> {
  success: boolean
  /** Newest first. */
  history: string[]
}

/** What the server answers to a subscription. */
export interface Reply extends Past {
  recovered?: boolean
  /** Oldest first. */
  missed?: Message[]
  more?: boolean
}

const place = { epoch: maybe(isText), offset: maybe(isCount) }
const past = { ...place, success: (value: unknown): boolean => typeof value === "boolean", history: listOf(isText) }

/** Reads the payload of `subscription-message`; like all of these it throws for what is none. */
export function readMessage(payload: unknown): Message {
  return shape<Message>(payload, { ...place, message: isText })
}

/** Reads the reply of `get-channel-history`. That it is not allowed is thrown, too. */
export function readPast(payload: unknown, channel: string): Past {
  const read = shape<Past>(payload, past)
  if (!read.success) throw failure("EDENIED", `history of ${channel}`)
  return read
}

/** Reads the reply of `subscribe-channel`. */
export function readReply(payload: unknown): Reply {
  return shape<Reply>(payload, { ...past, missed: maybe(listOf((one) => Boolean(readMessage(one)))) })
}

/** Reads what a store has kept. */
export function readStored(value: unknown): StoredChannel {
  return shape<StoredChannel>(value, { messages: listOf(isText), epoch: isText, offset: isCount })
}

/** A position, and nothing else; undefined for none. */
export function positionOf(from: Partial<Position> | undefined): Position | undefined {
  return from?.epoch && from.offset !== undefined ? { epoch: from.epoch, offset: from.offset } : undefined
}

/** Is a up to and with b, in the same epoch? */
export function upTo(a: Partial<Position>, b: Partial<Position> | undefined): boolean {
  return a.epoch !== undefined && a.epoch === b?.epoch && a.offset! <= b.offset!
}

/** Decodes texts; those that cannot be are reported and left out. */
export function decodeAll(texts: string[], wire: Pick<Wire, "settings" | "failed">): any[] {
  return texts.flatMap((text) => {
    try {
      return [wire.settings.decode(text)]
    } catch (thrown) {
      wire.failed(thrown)
      return []
    }
  })
}
