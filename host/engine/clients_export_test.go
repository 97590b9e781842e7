package engine

import "github.com/mesh-host/mesh-host/host/backplane"

// Clients counts those that an engine knows of.
func Clients(e *Engine) (n int) {
	for i := range e.clients.shards {
		shard := &e.clients.shards[i]
		shard.mu.RLock()
		n += len(shard.byID)
		shard.mu.RUnlock()
	}
	return n
}

// Lose tells an engine, as its backplane does, that events may have been lost.
func Lose(e *Engine, t backplane.Topic) { receiver{e}.Lost(t) }

// Receiver is an engine as its backplane sees it.
func Receiver(e *Engine) backplane.Receiver { return receiver{e} }
