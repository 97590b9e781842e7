package backplanetest

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// recordCost is what a record counts.
func recordCost(id, value string, patches ...string) int64 {
	bytes := len(id) + len(value) + backplane.RecordOverhead
	for _, patch := range patches {
		bytes += len(patch) + backplane.PatchOverhead
	}
	return int64(bytes)
}

// unlogged is an edit without a patch log.
func unlogged(r backplane.Record, value string) backplane.RecordWrite {
	w := edit(r, value)
	w.Log = 0
	return w
}

// within makes writes under a limit and reports whether there was no room.
func (n *node) within(limit int64, writes ...backplane.RecordWrite) (full bool) {
	n.t.Helper()
	_, _, err := n.Records().Commit(context.Background(), writes, limit)
	if full = errors.Is(err, backplane.ErrFull); !full {
		n.check("commit", err)
	}
	return full
}

func limitsRecords(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	limit := recordCost("r1", "12") + recordCost("r2", "9")
	for i, step := range []struct {
		values map[string]string
		full   bool
	}{
		{map[string]string{"r1": "12"}, false},
		{map[string]string{"r2": "9"}, false},
		{map[string]string{"r3": "1"}, true},
		{map[string]string{"r1": "123"}, true},
		{map[string]string{"r1": "34"}, false},
		{map[string]string{"r1": "345", "r2": "9"}, true},
		{map[string]string{"r1": "345", "r2": ""}, false},
		{map[string]string{"r3": ""}, true}, // what is missing is made larger by being deleted
		{map[string]string{"r1": "3456"}, true},
		{map[string]string{"r1": ""}, false},
		{map[string]string{"r2": "9876"}, true},
		{map[string]string{"r2": "987"}, false},
		{map[string]string{"r1": "1"}, true},
		{map[string]string{"r1": "1", "r2": "98"}, false},
	} {
		n := nodes[i%2]
		var writes []backplane.RecordWrite
		for id, value := range step.values {
			writes = append(writes, unlogged(n.recordNow(id), value))
		}
		is(s.T, "full at step "+strconv.Itoa(i), n.within(limit, writes...), step.full)
		for id, value := range step.values {
			if got := string(nodes[1].recordNow(id).Value); !step.full && got != value {
				s.Errorf("step %d: %s is %q", i, id, got)
			}
		}
	}
	limitsPatches(nodes[0], limit)
}

// limitsPatches writes patches to r2, without the two bytes that its value has:
// there is room for two bytes of patches then, and what these cost is up to a
// step.
func limitsPatches(n *node, limit int64) {
	for i, step := range []struct {
		patch string
		log   int
		more  int64
		full  bool
	}{
		{"12", 1, backplane.PatchOverhead - 1, true},
		{"123", 1, backplane.PatchOverhead, true},
		{"12", 1, backplane.PatchOverhead, false},
		{"1", 5, 2 * backplane.PatchOverhead, true},
		{"", 5, 2*backplane.PatchOverhead - 1, true},
		{"", 5, 2 * backplane.PatchOverhead, false},
		{"21", 1, 0, false}, // which makes it smaller
		{"1", 1, 0, false},
		{"11", 1, backplane.PatchOverhead, false},
		{"", 0, 0, false},
		{"", 1, backplane.PatchOverhead - 3, true},
	} {
		w := edit(n.recordNow("r2"), "")
		w.Value, w.Patch, w.Log = []byte{}, []byte(step.patch), step.log
		is(n.t, "full at patch "+strconv.Itoa(i), n.within(limit+step.more, w), step.full)
	}
}

func shrinksRecords(s *suite) {
	a := s.node("a")
	a.commit(unlogged(backplane.Record{ID: "r"}, "12345"), unlogged(backplane.Record{ID: "q"}, "1"))
	for _, value := range []string{"54321", "1234", "", ""} {
		is(s.T, "full", a.within(1, unlogged(a.recordNow("r"), value)), false)
		is(s.T, "full", a.within(1, unlogged(a.recordNow("r"), value+"+")), true)
	}
	is(s.T, "full", a.within(1, unlogged(a.recordNow("q"), "1"), unlogged(a.recordNow("r"), "1")), true)
	keep := edit(a.recordNow("q"), "")
	keep.Keep = true
	is(s.T, "full for what is kept", a.within(1, keep), false)
}

func refusedRecords(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	nodes[1].subscribe(backplane.AllRecords, "")
	at := nodes[0].write("r", "one")
	used := recordCost("r", "one", ">one")
	for i := range 100 {
		n := nodes[i%2]
		large := edit(backplane.Record{ID: "new" + strconv.Itoa(i%3)}, strings.Repeat("x", 1000))
		is(s.T, "full", n.within(used+1000, large), true)
		is(s.T, "full", n.within(used+1000, edit(nodes[0].recordNow("r"), "two"), large), true)
	}
	s.wantRecord(nodes, "r", at, "one")
	s.wantRecord(nodes, "new0", backplane.Version{}, "")
	want(s.T, "records", s.readAll(nodes[0].listRecords, 10), []string{"r"})
	limit := used + recordCost("new0", "1")
	is(s.T, "full", nodes[0].within(limit, unlogged(backplane.Record{ID: "new0"}, "12")), true)
	is(s.T, "full", nodes[0].within(limit, unlogged(backplane.Record{ID: "new0"}, "1")), false)
	nodes[0].write("r", "last")
	s.wantTold("told", nodes[1].recordOf(s.T, "r", 2), "one by one", "last by last")
	s.wantTold("told", nodes[1].recordOf(s.T, "new0", 1), "1 by 1")
}

// Whatever was written and refused, in the end the records count what they are.
func hammerRecordLimit(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	ids := numbered("r", 10)
	limit := 10*recordCost(ids[0], "") + 5000
	hammer(func(worker int) {
		n := nodes[worker%2]
		for range s.rounds {
			var writes []backplane.RecordWrite
			for _, i := range rand.Perm(len(ids))[:1+rand.IntN(2)] {
				w := edit(n.recordNow(ids[i]), strings.Repeat("x", rand.IntN(1000)))
				w.Log = rand.IntN(4)
				writes = append(writes, w)
			}
			n.within(limit, writes...)
		}
	})
	for _, id := range ids {
		nodes[0].try([]string{id}, func(now []backplane.Record) []backplane.RecordWrite {
			return []backplane.RecordWrite{edit(now[0], "")}
		})
	}
	is(s.T, "full", nodes[0].within(limit, unlogged(nodes[1].recordNow(ids[3]), strings.Repeat("x", 5001))), true)
	is(s.T, "full", nodes[0].within(limit, unlogged(nodes[1].recordNow(ids[3]), strings.Repeat("x", 5000))), false)
}
