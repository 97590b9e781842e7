package backplanetest

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// wantPatches fails unless since a version of record r lead so many patches, or
// none can be told of where there are fewer than 0.
func (s *suite) wantPatches(n *node, from backplane.Version, count int) {
	s.Helper()
	r, patches, ok := n.since("r", from)
	if now := n.recordNow("r"); r.Version != now.Version || string(r.Value) != string(now.Value) || r.ID != "r" {
		s.Errorf("since %d the record is %+v, and %+v by itself", from.Number, r, now)
	}
	if ok != (count >= 0) || len(patches) != max(0, count) {
		s.Errorf("since version %d of %d: %d patches, %v; want %d", from.Number, r.Number, len(patches), ok, count)
		return
	}
	value := ""
	for i, p := range patches {
		is(s.T, "number of a patch", p.Number, from.Number+int64(i)+1)
		before, after, _ := strings.Cut(string(p.Patch), ">")
		if i > 0 {
			is(s.T, "what a patch begins with", before, value)
		}
		value = after
	}
	if count > 0 {
		is(s.T, "what the patches lead to", value, string(r.Value))
	}
}

func logsPatches(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	var at backplane.Version
	for i := range 5 {
		at = nodes[i%2].write("r", strconv.Itoa(i))
	}
	for _, n := range nodes {
		for from := range int64(6) {
			s.wantPatches(n, backplane.Version{Epoch: at.Epoch, Number: from}, int(5-from))
		}
		for _, from := range []backplane.Version{
			{Epoch: at.Epoch, Number: 6}, {Epoch: at.Epoch, Number: math.MaxInt64},
			{Epoch: at.Epoch, Number: -1}, {Epoch: at.Epoch, Number: math.MinInt64},
			{Epoch: at.Epoch + "x", Number: 5}, {Epoch: at.Epoch + "x", Number: 3}, {Number: 5}, {},
		} {
			s.wantPatches(n, from, -1)
		}
	}
}

func boundsLog(s *suite) {
	a := s.node("a")
	// value has a patch from one with 4 bytes of so many bytes.
	value := func(patch int) string { return strings.Repeat("x", patch-5) }
	for i, step := range []struct {
		patch, count, size int
		kept               int64 // how far the log reaches back afterwards
	}{
		{10, 3, 100, 1}, {10, 3, 100, 2}, {10, 3, 100, 3}, {10, 3, 100, 3}, {10, 3, 100, 3},
		{10, 5, 100, 4}, {10, 5, 100, 5}, {10, 5, 100, 5},
		{10, 5, 40, 4}, {10, 5, 39, 3}, {10, 5, 10, 1}, {10, 1, 100, 1},
		{11, 5, 10, 0}, {10, 5, 10, 1}, {10, 2, 20, 2}, {20, 2, 20, 1}, {10, 3, 30, 2}, {10, 3, 39, 2},
		{10, 0, 100, 0}, {10, 3, 100, 1}, {10, 3, 100, 2}, {10, 3, 0, 0}, {10, 3, 100, 1}, {10, -1, 100, 0}, {10, 3, -1, 0},
	} {
		r := a.recordNow("r")
		w := edit(r, value(step.patch))
		w.Patch = []byte("1234>" + string(w.Value)) // of the size that it says
		w.Log, w.LogSize = step.count, step.size
		at := a.commit(w)[0]
		_, patches, ok := a.since("r", backplane.Version{Epoch: at.Epoch, Number: at.Number - step.kept})
		if !ok || len(patches) != int(step.kept) {
			s.Errorf("step %d: %d patches, %v, want %d", i, len(patches), ok, step.kept)
		}
		if _, patches, ok := a.since("r", backplane.Version{Epoch: at.Epoch, Number: at.Number - step.kept - 1}); ok {
			s.Errorf("step %d: %d patches reach back further than %d", i, len(patches), step.kept)
		}
	}
}

func logWithoutGaps(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	first := nodes[0].write("r", "1")
	reaches := func(number int64) {
		s.Helper()
		top := nodes[0].recordNow("r").Number
		for from := range top + 1 {
			count := int(top - from)
			if from < number {
				count = -1
			}
			s.wantPatches(nodes[1], backplane.Version{Epoch: first.Epoch, Number: from}, count)
		}
	}
	nodes[1].write("r", "2")
	reaches(0)
	nodes[0].write("r", "")
	reaches(3)
	nodes[0].write("r", "4")
	nodes[1].write("r", "5")
	reaches(3)
	w := edit(nodes[0].recordNow("r"), "6")
	w.Patch = nil
	nodes[0].commit(w)
	reaches(6)
	nodes[0].write("r", "7")
	reaches(6)
	keep := edit(nodes[0].recordNow("r"), "")
	keep.Keep, keep.Log = true, 0
	nodes[0].commit(keep)
	reaches(6)
	w = edit(nodes[0].recordNow("r"), "8")
	w.LogSize = len(w.Patch) - 1
	nodes[0].commit(w)
	reaches(8)
}

// logModel is a patch log as a plain list: slow, and easily right.
type logModel struct{ patches []string }

func (m *logModel) write(w backplane.RecordWrite) {
	m.patches = append(m.patches, string(w.Patch))
	size := func() (n int) {
		for _, p := range m.patches {
			n += len(p)
		}
		return n
	}
	for len(m.patches) > 0 && (len(m.patches) > w.Log || size() > w.LogSize || w.Value == nil) {
		m.patches = m.patches[1:]
	}
	// What is not at the end is no log.
	if len(w.Patch) > w.LogSize {
		m.patches = nil
	}
}

func logAnswersAsList(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	var m logModel
	for i := range 3 * s.rounds {
		r := nodes[i%2].recordNow("r")
		w := edit(r, strings.Repeat("x", 1+rand.IntN(30)))
		if rand.IntN(20) == 0 {
			w.Value = nil
		}
		w.Log, w.LogSize = rand.IntN(20), rand.IntN(400)
		if rand.IntN(4) > 0 {
			w.Log, w.LogSize = 12, 300
		}
		at := nodes[i%2].commit(w)[0]
		m.write(w)
		back := rand.IntN(14)
		_, patches, ok := nodes[(i+1)%2].since("r", backplane.Version{Epoch: at.Epoch, Number: at.Number - int64(back)})
		if ok != (back <= len(m.patches)) {
			s.Fatalf("write %d: %d patches back: %v, the list has %d", i, back, ok, len(m.patches))
		}
		if !ok {
			continue
		}
		for j, p := range patches {
			is(s.T, "patch", string(p.Patch), m.patches[len(m.patches)-back+j])
		}
		is(s.T, "patches", len(patches), back)
	}
}
