package abi

import "encoding/json"

// Registration is the document that mesh_register returns, JSON text of at
// most 1 MiB. Unknown members are refused, so that a plugin built for a newer
// host fails at load instead of running without what it asked for.
type Registration struct {
	// Error, unless empty, says why the plugin cannot run, such as a setting
	// that is missing: the host refuses to load it with that reason. The other
	// members mean nothing then.
	Error string `json:"error,omitempty"`
	// Name is the plugin's name, letters, digits, '-' and '_', at most 64
	// bytes; empty: its file's name without language suffix.
	Name string `json:"name,omitempty"`
	// Version is for people.
	Version string `json:"version,omitempty"`
	// Order sorts global middleware and authenticate hooks that state none of
	// their own, and the patterns of plugins among each other; lower comes
	// first, equal ones by file name.
	Order      int                      `json:"order,omitempty"`
	Commands   []CommandRegistration    `json:"commands,omitempty"`
	Middleware []MiddlewareRegistration `json:"middleware,omitempty"`
	Guards     []GuardRegistration      `json:"guards,omitempty"`
	// Channels, Presence, Rooms, Records and Collections say what clients can
	// reach. Patterns are tried in order: those of the operator's configuration
	// first, then those of the plugins by their order and file, each in its own
	// order here; the first match decides.
	Channels []ChannelExposure  `json:"channels,omitempty"`
	Presence []PresenceExposure `json:"presence,omitempty"`
	Rooms    []RoomExposure     `json:"rooms,omitempty"`
	// Of Records, who may read and who may write are each decided by the first
	// that says it.
	Records     []RecordExposure     `json:"records,omitempty"`
	Collections []CollectionExposure `json:"collections,omitempty"`
	// MetadataGuard names the plugin's guard that may let a client read the
	// metadata of a connection with which it shares no room.
	MetadataGuard string                 `json:"metadataGuard,omitempty"`
	Hooks         []HookRegistration     `json:"hooks,omitempty"`
	Schedules     []ScheduleRegistration `json:"schedules,omitempty"`
	// Capabilities names what the plugin uses and why. Unless it is empty, host
	// calls beyond it are refused, whatever the operator grants.
	Capabilities []Capability `json:"capabilities,omitempty"`
	// ConfigSchema describes [plugins.<name>.config], for its operator.
	ConfigSchema json.RawMessage `json:"configSchema,omitempty"`
}

// CommandRegistration is one command. Names under mesh/ and rt/ and the
// liveness names are refused.
type CommandRegistration struct {
	Name    string `json:"name"`
	Handler uint32 `json:"handler"`
	// Middleware names the plugin's own middleware that runs before this
	// command, in this order, after the global ones.
	Middleware []string `json:"middleware,omitempty"`
	// Concurrent lets the command start on arrival, beside others of its
	// session.
	Concurrent bool `json:"concurrent,omitempty"`
}

// MiddlewareRegistration is one middleware: a global one runs before every
// command of every plugin, built-ins included; another one runs where a
// command names it.
type MiddlewareRegistration struct {
	Name    string `json:"name"`
	Handler uint32 `json:"handler"`
	Global  bool   `json:"global,omitempty"`
	Order   *int   `json:"order,omitempty"`
}

// A pattern of an exposure is a name, or a regular expression in RE2 syntax
// between slashes, "/^chat:.+$/", which must match the whole name. A guard is
// the name of one of the plugin's own; empty lets everyone pass.

// ChannelExposure opens channels to subscribers.
type ChannelExposure struct {
	Pattern string `json:"pattern"`
	// Guard is asked for a subscription and for the history.
	Guard string `json:"guard,omitempty"`
	// Publish lets clients publish, PublishGuard says which.
	Publish      bool   `json:"publish,omitempty"`
	PublishGuard string `json:"publishGuard,omitempty"`
	// History is how many messages are kept, 0 (none) to 100000, and
	// HistoryTTL for how long, a duration such as "1h"; empty: 24h.
	History    int    `json:"history,omitempty"`
	HistoryTTL string `json:"historyTtl,omitempty"`
	// SlowConsumer is disconnect (the default), drop or conflate.
	SlowConsumer string `json:"slowConsumer,omitempty"`
}

// PresenceExposure has the presence of rooms tracked.
type PresenceExposure struct {
	Pattern string `json:"pattern"`
	// TTL is how long a member stays present without a sign of life, a
	// duration of at least a second; empty or "0": as long as it is connected.
	TTL string `json:"ttl,omitempty"`
	// Guard is asked whether a connection may be present and see who is.
	Guard string `json:"guard,omitempty"`
	// SlowConsumer is as for channels.
	SlowConsumer string `json:"slowConsumer,omitempty"`
}

// RoomExposure puts guards on rooms. A room that no pattern matches can be
// joined by everyone.
type RoomExposure struct {
	Pattern string `json:"pattern"`
	// Guard is asked before a client joins; MetadataGuard may let one that is
	// no member read the room's metadata.
	Guard         string `json:"guard,omitempty"`
	MetadataGuard string `json:"metadataGuard,omitempty"`
}

// RecordExposure opens records. Without Writable, or with a Guard, it says who
// may read; a writable one without a guard lets everyone read the records that
// no other pattern says it of.
type RecordExposure struct {
	Pattern string `json:"pattern"`
	// Guard is asked for a subscription, also to a collection that has the
	// record.
	Guard string `json:"guard,omitempty"`
	// Writable lets clients write, WriteGuard says which.
	Writable   bool   `json:"writable,omitempty"`
	WriteGuard string `json:"writeGuard,omitempty"`
	// TTL is after what time without a write a record deletes itself, a
	// duration of at least a second; empty or "0": never. The first pattern
	// that matches decides on it and on SlowConsumer.
	TTL string `json:"ttl,omitempty"`
	// SlowConsumer is as for channels.
	SlowConsumer string `json:"slowConsumer,omitempty"`
}

// CollectionExposure opens collections, whose records a resolver names: a
// handler that is called with KindResolve.
type CollectionExposure struct {
	Pattern string `json:"pattern"`
	Handler uint32 `json:"handler"`
	// Guard is asked for a subscription.
	Guard string `json:"guard,omitempty"`
	// Records are patterns of the records whose changes change the collection:
	// then, and only then, the resolver is asked again. Empty: all records.
	Records []string `json:"records,omitempty"`
	// Shared says that the resolver answers the same for every connection: it
	// is called once for all, without one.
	Shared bool `json:"shared,omitempty"`
	// Limit is the most records of the collection, up to 1000; what the
	// resolver names beyond it is left out. 0: 100.
	Limit int `json:"limit,omitempty"`
}

// GuardRegistration is one guard, named by exposures.
type GuardRegistration struct {
	Name    string `json:"name"`
	Handler uint32 `json:"handler"`
}

// HookRegistration is one hook.
type HookRegistration struct {
	// Event is authenticate, connect, disconnect, join, leave, recordUpdate or
	// recordRemoved.
	Event   string `json:"event"`
	Handler uint32 `json:"handler"`
	Order   *int   `json:"order,omitempty"`
	// Records, for the hooks of records only, are patterns of those that they
	// are called for. Empty: all records.
	Records []string `json:"records,omitempty"`
}

// ScheduleRegistration is one schedule: either Every or Cron.
type ScheduleRegistration struct {
	Name    string `json:"name"`
	Handler uint32 `json:"handler"`
	// Every is a duration such as "30s", at least 10ms.
	Every string `json:"every,omitempty"`
	// Cron is a five-field cron expression, in UTC.
	Cron string `json:"cron,omitempty"`
	// Scope is node (the default: on every node) or cluster (on one of them).
	Scope string `json:"scope,omitempty"`
}

// Capability is what a plugin uses: a capability or a family of them, with a
// pattern of names behind a colon where it is for these only ("records",
// "records.write", "records.write:score:*"); "http" with an origin,
// "http:https://api.example.com".
type Capability struct {
	Name   string `json:"name"`
	Reason string `json:"reason,omitempty"`
}

// Identity is the body of an authenticate hook's reply.
type Identity struct {
	// User is the authenticated user; only the server sets it.
	User string `json:"user"`
	// Metadata becomes the connection's metadata; absent leaves null.
	Metadata json.RawMessage `json:"metadata,omitempty"`
}
