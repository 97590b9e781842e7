package engine

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/exposure"
)

func patternOf(tb testing.TB, text string) exposure.Pattern {
	tb.Helper()
	p, err := exposure.Parse(text)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func conditionOf(tb testing.TB, path, value string) exposure.Condition {
	tb.Helper()
	c, err := exposure.ParseCondition(path, []byte(value))
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// TestTablesFollowChanges makes changes at random, with some tables loaded
// between and within them, and compares each table with what it must have. A
// table whose collections were not to be resolved again must have what it had.
func TestTablesFollowChanges(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			followChanges(t, rand.New(rand.NewPCG(seed, 1)))
		})
	}
}

func followChanges(t *testing.T, random *rand.Rand) {
	t.Helper()
	l := newLoan(t, random)
	for range random.IntN(5 * l.records) {
		l.change()
	}
	l.store.between = func() {
		for range random.IntN(5) {
			l.change()
		}
	}
	for _, team := range []string{"a", "b", "c"} {
		l.join(team)
	}
	for range 400 {
		if l.change(); random.IntN(3) == 0 {
			l.look()
		}
	}
	for s := range l.teams {
		l.leave(s)
	}
	if n := len(l.family.kept); n == 0 || n > 3 {
		t.Errorf("%d tables are kept", n)
	}
	l.family.discardOld(time.Now().Add(keptFor))
	if f := l.family; len(f.kept)+len(f.known)+len(f.byValue)+len(f.selections) > 0 {
		t.Errorf("%d records, %d values and %d selections are left", len(f.known), len(f.byValue), len(f.selections))
	}
}

// loan is a family over a shelf, whose news take a while.
type loan struct {
	*testing.T
	random  *rand.Rand
	x       *exposure.Collection
	family  *family
	store   *shelf
	records int
	news    []backplane.RecordChange
	touched map[*selection]bool
	teams   map[*selection]string
	shown   map[*selection][]string
}

func newLoan(t *testing.T, random *rand.Rand) *loan {
	t.Helper()
	l := &loan{
		T: t, random: random, records: 20 + random.IntN(200), store: &shelf{records: make(map[string]backplane.Record)},
		touched: make(map[*selection]bool), teams: make(map[*selection]string), shown: make(map[*selection][]string),
		x: &exposure.Collection{
			Pattern: patternOf(t, `/^of:(\w*)$/`), Limit: 1 + random.IntN(6), Records: []exposure.Pattern{patternOf(t, `/^r\d+$/`)},
			Filter: []exposure.Condition{conditionOf(t, "is.open", "true"), conditionOf(t, "team", `["$1","all"]`)},
			Sort:   exposure.Sort{Path: []string{"rank"}, Descending: random.IntN(2) == 0},
		},
	}
	l.family = newFamily("", l.x, func(s *selection) { l.touched[s] = true })
	return l
}

// tell tells the family what has changed.
func (l *loan) tell() {
	for i := range l.news {
		l.family.changed(&l.news[i])
	}
	l.news = l.news[:0]
}

// change changes any record in any way, and tells it, or not yet.
func (l *loan) change() {
	id := "r" + strconv.Itoa(l.random.IntN(l.records))
	value := item{[]string{"a", "b", "all", "none"}[l.random.IntN(4)], l.random.IntN(4) > 0, l.random.IntN(30)}.text()
	if l.random.IntN(12) == 0 {
		value = ""
	}
	l.news = append(l.news, l.store.set(id, value))
	if l.random.IntN(3) > 0 {
		l.tell()
	}
	if value == "" && len(l.news) == 0 && l.random.IntN(2) == 0 {
		l.store.forget(id)
	}
}

// look resolves what was touched, and compares everything. Now and then the last
// subscriber of a collection goes, and another one comes.
func (l *loan) look() {
	l.tell()
	for s, team := range l.teams {
		switch {
		case l.random.IntN(20) == 0:
			l.leave(s)
			l.join(team)
		case l.touched[s]:
			l.see(s)
		}
	}
	for s, team := range l.teams {
		if want := l.truth(team); !l.touched[s] && !slices.Equal(sorted(l.shown[s]), sorted(want)) {
			l.Fatalf("%s has %q, and no one was told", team, want)
		}
	}
}

func (l *loan) join(team string) {
	s := l.family.join(&collection{id: "of:" + team})
	l.teams[s] = team
	l.see(s)
}

func (l *loan) leave(s *selection) {
	for c := range s.collections {
		l.family.leave(c, s)
	}
	delete(l.teams, s)
}

// see resolves a selection and compares it with what it must have.
func (l *loan) see(s *selection) {
	delete(l.touched, s)
	for again := true; again; again = s.stale { // others may have emptied it meanwhile
		if _, err := l.family.first(context.Background(), l.store, s); err != nil {
			l.Fatal(err)
		}
		l.tell()
	}
	l.shown[s], _ = l.family.answer(s)
	if want := l.truth(l.teams[s]); !slices.Equal(l.shown[s], want) {
		l.Fatalf("%s has %q, want %q", l.teams[s], l.shown[s], want)
	}
}

// truth is what a team's collection must have.
func (l *loan) truth(team string) []string {
	return l.store.first(func(r backplane.Record) bool {
		i := parseItem(r.Value)
		return i.open && (i.team == team || i.team == "all")
	}, func(a, b backplane.Record) int {
		order := parseItem(a.Value).rank - parseItem(b.Value).rank
		if l.x.Sort.Descending {
			order = -order
		}
		return cmp.Or(order, strings.Compare(a.ID, b.ID))
	}, l.x.Limit)
}

func sorted(ids []string) []string { return slices.Sorted(slices.Values(ids)) }

// TestTablesHoldTheFirst compares a table with all that was put into it.
func TestTablesHoldTheFirst(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var all []entry
		x := table{limit: 1 + random.IntN(4), descending: random.IntN(2) == 0}
		for range 300 {
			e := entry{strconv.Itoa(random.IntN(9)), strconv.Itoa(random.IntN(60))}
			i, found := slices.BinarySearchFunc(all, e, x.compare)
			if grow := len(all) < 40 && random.IntN(3) > 0; grow && !found {
				all = slices.Insert(all, i, e)
				x.insert(e)
			} else if !grow && found {
				all = slices.Delete(all, i, i+1)
				if _, first := x.remove(e); first != (i < x.limit) {
					t.Fatalf("%v was one of the first: %v", e, first)
				}
			}
			if len(x.entries) > len(all) || !slices.Equal(x.entries, all[:len(x.entries)]) || !x.over && len(x.entries) < len(all) {
				t.Fatalf("it has %v of %v", x.entries, all)
			}
			if x.short() { // as a load does
				x.entries, x.over = nil, false
				for _, e := range all {
					x.insert(e)
				}
			}
		}
	}
}

func TestACrowdLoadsOnce(t *testing.T) {
	t.Parallel()
	x := &exposure.Collection{
		Pattern: patternOf(t, `/^of:(.*)$/`), Limit: 10, Filter: []exposure.Condition{conditionOf(t, "team", `"$1"`)},
	}
	f := newFamily("", x, func(*selection) {})
	store := &shelf{records: make(map[string]backplane.Record)}
	for i := range 20 {
		store.set("r"+strconv.Itoa(i), item{team: strconv.Itoa(i)}.text())
	}
	var all []*selection
	for i := range 20 {
		all = append(all, f.join(&collection{id: "of:" + strconv.Itoa(i)}))
	}
	f.turn <- struct{}{} // until all of them wait, or come later and find it done
	var crowd sync.WaitGroup
	for i, s := range all {
		crowd.Go(func() {
			if got, err := f.first(context.Background(), store, s); err != nil || !slices.Equal(got, []string{"r" + strconv.Itoa(i)}) {
				t.Errorf("%d has %q (%v)", i, got, err)
			}
		})
	}
	<-f.turn
	crowd.Wait()
	if store.lists != 3 { // pages of 7
		t.Errorf("%d pages were read", store.lists)
	}
}

func TestALoadThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	x := &exposure.Collection{Pattern: patternOf(t, "all"), Limit: 10}
	touched := 0
	f := newFamily("", x, func(*selection) { touched++ })
	s := f.join(&collection{id: "all"})
	store := &shelf{records: make(map[string]backplane.Record), fails: errors.New("down")}
	store.set("a", "1")
	if _, err := f.first(context.Background(), store, s); err == nil {
		t.Fatal("a store that fails has records")
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	f.turn <- struct{}{}
	if _, err := f.first(cancelled, store, s); err == nil {
		t.Fatal("the turn was not waited for")
	}
	<-f.turn
	c := store.set("b", "1")
	if f.changed(&c); touched != 1 {
		t.Errorf("the next change has touched it %d times", touched)
	}
	store.fails = nil
	if got, err := f.first(context.Background(), store, s); err != nil || !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("it has %q (%v)", got, err)
	}
}

func TestWhatChangesNothingTouchesNothing(t *testing.T) {
	t.Parallel()
	x := &exposure.Collection{
		Pattern: patternOf(t, `/^of:(.*)$/`), Limit: 2, Sort: exposure.Sort{Path: []string{"rank"}},
		Filter: []exposure.Condition{conditionOf(t, "team", `"$1"`)},
	}
	touched := 0
	f := newFamily("", x, func(*selection) { touched++ })
	store := &shelf{records: make(map[string]backplane.Record)}
	for i := range 3 {
		store.set("r"+strconv.Itoa(i), item{"a", true, 10 * i}.text())
	}
	if _, err := f.first(context.Background(), store, f.join(&collection{id: "of:a"})); err != nil {
		t.Fatal(err)
	}
	for i, test := range []struct {
		id, value string
		want      int
	}{
		{"r0", item{"a", false, 0}.text(), 0},
		{"r0", item{"a", false, 15}.text(), 0},  // behind r1, and still of the first two
		{"r2", item{"a", false, 16}.text(), 0},  // a reserve
		{"r9", item{"a", false, 99}.text(), 0},  // behind all
		{"r8", item{"b", false, 0}.text(), 0},   // of others
		{"r9", item{"b", false, 99}.text(), 0},  // a reserve goes
		{"r2", item{"a", false, -1}.text(), 1},  // one of the first
		{"r2", item{"b", false, -1}.text(), 1},  // no more
		{"r0", "", 1},                           // deleted
		{"r0", "", 0},                           // again
		{"r7", "7", 0},                          // no object
		{"r7", item{"a", false, 5}.text(), 1},   // new
		{"r6", `{"team":["a"],"rank":0}`, 0},    // another kind
		{"r6", `{"team":"\u0061","rank":0}`, 1}, // another spelling
	} {
		touched = 0
		c := store.set(test.id, test.value)
		if f.changed(&c); touched != test.want {
			t.Errorf("%d: %s = %s has touched %d", i, test.id, test.value, touched)
		}
	}
	touched = 0
	old := backplane.RecordChange{Record: store.records["r6"]}
	old.Number, old.Value = old.Number-1, []byte("0")
	if f.changed(&old); touched != 0 {
		t.Error("a version that is known to be old has touched it")
	}
}

func TestWaitsAreQuietOrOver(t *testing.T) {
	t.Parallel()
	at := func(ms int) time.Time { return time.Unix(100, 0).Add(time.Duration(ms) * time.Millisecond) }
	var w wait
	if !w.begin(at(0)) || w.begin(at(30)) {
		t.Fatal("the first is not told")
	}
	if left := w.left(at(50)); left != 30*time.Millisecond {
		t.Errorf("%v are left after a change at 30 ms", left)
	}
	for ms := 60; ms < 200; ms += 20 {
		w.begin(at(ms))
	}
	if left := w.left(at(190)); left != 10*time.Millisecond {
		t.Errorf("%v are left of 200 ms", left)
	}
	if left := w.left(at(200)); left != 0 || !w.begin(at(201)) {
		t.Errorf("%v are left after 200 ms", left)
	}
}
