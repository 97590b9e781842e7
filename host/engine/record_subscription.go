package engine

import (
	"context"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/hub"
)

// RecordSubscription asks for a record.
type RecordSubscription struct {
	Record string
	// Patch asks for patches instead of values.
	Patch bool
	// From, unless nil, is the version that the client has: what has happened
	// since is then told as patches, if that is possible.
	From *backplane.Version
}

// RecordSubscribed is what a subscription to a record begins with.
type RecordSubscribed struct {
	// Record has no Value where Recovered.
	backplane.Record
	// Recovered says that Patches lead from the client's version to this one.
	Recovered bool
	Patches   []backplane.RecordPatch
	// Release lets pushes flow. It must be called once the reply is in the
	// session's outbox.
	Release func()
}

// SubscribeRecord begins a session's subscription to a record, or begins it
// anew. No version is lost or doubled between what it returns and the pushes
// after Release. It fails with ELIMIT.
func (e *Engine) SubscribeRecord(ctx context.Context, s *hub.Session, q RecordSubscription) (RecordSubscribed, error) {
	t := hub.Topic{Kind: hub.RecordTopic, Name: q.Record}
	terms := hub.Terms{Patches: q.Patch}
	if x := e.rules.Record(q.Record); x != nil {
		terms.Policy = x.SlowConsumer
	}
	hold, err := e.hold(ctx, s, t, terms)
	if err != nil {
		return RecordSubscribed{}, err
	}
	begun, err := e.readRecord(ctx, q)
	if err != nil {
		e.unsubscribe(ctx, s, t)
		return RecordSubscribed{}, err
	}
	at := recordPosition(begun.Version)
	hold.ReleaseUpTo(at) // what collections show of it, this reply does not tell them
	begun.Release = release(s, hold, at)
	return begun, nil
}

func (e *Engine) readRecord(ctx context.Context, q RecordSubscription) (begun RecordSubscribed, err error) {
	if q.From == nil || q.From.Epoch == "" {
		begun.Record, err = e.Record(ctx, q.Record)
		return begun, err
	}
	r, patches, ok, err := e.node.Records().Since(ctx, q.Record, *q.From)
	if err != nil {
		return begun, storeError("recover", err)
	}
	begun.Record = r
	if begun.Recovered = ok && e.worthwhile(patches, len(r.Value)); begun.Recovered {
		begun.Patches, begun.Value = patches, nil
	}
	return begun, nil
}

// patchOverhead is what a reply has beside the text of each patch, in bytes, at
// most.
const patchOverhead = len(`{"version":,"patch":},`) + 20

// worthwhile reports whether patches are shorter than the value that they lead
// to, and fit into a reply.
func (e *Engine) worthwhile(patches []backplane.RecordPatch, value int) bool {
	size := 0
	for _, p := range patches {
		size += len(p.Patch) + patchOverhead
	}
	return size <= max(value, minLogSize) && size <= e.limits.ReplySize-replyOverhead
}

// UnsubscribeRecord ends a session's subscription to a record and reports
// whether there was one.
func (e *Engine) UnsubscribeRecord(ctx context.Context, s *hub.Session, id string) bool {
	return e.unsubscribe(ctx, s, hub.Topic{Kind: hub.RecordTopic, Name: id})
}

// EndRecord ends a connection's subscription to a record, wherever it is
// connected, and reports whether there was one.
func (e *Engine) EndRecord(ctx context.Context, id, connection, reason string) (bool, error) {
	t := backplane.Topic{Kind: backplane.RecordOf, Name: id}
	return e.endSubscription(ctx, t, "recordId", id, connection, reason)
}
