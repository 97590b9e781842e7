package memory_test

import (
	"context"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
)

// sized is many records of a kind.
type sized struct {
	records, patches int
	value            int // bytes
	ttl              time.Duration
	deleted          bool
}

// What records count is what they take up in memory, or the limit of all would
// bound text only. It looks at the heap of the process, so nothing runs beside
// it.
func TestRecordsTakeUpWhatTheyCount(t *testing.T) {
	for name, kind := range map[string]sized{
		"small":       {records: 20_000, value: 1},
		"with a TTL":  {records: 20_000, value: 1, ttl: time.Hour},
		"1000 bytes":  {records: 5_000, value: 1000},
		"one patch":   {records: 20_000, value: 1, patches: 1},
		"5 patches":   {records: 5_000, value: 1, patches: 5},
		"33 patches":  {records: 3_000, value: 1, patches: 33}, // in a ring for 64
		"64 patches":  {records: 2_000, value: 1, patches: 64},
		"100 patches": {records: 1_000, value: 1, patches: 100}, // of which 64 are kept
		"tombstones":  {records: 20_000, value: 1, patches: 1, deleted: true},
	} {
		for journal, o := range map[string]memory.Options{"without": {}, "with": {Journal: new(forgetful)}} {
			before := liveHeap()
			s, err := memory.Open(o)
			must(t, err)
			kind.write(s.Node("a"))
			live := liveHeap() - before
			counted := s.Stats().RecordBytes
			if counted*10 < live*7 || counted*10 > live*16 {
				t.Errorf("%s, %s a journal: a record counts %d bytes and takes up %d",
					name, journal, counted/int64(kind.records), live/int64(kind.records))
			}
		}
	}
}

func (k sized) write(n *memory.Node) {
	w := backplane.RecordWrite{
		Value: []byte(strings.Repeat("1", k.value)), TTL: k.ttl, Tombstone: time.Hour, Log: 64, LogSize: 4 << 10,
	}
	if k.patches > 0 {
		w.Patch = []byte(`[{"op":"replace","path":"","value":1}]`)
	}
	for i := range k.records {
		writes := []backplane.RecordWrite{w}
		writes[0].ID = strconv.Itoa(i)
		for range max(1, k.patches) {
			again(n, writes)
		}
		if k.deleted {
			writes[0].Value = nil
			again(n, writes)
		}
	}
}

// liveHeap is how many bytes of the heap are in use.
func liveHeap() int64 {
	runtime.GC()
	runtime.GC() // what the first has found may have been kept by a pool
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// forgetful is a journal that keeps nothing, so that all there is in memory is
// the store's.
type forgetful struct{ place int64 }

func (*forgetful) Load(memory.Table, func(key, value []byte) error) error { return nil }

func (f *forgetful) Append(_ []memory.JournalEntry, then func()) int64 {
	if then != nil {
		then()
	}
	f.place++
	return f.place
}

func (*forgetful) Wait(context.Context, int64) error { return nil }
