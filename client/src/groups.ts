import type { PresenceUpdate, PresenceView } from "./presence"

/** Connections that belong together: the tabs and devices of a user, for example. */
export interface PresenceGroup {
  /** The member whose state it is, or the first. */
  representative: string
  /** The newest state of its members, null for none. */
  state: any
  /** When that was published, in ms since 1970; null where it was there before. */
  timestamp: number | null
  members: Set<string>
}

/** How presence is grouped. */
export interface PresenceGroupOptions {
  /** Says whose a connection is. Asked once for each; where it says null, or fails, the connection is a group of its own, `conn:<id>`. */
  getGroupId: (connectionId: string) => string | null | undefined | Promise<string | null | undefined>
  /** Called with all groups after each change. */
  onUpdate: (groups: Map<string, PresenceGroup>) => unknown
}

interface Member { group?: string; state: unknown; timestamp: number | null }

/**
 * Groups presence. What it returns is the callback of `subscribePresence` or `joinRoom`; give it
 * what that resolves with, too, so that those who are there already are known:
 *
 *     const handle = groupPresence({ getGroupId, onUpdate })
 *     await handle(await client.subscribePresence("lobby", handle))
 */
export function groupPresence({ getGroupId, onUpdate }: PresenceGroupOptions): <T extends PresenceUpdate | (PresenceView & { success: boolean })>(change: T) => Promise<T> {
  const members = new Map<string, Member>()

  // add takes a connection in; it is shown once it is known whose it is.
  async function add(id: string): Promise<void> {
    const made: Member = { state: null, timestamp: null }
    members.set(id, made)
    let group: string | null | undefined
    try {
      group = await getGroupId(id)
    } finally {
      made.group = group ?? `conn:${id}`
    }
  }

  async function see({ present, states }: PresenceView): Promise<void> {
    const there = new Set(present)
    for (const id of members.keys()) if (!there.has(id)) members.delete(id)
    const added = present.filter((id) => !members.has(id)).map(add)
    for (const [id, made] of members) made.state = Object.hasOwn(states, id) ? states[id] : null
    const failed = (await Promise.allSettled(added)).find((outcome) => outcome.status === "rejected")
    if (failed) throw failed.reason
  }

  async function take(update: PresenceUpdate): Promise<void> {
    const { type, connectionId: id, timestamp } = update
    if (type === "leave") return void members.delete(id)
    const added = members.has(id) || add(id)
    if (type === "state") Object.assign(members.get(id)!, { state: update.state, timestamp })
    await added
  }

  return async (change) => {
    try {
      if ("type" in change) await take(change)
      else if (change.success) await see(change)
    } finally {
      onUpdate(groupsOf(members))
    }
    return change
  }
}

/** `groupPresence` by the name that other clients have for it. */
export const createDedupedPresenceHandler = groupPresence

function groupsOf(members: Map<string, Member>): Map<string, PresenceGroup> {
  const groups = new Map<string, PresenceGroup>()
  for (const [id, { group: name, state, timestamp }] of members) {
    if (name === undefined) continue
    let group = groups.get(name)
    if (!group) groups.set(name, (group = { representative: id, state, timestamp, members: new Set() }))
    else if (state !== null && (group.state === null || (timestamp ?? 0) >= (group.timestamp ?? 0))) Object.assign(group, { representative: id, state, timestamp })
    group.members.add(id)
  }
  return groups
}
