package memory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// Commit implements backplane.Records.
func (r records) Commit(ctx context.Context, writes []backplane.RecordWrite, limit int64) (versions []backplane.Version, found []backplane.Record, err error) {
	versions, found, at, err := r.commit(ctx, writes, limit)
	if err == nil {
		err = r.node.store.kept(ctx, at)
	}
	if err != nil {
		return nil, nil, err
	}
	return versions, found, nil
}

// Submit implements backplane.Records.
func (r records) Submit(ctx context.Context, writes []backplane.RecordWrite, limit int64) (versions []backplane.Version, found []backplane.Record, kept func(context.Context) error, err error) {
	s := r.node.store
	versions, found, at, err := r.commit(ctx, writes, limit)
	switch {
	case err != nil:
		return nil, nil, nil, err
	case s.journal == nil:
		return versions, found, nil, nil
	case found != nil:
		return nil, found, nil, s.kept(ctx, at)
	}
	return versions, nil, func(ctx context.Context) error { return s.kept(ctx, at) }, nil
}

// commit makes the writes if it can; at is the place of all that it has seen and
// done. Where there is no room because of values that have expired or tombstones
// that may be forgotten, they go first.
func (r records) commit(ctx context.Context, writes []backplane.RecordWrite, limit int64) (versions []backplane.Version, found []backplane.Record, at int64, err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, 0, err
	}
	versions, found, at, err = r.attempt(writes, limit)
	if errors.Is(err, backplane.ErrFull) {
		r.node.store.endRecords(r.node)
		versions, found, at, err = r.attempt(writes, limit)
	}
	return versions, found, at, err
}

// attempt makes the writes if it can. at is the place in the journal of all that
// it has seen and done.
func (r records) attempt(writes []backplane.RecordWrite, limit int64) (versions []backplane.Version, found []backplane.Record, at int64, err error) {
	var one [1]*record
	of := one[:]
	if len(writes) != 1 {
		of = make([]*record, len(writes))
	}
	if err := r.open(writes, of); err != nil {
		return nil, nil, 0, err
	}
	defer r.close(of)
	switch {
	case !expected(writes, of):
		found = make([]backplane.Record, len(of))
		for i, rec := range of {
			found[i] = rec.read()
		}
	case !r.node.store.reserveRecords(growth(writes, of), limit):
		return nil, nil, 0, backplane.ErrFull
	default:
		versions = r.apply(writes, of)
	}
	for _, rec := range of {
		at = max(at, rec.at)
	}
	return versions, found, at, nil
}

// open locks the records of writes, in the order of their ids.
func (r records) open(writes []backplane.RecordWrite, of []*record) error {
	s := r.node.store
	if len(writes) == 1 {
		of[0] = s.openRecord(r.node, writes[0].ID)
		return nil
	}
	order := make([]int, len(writes))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(writes[i].ID, writes[j].ID) })
	for i := 1; i < len(order); i++ {
		if id := writes[order[i]].ID; id == writes[order[i-1]].ID {
			return fmt.Errorf("memory: commit: record %q is written twice", id)
		}
	}
	for _, i := range order {
		of[i] = s.openRecord(r.node, writes[i].ID)
	}
	return nil
}

func (r records) close(of []*record) {
	for _, rec := range of {
		r.node.store.closeRecord(rec)
	}
}

// expected reports whether all records are as their writes expect them.
func expected(writes []backplane.RecordWrite, of []*record) bool {
	for i, rec := range of {
		if rec.version() != writes[i].Expect {
			return false
		}
	}
	return true
}

// growth is by how many bytes writes make their records larger together.
func growth(writes []backplane.RecordWrite, of []*record) (bytes int64) {
	for i, rec := range of {
		bytes += rec.growth(&writes[i])
	}
	return bytes
}

func (r records) apply(writes []backplane.RecordWrite, of []*record) []backplane.Version {
	s := r.node.store
	to := news{node: r.node}
	versions := make([]backplane.Version, len(of))
	for i, rec := range of {
		if w := &writes[i]; w.Keep {
			s.prolong(rec, w, &to)
		} else {
			to.tell(rec, s.write(rec, w, &to))
		}
		versions[i] = rec.version()
	}
	to.send(of...)
	return versions
}
