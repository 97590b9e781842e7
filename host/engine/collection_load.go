package engine

import (
	"context"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/backplane"
)

// first returns the ids of a declared collection's records, in order. Where its
// table has to be loaded, those of all selections that wait for it are, with one
// reading of the records: a crowd that comes at once costs little more than one.
func (f *family) first(ctx context.Context, records backplane.Records, s *selection) ([]string, error) {
	if ids, ok := f.answer(s); ok {
		return ids, nil
	}
	select {
	case f.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, storeError(abi.OpRecordsList, ctx.Err())
	}
	defer func() { <-f.turn }()
	if ids, ok := f.answer(s); ok {
		return ids, nil
	}
	if err := f.load(ctx, records); err != nil {
		return nil, storeError(abi.OpRecordsList, err)
	}
	ids, _ := f.answer(s)
	return ids, nil
}

// answer returns the first records of a table, and whether that is all there is
// to know.
func (f *family) answer(s *selection) (ids []string, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return s.table.first(), !s.stale
}

// loadPage is how many records are read at a time, loadBytes how many bytes of
// them. loadTimes is the pace of a family: where it is loaded without end, that
// takes half of the time.
const (
	loadPage  = 1000
	loadBytes = 4 << 20
	loadTimes = 2
)

// load fills the tables that are stale; the turn is taken. Changes go on being
// put into them meanwhile, and a record that has changed since is passed over
// where it is listed as it was before.
func (f *family) load(ctx context.Context, records backplane.Records) (err error) {
	loading := f.beginLoad()
	defer func() { f.endLoad(loading, err == nil) }()
	q := backplane.RecordQuery{Match: f.matches, Values: true, Limit: loadPage, Bytes: loadBytes}
	for more := true; more; more = q.Cursor != "" {
		if err = f.rest(ctx); err != nil {
			return err
		}
		began := time.Now()
		var page []backplane.Record
		if page, q.Cursor, err = records.List(ctx, q); err != nil {
			return err
		}
		for i := range page {
			f.listed(&page[i])
		}
		now := time.Now()
		f.pace.charge(now, loadTimes*now.Sub(began))
	}
	return nil
}

// rest waits until the pace allows another page to be read.
func (f *family) rest(ctx context.Context) error {
	left := f.pace.left(time.Now())
	if left == 0 {
		return nil
	}
	t := time.NewTimer(left)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *family) beginLoad() (loading []*selection) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.late, f.missed = make(map[string]backplane.Version), false
	for _, s := range f.selections {
		if s.stale && s.emptied.IsZero() {
			f.clear(s)
			s.loading = true
			loading = append(loading, s)
		}
	}
	return loading
}

// endLoad ends a load. A table that others have emptied meanwhile is to be
// loaded again, as are all where changes may have been missed.
func (f *family) endLoad(loading []*selection, done bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.late = nil
	for _, s := range loading {
		s.loading = false
		if !done {
			continue
		}
		if s.stale = f.missed || s.table.short(); s.stale {
			f.touch(s)
		}
	}
}

// listed puts a record into the tables, unless it has changed since.
func (f *family) listed(r *backplane.Record) {
	var room lookRoom
	l := f.at(&room, r.Value)
	if !l.passes {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if v, ok := f.late[r.ID]; ok && !(v.Epoch == r.Epoch && v.Number < r.Number) {
		return
	}
	f.move(f.known[r.ID], r.ID, r.Version, &l)
}
