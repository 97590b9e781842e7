package memory

import (
	"context"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// news is what a change of records tells, and what the journal keeps of it. It
// is made and sent under the locks of the records.
type news struct {
	node *Node
	told []told
	// entries are for the journal, none without one.
	entries []JournalEntry
}

// told is a change that is told once it is kept.
type told struct {
	record *record
	change backplane.RecordChange
}

// value returns a copy of a record's next value, when all else of the record is
// as it will be. With a journal it is a part of the record's entry, so that
// there is one copy only.
func (n *news) value(r *record, value []byte) []byte {
	if n.node.store.journal == nil {
		return ownedOrNil(value)
	}
	entry := r.encode(value, n.node.store.toDate(r.ends))
	n.entries = append(n.entries, JournalEntry{Table: RecordTable, Key: recordKey(r.id), Value: entry})
	if value == nil {
		return nil
	}
	return entry[len(entry)-len(value):]
}

// patch returns a copy of the patch that makes the record's version, and adds
// it to the log where it fits.
func (n *news) patch(r *record, w *backplane.RecordWrite, fits bool) []byte {
	if !fits || n.node.store.journal == nil {
		patch := owned(w.Patch)
		if fits {
			r.log.push(patch, w.Log)
		}
		return patch
	}
	entry := encodePatch(w.Patch)
	patch := entry[1:]
	r.log.push(patch, w.Log)
	n.entries = append(n.entries, JournalEntry{Table: PatchTable, Key: patchKey(r.id, r.number), Value: entry})
	return patch
}

// drop takes the oldest patch out of a record's log.
func (n *news) drop(r *record) {
	if n.node.store.journal != nil {
		oldest := r.number - int64(r.log.count()) + 1
		n.entries = append(n.entries, JournalEntry{Table: PatchTable, Key: patchKey(r.id, oldest)})
	}
	r.log.pop()
}

// forget takes a record out of the journal.
func (n *news) forget(r *record) {
	if n.node.store.journal != nil {
		n.entries = append(n.entries, JournalEntry{Table: RecordTable, Key: recordKey(r.id)})
	}
}

// tell tells of a change: now, or with a journal once it is kept.
func (n *news) tell(r *record, c backplane.RecordChange) {
	if n.node.store.journal == nil {
		n.node.tellRecord(r.hash, c)
		return
	}
	r.unkept.Add(1)
	n.told = append(n.told, told{r, c})
}

// send has everything kept as one change, which is what is to be seen of these
// records from now on.
func (n *news) send(of ...*record) {
	if len(n.entries) == 0 {
		return
	}
	var then func()
	if node, all := n.node, n.told; len(all) > 0 {
		then = func() { node.tellAll(all) }
	}
	at := n.node.store.journal.Append(n.entries, then)
	for _, r := range of {
		r.at = at
	}
}

func (n *Node) tellAll(all []told) {
	for i := range all {
		n.tellRecord(all[i].record.hash, all[i].change)
		all[i].record.unkept.Add(-1)
	}
}

// tellRecord tells the subscribed nodes of a change, and the node that it is
// the one who made it.
func (n *Node) tellRecord(hash uint64, c backplane.RecordChange) {
	n.store.deliverRecord(hash, c)
	if r := n.receiver.Load(); r != nil {
		(*r).Wrote(c)
	}
}

// kept returns once the journal has kept what is at a place, so that it can be
// shown to others.
func (s *Store) kept(ctx context.Context, at int64) error {
	if s.journal == nil {
		return nil
	}
	return s.journal.Wait(ctx, at)
}
