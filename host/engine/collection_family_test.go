package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
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

func patternOf(t testing.TB, text string) exposure.Pattern {
	t.Helper()
	p, err := exposure.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func conditionOf(t testing.TB, path, value string) exposure.Condition {
	t.Helper()
	c, err := exposure.ParseCondition(path, []byte(value))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// shelf is backplane.Records in memory, with changes told before or after they
// can be listed.
type shelf struct {
	backplane.Records
	mu      sync.Mutex
	records map[string]backplane.Record
	epoch   int
	// between is called before a page is read, and before it is returned.
	between func()
	fails   error
	lists   int
}

func (s *shelf) List(_ context.Context, q backplane.RecordQuery) (page []backplane.Record, next string, err error) {
	if s.between != nil {
		s.between()
		defer s.between()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lists++
	if s.fails != nil {
		return nil, "", s.fails
	}
	for _, id := range slices.Sorted(maps.Keys(s.records)) {
		r := s.records[id]
		if id <= q.Cursor || r.Value == nil || !q.Match(id) {
			continue
		}
		if len(page) == min(q.Limit, 7) {
			return page, page[len(page)-1].ID, nil
		}
		page = append(page, r)
	}
	return page, "", nil
}

// set makes the next version and returns it.
func (s *shelf) set(id, value string) backplane.RecordChange {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[id]
	if r.Epoch == "" {
		s.epoch++
		r = backplane.Record{ID: id, Version: backplane.Version{Epoch: strconv.Itoa(s.epoch)}}
	}
	r.Number++
	r.Value = nil
	if value != "" {
		r.Value = []byte(value)
	}
	s.records[id] = r
	return backplane.RecordChange{Record: r}
}

// forget ends a deleted record's epoch.
func (s *shelf) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.records[id].Value == nil {
		delete(s.records, id)
	}
}

// first is what a family's table must have, found out in the plain way.
func (s *shelf) first(match func(backplane.Record) bool, less func(a, b backplane.Record) int, limit int) (ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []backplane.Record
	for _, r := range s.records {
		if r.Value != nil && match(r) {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, less)
	for i := range min(limit, len(all)) {
		ids = append(ids, all[i].ID)
	}
	return ids
}

// item is the value of the records here.
type item struct {
	team string
	open bool
	rank int
}

func (i item) text() string {
	return fmt.Sprintf(`{"rank":%d,"team":%q,"is":{"open":%v}}`, i.rank, i.team, i.open)
}

func parseItem(text []byte) (i item) {
	rank, rest, _ := strings.Cut(strings.TrimPrefix(string(text), `{"rank":`), `,"team":"`)
	team, rest, _ := strings.Cut(rest, `"`)
	i.rank, _ = strconv.Atoi(rank)
	i.team, i.open = team, strings.Contains(rest, "true")
	return i
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
	descending, limit := random.IntN(2) == 0, 1+random.IntN(6)
	x := &exposure.Collection{
		Pattern: patternOf(t, `/^of:(\w*)$/`), Limit: limit, Records: []exposure.Pattern{patternOf(t, `/^r\d+$/`)},
		Filter: []exposure.Condition{conditionOf(t, "is.open", "true"), conditionOf(t, "team", `["$1","all"]`)},
		Sort:   exposure.Sort{Path: []string{"rank"}, Descending: descending},
	}
	records := 20 + random.IntN(200)
	touched := make(map[*selection]bool)
	f := newFamily("", x, func(s *selection) { touched[s] = true })
	store := &shelf{records: make(map[string]backplane.Record)}
	told := make([]backplane.RecordChange, 0, 8)
	tell := func() { // as a store does whose news take a while
		for i := range told {
			f.changed(&told[i])
		}
		told = told[:0]
	}
	change := func() {
		id := "r" + strconv.Itoa(random.IntN(records))
		value := item{[]string{"a", "b", "all", "none"}[random.IntN(4)], random.IntN(4) > 0, random.IntN(30)}.text()
		if random.IntN(12) == 0 {
			value = ""
		}
		told = append(told, store.set(id, value))
		if random.IntN(3) > 0 {
			tell()
		}
		if value == "" && len(told) == 0 && random.IntN(2) == 0 {
			store.forget(id)
		}
	}
	for range random.IntN(5 * records) {
		change()
	}
	shown := make(map[*selection][]string)
	teams := make(map[*selection]string)
	see := func(s *selection) {
		delete(touched, s)
		for again := true; again; again = s.stale { // others may have emptied it meanwhile
			if _, err := f.first(context.Background(), store, s); err != nil {
				t.Fatal(err)
			}
			tell()
		}
		shown[s], _ = f.answer(s)
		if want := truth(store, teams[s], x); !slices.Equal(shown[s], want) {
			t.Fatalf("%s has %q, want %q", teams[s], shown[s], want)
		}
	}
	join := func(team string) {
		s := f.join(&collection{id: "of:" + team})
		teams[s] = team
		see(s)
	}
	store.between = func() {
		for range random.IntN(5) {
			change()
		}
	}
	join("a")
	join("b")
	join("c")
	for range 400 {
		change()
		if random.IntN(3) > 0 {
			continue
		}
		tell()
		for s, team := range teams {
			switch {
			case random.IntN(20) == 0: // its last subscriber goes, and another one comes
				leave(f, s)
				delete(teams, s)
				join(team)
			case touched[s]:
				see(s)
			}
		}
		for s, team := range teams {
			if !touched[s] && !slices.Equal(sorted(shown[s]), sorted(truth(store, team, x))) {
				t.Fatalf("%s has %q, and no one was told", team, truth(store, team, x))
			}
		}
	}
	for s := range teams {
		leave(f, s)
	}
	if len(f.known)+len(f.byValue)+len(f.selections) > 0 {
		t.Errorf("%d records, %d values and %d selections are left", len(f.known), len(f.byValue), len(f.selections))
	}
}

// leave takes all collections out of a selection.
func leave(f *family, s *selection) {
	for c := range s.collections {
		f.leave(c, s)
	}
}

func sorted(ids []string) []string { return slices.Sorted(slices.Values(ids)) }

func truth(store *shelf, team string, x *exposure.Collection) []string {
	return store.first(func(r backplane.Record) bool {
		i := parseItem(r.Value)
		return i.open && (i.team == team || i.team == "all")
	}, func(a, b backplane.Record) int {
		order := parseItem(a.Value).rank - parseItem(b.Value).rank
		if x.Sort.Descending {
			order = -order
		}
		if order == 0 {
			order = strings.Compare(a.ID, b.ID)
		}
		return order
	}, x.Limit)
}

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
