package memory

import (
	"fmt"
	"maps"
	"slices"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// recordLoader puts the records of a journal into a store that has none.
type recordLoader struct {
	*Store
	// missing are how many patches of a record's log are still to come.
	missing map[string]int64
}

// loadRecords loads the records of a journal, whatever their limit is now.
// Values that have expired meanwhile are deleted when the store is used, by a
// version as ever.
func (s *Store) loadRecords(j Journal) error {
	l := recordLoader{s, make(map[string]int64)}
	if err := j.Load(RecordTable, l.record); err != nil {
		return fmt.Errorf("load records: %w", err)
	}
	if err := j.Load(PatchTable, l.patch); err != nil {
		return fmt.Errorf("load patches of records: %w", err)
	}
	if len(l.missing) > 0 {
		id := slices.Min(slices.Collect(maps.Keys(l.missing)))
		return fmt.Errorf("load patches of records: %d of record %q are missing", l.missing[id], id)
	}
	return nil
}

func (l *recordLoader) record(key, entry []byte) error {
	d, err := decodeRecord(key, entry)
	if err != nil {
		return err
	}
	r := &record{
		id: d.id, hash: l.hash(d.id), index: nowhere,
		epoch: d.epoch, number: d.number, value: d.value, tombstone: d.tombstone,
	}
	if !l.records.add(r.hash, r.id, r, nil) {
		return fmt.Errorf("record %q is there twice", r.id)
	}
	if d.patches > 0 {
		l.missing[r.id] = d.patches
	}
	l.endsAt(r, l.fromDate(d.ends))
	l.recordBytes.Add(r.size())
	return nil
}

// patch takes a patch into the log of its record; each has to be the next one.
func (l *recordLoader) patch(key, entry []byte) error {
	id, number, patch, err := decodePatch(key, entry)
	if err != nil {
		return err
	}
	r, missing := l.records.find(l.hash(id), id), l.missing[id]
	if missing == 0 || number != r.number-missing+1 {
		return fmt.Errorf("record %q has no place for the patch of version %d", id, number)
	}
	r.log.push(patch, r.log.count()+int(missing))
	l.recordBytes.Add(int64(len(patch) + backplane.PatchOverhead))
	if l.missing[id]--; missing == 1 {
		delete(l.missing, id)
	}
	return nil
}
