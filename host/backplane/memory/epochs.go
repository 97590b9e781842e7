package memory

import (
	"context"
	"math/rand/v2"
)

// renewal gives what a store has loaded new epochs, before anyone else has the
// store. A journal that was put back to an earlier state goes on with versions and
// offsets that clients know with other contents; it cannot know that it was, so
// whoever has put it back says so.
type renewal struct {
	*Store
	change []JournalEntry
	size   int // bytes of the entries
}

// renewalSize is how many bytes are written as one change, or some more, so that
// what is large is not in memory twice. Each record is in one change with its
// patches, so that a store whose renewal was cut short is in order, and can be
// renewed again.
const renewalSize = 4 << 20

// renewEpochs gives every record, tombstones too, and every stream a new epoch,
// and returns once that is kept.
func (s *Store) renewEpochs() error {
	r := renewal{Store: s}
	for i := range shardCount {
		for _, rec := range s.records.values(i) {
			if err := r.flush(renewalSize); err != nil {
				return err
			}
			r.record(rec)
		}
		for _, st := range s.channels.streams.values(i) {
			if err := r.flush(renewalSize); err != nil {
				return err
			}
			r.stream(st)
		}
	}
	return r.flush(1)
}

// record renews a record, whose value and version stay. No patch leads from one
// epoch to another, so the log goes.
func (r *renewal) record(rec *record) {
	before := rec.size()
	for ; rec.log.count() > 0; rec.log.pop() {
		oldest := rec.number - int64(rec.log.count()) + 1
		r.add(JournalEntry{Table: PatchTable, Key: patchKey(rec.id, oldest)})
	}
	rec.log.shrink()
	rec.epoch = newEpoch()
	entry := rec.encode(rec.value, r.toDate(rec.ends))
	r.add(JournalEntry{RecordTable, recordKey(rec.id), entry})
	if rec.value != nil {
		rec.value = entry[len(entry)-len(rec.value):] // one copy only
	}
	r.recordBytes.Add(rec.size() - before)
}

// stream renews a stream, whose messages and offsets stay.
func (r *renewal) stream(s *stream) {
	s.begin(rand.Uint64())
	r.add(s.entry())
}

func (r *renewal) add(e JournalEntry) {
	r.change = append(r.change, e)
	r.size += len(e.Key) + len(e.Value)
}

// flush has what there is kept, if it is at least so many bytes.
func (r *renewal) flush(least int) error {
	if r.size < least {
		return nil
	}
	at := r.journal.Append(r.change, nil)
	r.change, r.size = nil, 0
	return r.kept(context.Background(), at)
}
