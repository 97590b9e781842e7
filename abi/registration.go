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
	// their own; lower runs first, equal ones by file name.
	Order      int                      `json:"order,omitempty"`
	Commands   []CommandRegistration    `json:"commands,omitempty"`
	Middleware []MiddlewareRegistration `json:"middleware,omitempty"`
	Guards     []GuardRegistration      `json:"guards,omitempty"`
	Hooks      []HookRegistration       `json:"hooks,omitempty"`
	Schedules  []ScheduleRegistration   `json:"schedules,omitempty"`
	// Capabilities names what the plugin uses and why, for its operator.
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

// GuardRegistration is one guard, named by exposures.
type GuardRegistration struct {
	Name    string `json:"name"`
	Handler uint32 `json:"handler"`
}

// HookRegistration is one hook.
type HookRegistration struct {
	// Event is authenticate, connect or disconnect.
	Event   string `json:"event"`
	Handler uint32 `json:"handler"`
	Order   *int   `json:"order,omitempty"`
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

// Capability is an operation or a family of them that a plugin uses.
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
