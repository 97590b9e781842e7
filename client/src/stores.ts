import type { ChannelStore, StoredChannel } from "./store"
import { readStored } from "./messages"

/** What `localStorageStore` needs of a storage; the browser's `localStorage` and `sessionStorage` have it. */
export interface StorageLike {
  /** What is kept under a key, null for nothing. */
  getItem(key: string): string | null
  /** Keeps a text; throws where there is no room. */
  setItem(key: string, value: string): void
  /** Forgets a key. */
  removeItem(key: string): void
}

/** How `localStorageStore` keeps messages. */
export interface LocalStorageStoreOptions {
  /** Where to. Default: the page's `localStorage`. */
  storage?: StorageLike
  /** What the keys begin with; the channel's name follows. Default "mesh:". */
  prefix?: string
  /** How many messages are kept of each channel, the newest. Default 100. */
  limit?: number
}

/**
 * A store in the browser's `localStorage`, for the option `store`. Where that is full, older
 * messages of the channel are dropped. Contents that are not its own, or are broken, count as
 * none and are removed. Pages of one origin share it: a message that several of them append is
 * kept once.
 */
export function localStorageStore({ storage, prefix = "mesh:", limit = 100 }: LocalStorageStoreOptions = {}): ChannelStore {
  // The page's is asked for when it is needed: there is none on servers, and it may be forbidden.
  const place = (): StorageLike => {
    const found = storage ?? (globalThis as { localStorage?: StorageLike }).localStorage
    if (!found) throw new Error("There is no localStorage here.")
    return found
  }
  const load = (channel: string): StoredChannel | undefined => {
    const text = place().getItem(prefix + channel)
    try {
      return readStored(JSON.parse(text!)) // null, too, is nothing that was kept
    } catch {
      place().removeItem(prefix + channel)
      return undefined
    }
  }
  return {
    load,
    append(channel, messages, epoch, offset) {
      const kept = added(load(channel), messages, epoch, offset, limit)
      for (;;) {
        try {
          return place().setItem(prefix + channel, JSON.stringify(kept))
        } catch (full) {
          if (kept.messages.length < 2) throw full
          kept.messages = newest(kept.messages, kept.messages.length >> 1)
        }
      }
    },
    clear: (channel) => place().removeItem(prefix + channel),
  }
}

/** A store that lasts as long as the program, for several clients one after another, or for tests. It keeps the newest `limit` messages of each channel, 100 by default. */
export function memoryStore({ limit }: { limit?: number } = {}): ChannelStore {
  const kept = new Map<string, string>()
  const storage = {
    getItem: (key: string): string | null => kept.get(key) ?? null,
    setItem: (key: string, value: string): void => void kept.set(key, value),
    removeItem: (key: string): void => void kept.delete(key),
  }
  return localStorageStore({ storage, limit })
}

// added is what is kept after an append. Messages that are there already, because another page
// has appended them, are not added again; what is there from before a hole, or another epoch, goes.
function added(kept: StoredChannel | undefined, messages: string[], epoch: string, offset: number, limit: number): StoredChannel {
  const news = kept?.epoch === epoch ? offset - kept.offset : Infinity
  if (!kept || news > messages.length) return { messages: newest(messages, limit), epoch, offset }
  if (news <= 0) return kept
  return { messages: newest([...kept.messages, ...newest(messages, news)], limit), epoch, offset }
}

function newest(messages: string[], count: number): string[] {
  return messages.slice(Math.max(messages.length - count, 0))
}
