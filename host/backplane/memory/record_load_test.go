package memory_test

import (
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
)

// The record of sample, as a journal has it.
const (
	sampleID  = "the id"
	sampleKey = "\x06the id"
)

func samplePatch(number uint64) string {
	return string(binary.BigEndian.AppendUint64([]byte(sampleKey), number))
}

// sample returns a ledger that has kept three versions of a record, and the
// tombstone of another.
func sample(tb testing.TB) *ledger {
	tb.Helper()
	l := newLedger().run(tb)
	n := open(tb, l).Node("a")
	for _, value := range []string{"one", "two", "three"} {
		write(tb, n, sampleID, value)
	}
	write(tb, n, "deleted", "1")
	write(tb, n, "deleted", "")
	return l.crash()
}

type entries = map[string][]byte

// set changes a byte of an entry.
func set(at int, to byte) func(entries, entries) {
	return func(records, _ entries) { records[sampleKey][at] = to }
}

// behind replaces the i-th byte behind an entry's epoch.
func behind(i int, with ...byte) func(entries, entries) {
	return func(records, _ entries) {
		records[sampleKey] = tail(records[sampleKey], behindEpoch(records[sampleKey])+i, with...)
	}
}

func behindEpoch(entry []byte) int { return 3 + int(entry[2]) }

func TestDamagedRecordsAreNotLoaded(t *testing.T) {
	t.Parallel()
	must(t, reopen(sample(t)))
	for name, c := range map[string]struct {
		spoil func(records, patches entries)
		says  string
	}{
		"another format":            {set(0, 2), "format 2"},
		"no format":                 {set(0, 0), "damaged"},
		"neither":                   {set(1, 2), "damaged"},
		"a deleted value":           {set(1, 1), "damaged"},
		"no epoch":                  {set(2, 0), "damaged"},
		"no version":                {behind(0, 0), "damaged"},
		"another version":           {behind(0, 4), "no place for the patch of version 1"},
		"fewer patches":             {behind(1, 2), "no place for the patch of version 1"},
		"more than versions":        {behind(1, 4), "damaged"},
		"no tombstone":              {behind(2, 0), "damaged"},
		"a long number":             {behind(0, 0x83, 0), "damaged"},
		"a huge number":             {behind(0, 255, 255, 255, 255, 255, 255, 255, 255, 127), "damaged"},
		"a tombstone with more":     {func(records, _ entries) { records["\x07deleted"] = append(records["\x07deleted"], 'x') }, "damaged"},
		"no entry":                  {func(records, _ entries) { records[sampleKey] = nil }, "damaged"},
		"a patch is missing":        {func(_, patches entries) { delete(patches, samplePatch(2)) }, "no place for the patch of version 3"},
		"the last is missing":       {func(_, patches entries) { delete(patches, samplePatch(3)) }, "1 of record"},
		"all are missing":           {func(_, patches entries) { clear(patches) }, "3 of record"},
		"a patch too many":          {func(_, patches entries) { patches[samplePatch(4)] = []byte{1} }, "no place for the patch of version 4"},
		"a patch of version 0":      {func(_, patches entries) { patches[samplePatch(0)] = []byte{1} }, "damaged"},
		"patches of no record":      {func(records, _ entries) { delete(records, sampleKey) }, "no place for the patch of version 1"},
		"an empty patch":            {func(_, patches entries) { patches[samplePatch(2)] = nil }, "damaged"},
		"another format of a patch": {func(_, patches entries) { patches[samplePatch(2)][0] = 7 }, "format 7"},
		"a short key of a patch":    {func(_, patches entries) { patches[samplePatch(2)[:10]] = []byte{1} }, "damaged"},
		"a long key of a patch":     {func(_, patches entries) { patches[samplePatch(2)+"x"] = []byte{1} }, "damaged"},
		"a short key":               {func(records, _ entries) { records["\x10the id"] = records[sampleKey] }, "damaged"},
		"a long key":                {func(records, _ entries) { records[sampleKey+"x"] = records[sampleKey] }, "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := sample(t)
			for table, all := range l.kept {
				for key, entry := range all {
					l.kept[table][key] = slices.Clone(entry)
				}
			}
			c.spoil(l.kept[memory.RecordTable], l.kept[memory.PatchTable])
			err := reopen(l)
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "the id") && !strings.Contains(err.Error(), "deleted") {
				t.Errorf("says %q, not %q of the record", err, c.says)
			}
		})
	}
}

// tail has the byte at a place of an entry replaced.
func tail(entry []byte, at int, with ...byte) []byte {
	return slices.Concat(entry[:at], with, entry[at+1:])
}

func reopen(l *ledger) error {
	_, err := memory.Open(memory.Options{Journal: l})
	return err
}

func TestRecordsCutShortAreNotLoaded(t *testing.T) {
	t.Parallel()
	whole := sample(t).kept[memory.RecordTable][sampleKey]
	for n := range len(whole) - len("three") {
		l := sample(t)
		l.kept[memory.RecordTable] = maps.Clone(l.kept[memory.RecordTable])
		l.kept[memory.RecordTable][sampleKey] = whole[:n]
		if err := reopen(l); err == nil || !strings.Contains(err.Error(), sampleID) {
			t.Errorf("of %d bytes: %v", n, err)
		}
	}
}

// Whatever is in a journal, it is refused, or can be used and comes back as it
// is.
func FuzzLoadRecords(f *testing.F) {
	seed := sample(f)
	for key, entry := range seed.kept[memory.RecordTable] {
		f.Add([]byte(key), entry, []byte(samplePatch(3)), seed.kept[memory.PatchTable][samplePatch(3)])
	}
	one := seed.kept[memory.RecordTable][sampleKey]
	patches := behindEpoch(one) + 1
	one = tail(one, patches, 1)
	f.Add([]byte(sampleKey), one, []byte(samplePatch(3)), seed.kept[memory.PatchTable][samplePatch(3)])
	f.Add([]byte(sampleKey), tail(one, patches, 0), []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, recordKey, recordEntry, patchKey, patchEntry []byte) {
		l := newLedger()
		l.put(memory.JournalEntry{Table: memory.RecordTable, Key: recordKey, Value: append([]byte{}, recordEntry...)})
		if len(patchKey) > 0 {
			l.put(memory.JournalEntry{Table: memory.PatchTable, Key: patchKey, Value: append([]byte{}, patchEntry...)})
		}
		s, err := memory.Open(memory.Options{Journal: l})
		if err != nil {
			return
		}
		l.run(t)
		n := s.Node("a")
		size, read := binary.Uvarint(recordKey)
		id := string(recordKey[read:])
		if int(size) != len(id) {
			t.Fatalf("the key %q was read", recordKey)
		}
		r := recordNow(t, n, id) // which may have ended
		_, patches, ok, err := n.Records().Since(ctx, id, backplane.Version{Epoch: r.Epoch, Number: r.Number - 1})
		must(t, err)
		if ok && r.Number > 0 && len(patches) != 1 {
			t.Fatalf("%d patches since the version before", len(patches))
		}
		at := write(t, n, id, "next")
		again := recordNow(t, open(t, l.crash()).Node("a"), id)
		if again.Version != at || string(again.Value) != "next" {
			t.Fatalf("%+v was written, %+v is loaded", at, again)
		}
	})
}
