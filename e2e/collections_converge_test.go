//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// While many write, every view of a collection becomes what it is, whatever it
// has seen on the way.
func TestCollectionsConverge(t *testing.T) {
	t.Parallel()
	for name, s := range kept(t, collectionsConfig) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			collectionsConverge(t, start(t, s))
		})
	}
}

func collectionsConverge(t *testing.T, h *host) {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	type watching struct {
		*client
		*view
	}
	var watchers []watching
	watch := func(d dialing) {
		for _, id := range []string{"all", "board:a", "board:b"} {
			c := h.dial(t, d)
			watchers = append(watchers, watching{c, c.watch(t, id)})
		}
	}
	watch(v1)
	var group sync.WaitGroup
	for i := range 4 {
		c, random := h.dial(t, v1), rand.New(rand.NewPCG(seed, uint64(i))) //nolint:gosec // it is to be repeatable
		group.Go(func() {
			for begun := time.Now(); time.Since(begun) < time.Second; {
				if _, err := c.ask("mesh/transaction", `{"operations":[`+shuffled(random)+`]}`); err != nil {
					t.Error(err)
				}
			}
		})
	}
	watch(dialing{}) // in the midst of it
	watch(v1)
	group.Wait()
	all, boards := make(map[string]string), map[string][]ranked{}
	for _, r := range h.records(t, `{"pattern":"/^card:.+$/","values":true,"limit":1000}`).Records {
		all[r.RecordID] = stamped(r.RecordID, r.Value)
		var v struct {
			Board string
			Open  bool
			Rank  int
		}
		if err := json.Unmarshal(r.Value, &v); err != nil {
			t.Fatal(err)
		}
		if v.Open {
			boards[v.Board] = append(boards[v.Board], ranked{v.Rank, r.RecordID})
		}
	}
	for _, w := range watchers {
		want := all
		if w.view.id != "all" {
			want = firstOf(boards[strings.TrimPrefix(w.view.id, "board:")], all, 3)
		}
		w.shows(t, w.client, want)
		t.Logf("%s: %d diffs, %d frames", w.view.id, w.view.diffs, w.taken)
	}
}

// shuffled is an operation on one of a few records.
func shuffled(random *rand.Rand) string {
	id := fmt.Sprint("card:", random.IntN(12))
	switch random.IntN(6) {
	case 0:
		return deleteOp(id)
	case 1:
		return writeOp(id, fmt.Sprintf(`{"open":%t,"board":"a","rank":%d}`, random.IntN(2) == 0, random.IntN(5)), `"strategy":"merge"`)
	}
	return writeOp(id, fmt.Sprintf(`{"board":%q,"open":%t,"rank":%d}`, []string{"a", "b"}[random.IntN(2)], random.IntN(4) > 0, random.IntN(9)))
}

type ranked struct {
	rank int
	id   string
}

// firstOf are the first n of a board, the highest rank first, equal ones by id.
func firstOf(board []ranked, values map[string]string, n int) map[string]string {
	slices.SortFunc(board, func(a, b ranked) int {
		if a.rank != b.rank {
			return b.rank - a.rank
		}
		return strings.Compare(a.id, b.id)
	})
	first := make(map[string]string)
	for _, r := range board[:min(n, len(board))] {
		first[r.id] = values[r.id]
	}
	return first
}
