package engine

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/exposure"
)

// newTeams makes a family of "of:<team>" over a shelf with a record of each.
func newTeams(t *testing.T, teams int) (*family, *shelf) {
	t.Helper()
	store := &shelf{records: make(map[string]backplane.Record)}
	for i := range teams {
		store.set("r"+strconv.Itoa(i), item{team: strconv.Itoa(i)}.text())
	}
	return newFamily("", &exposure.Collection{
		Pattern: patternOf(t, `/^of:(.*)$/`), Limit: 10, Filter: []exposure.Condition{conditionOf(t, "team", `"$1"`)},
	}, func(*selection) {}), store
}

// visit subscribes to a team's collection, and unsubscribes.
func visit(t *testing.T, f *family, store *shelf, team int, want ...string) {
	t.Helper()
	c := &collection{id: "of:" + strconv.Itoa(team)}
	s := f.join(c)
	defer f.leave(c, s)
	if got, err := f.first(context.Background(), store, s); err != nil || !slices.Equal(got, want) {
		t.Errorf("%s has %q (%v), want %q", c.id, got, err, want)
	}
}

func TestTablesAreKeptForAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, store := newTeams(t, 3)
		visit(t, f, store, 1, "r1")
		c := store.set("r2", item{team: "1"}.text()) // while nobody looks
		f.changed(&c)
		for range 5 {
			pause(keptFor - time.Second)
			visit(t, f, store, 1, "r1", "r2")
		}
		if store.lists != 1 {
			t.Errorf("%d pages were read", store.lists)
		}
		pause(keptFor)
		if left, empty := f.discardOld(time.Now()); left != 0 || !empty || len(f.known) > 0 {
			t.Errorf("after %v something is left, for %v: %v", keptFor, left, f.known)
		}
		visit(t, f, store, 1, "r1", "r2")
		if store.lists != 2 {
			t.Errorf("%d pages were read", store.lists)
		}
	})
}

func TestOnlySomeTablesAreKept(t *testing.T) {
	t.Parallel()
	f, store := newTeams(t, 1)
	for i := range maxKept + 20 {
		visit(t, f, store, i, slices.Repeat([]string{"r0"}, max(0, 1-i))...)
	}
	if len(f.kept) != maxKept || len(f.selections) != maxKept || len(f.known) > 0 {
		t.Errorf("%d tables are kept, %d are there, with %d records", len(f.kept), len(f.selections), len(f.known))
	}
	before := store.lists
	visit(t, f, store, 20)
	if visit(t, f, store, 19); store.lists != before+1 {
		t.Error("it is not the oldest that have gone")
	}
}

// TestWhatIsKeptIsNotLoaded empties a table that is kept.
func TestWhatIsKeptIsNotLoaded(t *testing.T) {
	t.Parallel()
	f, store := newTeams(t, 200)
	for i := range 200 {
		store.set("r"+strconv.Itoa(i), item{team: "1", rank: i}.text())
	}
	visit(t, f, store, 1, "r0", "r1", "r10", "r100", "r101", "r102", "r103", "r104", "r105", "r106")
	kept := f.kept[0]
	for _, e := range slices.Clone(kept.table.entries) {
		c := store.set(e.id, "")
		f.changed(&c)
	}
	visit(t, f, store, 2)
	if !kept.stale || len(kept.table.entries) >= kept.table.limit {
		t.Errorf("it has %d records", len(kept.table.entries))
	}
	if visit(t, f, store, 1, first10(store)...); kept.stale {
		t.Error("it is not loaded when someone comes")
	}
}

func first10(store *shelf) []string {
	return store.first(func(backplane.Record) bool { return true },
		func(a, b backplane.Record) int { return slices.Compare([]byte(a.ID), []byte(b.ID)) }, 10)
}

// TestAFamilyKeepsItsTablesAndEnds has an engine's last subscriber go.
func TestAFamilyKeepsItsTablesAndEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := new(collections)
		x.families, x.byID = make(map[string]*family), make(map[string]*collection)
		exposed := &exposure.Collection{Pattern: patternOf(t, `/^of:(.*)$/`), Limit: 1}
		leave := func() {
			x.mu.Lock()
			defer x.mu.Unlock()
			c := &collection{id: "of:a"}
			x.place(c, exposed)
			c.selection.stale = false // loaded
			x.displace(c)
		}
		families := func() int {
			x.mu.Lock()
			defer x.mu.Unlock()
			return len(x.families)
		}
		leave()
		for range 3 {
			pause(keptFor / 2)
			leave()
		}
		if families() != 1 || x.concerned.Load() == nil {
			t.Fatal("it is not kept")
		}
		pause(keptFor)
		synctest.Wait()
		if families() != 0 || x.concerned.Load() != nil {
			t.Error("it never ends")
		}
	})
}

// TestLoadsTakeHalfOfTheTime loads without end from a store that is slow.
func TestLoadsTakeHalfOfTheTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, store := newTeams(t, 7)
		store.between = func() { pause(50 * time.Millisecond) } // twice for each page
		began := time.Now()
		for i := range 10 {
			visit(t, f, store, 100+i)
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("the first second takes %v", took)
		}
		for i := range 300 {
			visit(t, f, store, 200+i)
		}
		if took := time.Since(began); took < 60*time.Second || took > 62*time.Second {
			t.Errorf("31 s take %v", took)
		}
		cancelled, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		if _, err := f.first(cancelled, store, f.join(&collection{id: "of:x"})); err == nil {
			t.Error("a pause is not ended")
		}
	})
}

// pause lets time go by, in a bubble.
func pause(d time.Duration) { <-time.After(d) }
