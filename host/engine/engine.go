// Package engine is what the server can do for plugins and operators: reach
// connections, keep their metadata, keep values. It gives the operations of
// abi/operations.json their meaning, save those that only the plugin manager
// knows.
package engine

import (
	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/hub"
)

// The defaults of Limits.
const (
	DefaultMetadataSize = 64 << 10
	DefaultReplySize    = 4 << 20
	DefaultReceivers    = 10_000
	DefaultKVSize       = 16 << 20
)

// Limits bound what an Engine accepts. A zero value is the default.
type Limits struct {
	// MetadataSize is the most bytes of a connection's metadata
	// (limits.metadata_size).
	MetadataSize int
	// ReplySize is the most bytes of a push's payload (limits.reply_size).
	ReplySize int
	// Receivers is the most ids in a list of receivers or of exclusions.
	Receivers int
	// KVSize returns the most bytes that a plugin's store may hold
	// (plugins.<name>.kv_size), counted as package backplane counts them; 0
	// allows none. It must be safe for concurrent use; nil is DefaultKVSize for
	// every plugin.
	KVSize func(plugin string) int64
}

func (l Limits) withDefaults() Limits {
	if l.MetadataSize == 0 {
		l.MetadataSize = DefaultMetadataSize
	}
	if l.ReplySize == 0 {
		l.ReplySize = DefaultReplySize
	}
	if l.Receivers == 0 {
		l.Receivers = DefaultReceivers
	}
	if l.KVSize == nil {
		l.KVSize = func(string) int64 { return DefaultKVSize }
	}
	return l
}

// Engine is safe for concurrent use. The errors of its methods are
// *protocol.Error, with a code of the table and a message that says what to
// do, unless the backplane fails in a way it does not announce. What is passed
// in is not kept, and what is returned must not be changed.
type Engine struct {
	hub    *hub.Hub
	kv     backplane.KV
	limits Limits
}

// New makes an engine over a node's sessions and a store.
func New(h *hub.Hub, kv backplane.KV, limits Limits) *Engine {
	return &Engine{hub: h, kv: kv, limits: limits.withDefaults()}
}
