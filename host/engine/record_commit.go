package engine

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
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
	turn, err := e.turns.take(ctx, writes)
	if err != nil {
		return nil, storeError(abi.OpRecordsSet, err)
	}
	defer turn.done()
	current, err := e.current(ctx, writes)
	for err == nil {
		var plans []backplane.RecordWrite
		if plans, err = e.planAll(writes, current); err != nil {
			return nil, err
		}
		if !anything(plans) {
			return unchanged(current), nil
		}
		var versions []backplane.Version
		versions, current, err = e.node.Records().Commit(ctx, plans, e.limits.RecordsSize)
		if err == nil && current == nil {
			return written(plans, versions), nil
		}
	}
	return nil, e.commitError(err)
}

func (e *Engine) commitError(err error) error {
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
	return e.events.admit(ctx, recordKey(w.Record))
}

func (e *Engine) current(ctx context.Context, writes []Write) ([]backplane.Record, error) {
	all := make([]backplane.Record, len(writes))
	for i := range writes {
		r, err := e.node.Records().Get(ctx, writes[i].Record)
		if err != nil {
			return nil, err
		}
		all[i] = r
	}
	return all, nil
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

// turns let the writers of a record on this node come one after the other: each
// builds on what the one before has made, instead of trying again and again.
// Records share turns by their hash; a transaction takes those of its records in
// one order, so that no two wait for each other.
type turns struct {
	seed  maphash.Seed
	slots [256]chan struct{}
}

func (x *turns) init() {
	x.seed = maphash.MakeSeed()
	for i := range x.slots {
		x.slots[i] = make(chan struct{}, 1)
	}
}

// turn is what a writer has taken.
type turn struct {
	turns *turns
	slots []int
}

// take waits for the turns of all records that are written.
func (x *turns) take(ctx context.Context, writes []Write) (turn, error) {
	t := turn{turns: x}
	wanted := make([]int, len(writes))
	for i := range writes {
		wanted[i] = int(maphash.String(x.seed, writes[i].Record) % uint64(len(x.slots)))
	}
	slices.Sort(wanted)
	for _, slot := range slices.Compact(wanted) {
		select {
		case x.slots[slot] <- struct{}{}:
			t.slots = append(t.slots, slot)
		case <-ctx.Done():
			t.done()
			return turn{}, ctx.Err()
		}
	}
	return t, nil
}

func (t turn) done() {
	for _, slot := range t.slots {
		<-t.turns.slots[slot]
	}
}
