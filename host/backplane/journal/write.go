package journal

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/mesh-host/mesh-host/host/backplane/memory"
)

// write commits batch after batch until there are no more, or one fails.
func (j *Journal) write() {
	defer close(j.written)
	// A page that the disk cannot read is a fault in mapped memory: with this it
	// is a panic, which commit recovers from.
	debug.SetPanicOnFault(true)
	for b := j.take(); b != nil; b = j.take() {
		start := time.Now()
		if err := j.commit(b); err != nil {
			j.fail(err)
			return
		}
		j.stats.add(b, time.Since(start))
		j.written <- b
	}
}

// tell calls the thens of what is kept.
func (j *Journal) tell() {
	for b := range j.written {
		for i := range b.changes {
			if then := b.changes[i].then; then != nil {
				then()
				if j.after != nil {
					j.after()
				}
			}
		}
		j.settle(b)
	}
}

// commit writes a batch as one transaction. Where that ends in a panic nothing is
// rolled back: to do so bbolt would go through the whole file that it could not
// read.
func (j *Journal) commit(b *batch) (err error) {
	if b.entries == 0 {
		return nil
	}
	j.torn = true
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		} else {
			j.torn = false
		}
	}()
	entries := j.scratch.merge(b)
	defer j.scratch.release()
	tx, err := j.db.Begin(true)
	if err != nil {
		return err
	}
	if err := writeAll(tx, entries); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// writeAll writes entries, which are in the order of tables.
func writeAll(tx *bolt.Tx, entries []entry) error {
	for len(entries) > 0 {
		t := entries[0].Table
		n := slices.IndexFunc(entries, func(e entry) bool { return e.Table != t })
		if n < 0 {
			n = len(entries)
		}
		if err := writeTable(tx, t, entries[:n]); err != nil {
			return err
		}
		entries = entries[n:]
	}
	return nil
}

// entry is an entry of a batch, with its place there.
type entry struct {
	memory.JournalEntry
	order int
}

// scratch is what the writer uses again for each batch.
type scratch struct {
	entries []entry
	values  []byte
}

// What is used again, at most: the usual batch needs less.
const (
	maxEntries = 1 << 13
	maxValues  = 1 << 20
)

// release lets go of a batch that is written.
func (s *scratch) release() {
	clear(s.entries)
	if cap(s.entries) > maxEntries {
		s.entries = nil
	}
	if cap(s.values) > maxValues {
		s.values = nil
	}
}

// merge returns the entries of a batch as they are stored, in the order of
// tables and keys; of several for one key the last.
func (s *scratch) merge(b *batch) []entry {
	all := slices.Grow(s.entries[:0], b.entries)
	for i := range b.changes {
		for _, e := range b.changes[i].entries {
			all = append(all, entry{e, len(all)})
		}
	}
	s.entries = all
	slices.SortFunc(all, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), bytes.Compare(a.Key, b.Key), cmp.Compare(b.order, a.order))
	})
	all = slices.CompactFunc(all, func(a, b entry) bool { return a.Table == b.Table && bytes.Equal(a.Key, b.Key) })
	s.seal(all)
	return all
}

// seal puts its sum in front of each value.
func (s *scratch) seal(entries []entry) {
	size := 0
	for i := range entries {
		if entries[i].Value != nil {
			size += sumSize + len(entries[i].Value)
		}
	}
	sealed := slices.Grow(s.values[:0], size)
	s.values = sealed
	for i := range entries {
		if e := &entries[i]; e.Value != nil {
			from := len(sealed)
			sealed = appendSealed(sealed, e.Table, e.Key, e.Value)
			e.Value = sealed[from:]
		}
	}
}
