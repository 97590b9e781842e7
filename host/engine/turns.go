package engine

import (
	"bytes"
	"context"
	"hash/maphash"
	"slices"
	"sync/atomic"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// turns let the writers of a record on this node come one after the other: each
// builds on what the one before has made, instead of trying again and again.
// Records share turns by their hash; a transaction takes those of its records in
// one order, so that no two wait for each other.
type turns struct {
	seed  maphash.Seed
	slots [256]slot
}

type slot struct {
	taken chan struct{} // holds a value while someone has the turn
	// left is what the last writer has made, until it is kept: the next one may
	// build on it before that.
	left atomic.Pointer[backplane.Record]
}

func (x *turns) init() {
	x.seed = maphash.MakeSeed()
	for i := range x.slots {
		x.slots[i].taken = make(chan struct{}, 1)
	}
}

// turn is what a writer has taken.
type turn struct {
	slots []*slot
	// left is what the writer before has left, if it has, and ahead says that it
	// is what this one builds on: it may not be kept yet.
	left  *backplane.Record
	ahead bool
}

// take waits for the turns of all records that are written.
func (x *turns) take(ctx context.Context, writes []Write) (turn, error) {
	wanted := make([]uint64, len(writes))
	for i := range writes {
		wanted[i] = maphash.String(x.seed, writes[i].Record) % uint64(len(x.slots))
	}
	slices.Sort(wanted)
	var t turn
	for _, i := range slices.Compact(wanted) {
		if err := x.slots[i].take(ctx); err != nil {
			t.done()
			return turn{}, err
		}
		t.slots = append(t.slots, &x.slots[i])
		t.left = x.slots[i].left.Load()
	}
	return t, nil
}

func (s *slot) take(ctx context.Context) error {
	select {
	case s.taken <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// leave lets the next writer of the one record build on a version, until kept,
// which it returns anew, has returned.
func (t *turn) leave(plans []backplane.RecordWrite, versions []backplane.Version, kept func(context.Context) error) func(context.Context) error {
	if len(plans) != 1 || plans[0].Keep {
		return kept
	}
	s := t.slots[0]
	left := &backplane.Record{ID: plans[0].ID, Version: versions[0], Value: bytes.Clone(plans[0].Value)}
	s.left.Store(left)
	return func(ctx context.Context) error {
		defer s.left.CompareAndSwap(left, nil)
		return kept(ctx)
	}
}

func (t *turn) done() {
	for _, s := range t.slots {
		<-s.taken
	}
}
