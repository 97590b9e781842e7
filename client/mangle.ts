/**
 * Names of members that only the client's own modules use, and that are no member of anything that
 * comes from outside: they get short names in what is built, which is then 3% smaller. The tests
 * of the built package fail where one of them is used from outside.
 */
const internal = [
  "askQuietly", "asking", "barred", "begin", "begun", "beside", "connected", "count", "disconnected", "emit", "ended", "enroll", "flush", "follow",
  "forget", "gaveUp", "held", "hopeless", "hurry", "kept", "later", "listen", "lost", "moved", "naming", "newest", "note", "opened",
  "outcome", "overlaid", "place", "ready", "reconnectFailed", "release", "renew", "resync", "restore", "settings", "settle", "settled", "shares",
  "shown", "show", "tell", "tellAll", "unlisten", "unlistenAll", "wanted", "wire",
]

/** What esbuild shortens. */
export const mangleProps = new RegExp(`^(${internal.join("|")})$`)
