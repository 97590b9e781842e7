package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// commit makes writes, which are as they must be, of distinct records. What is
// made of a value that another node has changed meanwhile is made again.
func (e *Engine) commit(ctx context.Context, writes []Write) ([]Written, error) {
	for i := range writes {
		if err := e.admitWrite(ctx, &writes[i]); err != nil {
			return nil, err
		}
	}
	defer e.hub.Relieve()
	done, kept, err := e.submit(ctx, writes)
	if err == nil && kept != nil {
		err = kept(ctx) // beside the next writers, who may build on it already
	}
	if err != nil {
		return nil, e.commitError(err)
	}
	return done, nil
}

// submit makes writes in the turn of their records; kept, unless nil, waits until
// they cannot be lost any more.
func (e *Engine) submit(ctx context.Context, writes []Write) (done []Written, kept func(context.Context) error, err error) {
	t, err := e.turns.take(ctx, writes)
	if err != nil {
		return nil, nil, err
	}
	defer t.done()
	current, err := e.current(ctx, &t, writes)
	for err == nil {
		plans, problem := e.planAll(writes, current)
		switch {
		case t.ahead && problem != nil: // which would tell of what is not kept yet
			current, err = e.current(ctx, &t, writes)
			continue
		case problem != nil:
			return nil, nil, problem
		case !t.ahead && !anything(plans):
			return unchanged(current), nil, nil
		}
		var versions []backplane.Version
		versions, current, kept, err = e.node.Records().Submit(ctx, plans, e.limits.RecordsSize)
		if err == nil && current == nil {
			if kept != nil {
				kept = t.leave(plans, versions, kept)
			}
			return written(plans, versions), kept, nil
		}
		t.ahead = false
	}
	return nil, nil, err
}

func (e *Engine) commitError(err error) error {
	if protocol.AsError(err) != nil {
		return err
	}
	if errors.Is(err, backplane.ErrFull) {
		return protocol.NewError(abi.CodeLimit, fmt.Sprintf(
			"The records have grown to limits.records_size (%d bytes); delete some first", e.limits.RecordsSize))
	}
	return storeError(abi.OpRecordsSet, err)
}

// admitWrite waits a moment where too many of a record's versions wait for
// their hooks.
func (e *Engine) admitWrite(ctx context.Context, w *Write) error {
	if !e.events.observer.ObservesRecord(w.Record) {
		return nil
	}
	return e.events.admit(ctx, recordKey(w.Record), w.By)
}

// current returns the records as they are: the one that the writer before has
// left, without asking for it, the first time.
func (e *Engine) current(ctx context.Context, t *turn, writes []Write) ([]backplane.Record, error) {
	if t.ahead = !t.ahead && t.left != nil && len(writes) == 1 && t.left.ID == writes[0].Record; t.ahead {
		return []backplane.Record{*t.left}, nil
	}
	if len(writes) == 1 {
		r, err := e.node.Records().Get(ctx, writes[0].Record)
		return []backplane.Record{r}, err
	}
	all := make([]backplane.Record, len(writes))
	return all, ask(len(writes), func(i int) (err error) {
		all[i], err = e.node.Records().Get(ctx, writes[i].Record)
		return err
	})
}

func (e *Engine) planAll(writes []Write, current []backplane.Record) ([]backplane.RecordWrite, error) {
	plans := make([]backplane.RecordWrite, len(writes))
	for i := range writes {
		p, err := e.plan(&writes[i], current[i])
		if err != nil && len(writes) > 1 {
			return nil, OfRecord(writes[i].Record, err)
		}
		if err != nil {
			return nil, err
		}
		plans[i] = p
	}
	return plans, nil
}

// anything reports whether plans change anything: a version, or when a record
// deletes itself.
func anything(plans []backplane.RecordWrite) bool {
	return slices.ContainsFunc(plans, func(p backplane.RecordWrite) bool { return !p.Keep || p.TTL > 0 })
}

func unchanged(current []backplane.Record) []Written {
	all := make([]Written, len(current))
	for i, r := range current {
		all[i].Version = r.Version
	}
	return all
}

func written(plans []backplane.RecordWrite, versions []backplane.Version) []Written {
	all := make([]Written, len(plans))
	for i := range plans {
		all[i] = Written{Version: versions[i], Changed: !plans[i].Keep}
	}
	return all
}
