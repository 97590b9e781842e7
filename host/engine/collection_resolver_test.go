package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/protocol"
)

func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	many := make([]string, 100_000)
	for i := range many {
		many[i] = fmt.Sprint("r:", i)
	}
	for name, test := range map[string]struct {
		answer, want []string
		log          string
	}{
		"none":        {nil, nil, ""},
		"repeated":    {[]string{"r:2", "r:1", "r:2", "r:2"}, []string{"r:2", "r:1"}, "repeated=2"},
		"not there":   {[]string{"r:1", "r:gone", "nowhere", "r:2"}, []string{"r:1", "r:2"}, "missing=2"},
		"no names":    {[]string{"", "r:1", "r:\x00", "\xff", strings.Repeat("x", 257), "r:2\n"}, []string{"r:1"}, "no_names=5"},
		"unreadable":  {[]string{"r:secret", "r:3"}, []string{"r:3"}, "refused=1"},
		"too many":    {many, []string{"r:0", "r:1", "r:2", "r:3", "r:4"}, "beyond_limit=99995"},
		"all the one": {slices.Repeat([]string{"r:1"}, 100_000), []string{"r:1"}, "repeated=99999"},
		"of others":   {[]string{"{}", "other"}, []string{"{}", "other"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLibrary(engine.Limits{}, resolved(false))
			for i := range 10 {
				l.set(t, fmt.Sprint("r:", i), "1")
			}
			l.set(t, "r:secret", "1")
			l.set(t, "{}", "1")
			l.set(t, "other", "1")
			l.set(t, "r:gone", "1")
			l.remove(t, "r:gone")
			l.refuse(func(_ *hub.Session, record string) bool { return record == "r:secret" })
			l.answers(test.answer...)
			c := l.connect(t, modern)
			for range 2 {
				if _, begun := l.collect(t, c, "list:a"); !slices.Equal(idsOf(begun), test.want) {
					t.Errorf("it begins with %q", idsOf(begun))
				}
			}
			if n := engine.Covered(l.Engine, c.ID()); n != int64(len(test.want)) {
				t.Errorf("%d records are covered", n)
			}
			if got := strings.Count(l.log.String(), "left out"); test.log != "" && (got != 1 || !strings.Contains(l.log.String(), test.log)) {
				t.Errorf("%d times was logged: %s", got, l.log)
			}
			c.end()
			l.nothingLeft(t)
		})
	}
}

func TestAResolverThatRefuses(t *testing.T) {
	t.Parallel()
	l := newLibrary(engine.Limits{}, resolved(false))
	l.does(func(*hub.Session, string) ([]string, error) { return nil, protocol.NewError("EMINE", "no") })
	c := l.connect(t, modern)
	_, err := l.SubscribeCollection(ctx, c.Session, l.rules.Collection("list:a"), "list:a")
	wantError(t, err, "EMINE")
	if c.Subscribed(hub.Topic{Kind: hub.CollectionTopic, Name: "list:a"}) {
		t.Error("what failed has begun")
	}
	l.nothingLeft(t)
}

// TestFarRecordsAreReadTogether has each reading take a hundredth of a second, as
// on a store far away: a diff of many records waits for a few of them only.
func TestFarRecordsAreReadTogether(t *testing.T) {
	t.Parallel()
	const many, trip = 160, 10 * time.Millisecond
	ids := func() (ids []string) {
		for i := range many {
			ids = append(ids, fmt.Sprintf("r:%03d", i))
		}
		return ids
	}()
	lists := resolved(true)
	lists.Limit = many
	teams := declared(many)
	for id, exposed := range map[string]exposure.Collection{"list:a": lists, "of:a": teams} {
		synctest.Test(t, func(t *testing.T) {
			l := newLibrary(engine.Limits{}, exposed)
			l.answers()
			v, _ := l.collect(t, l.connect(t, modern), id)
			for i, record := range ids {
				l.set(t, record, fmt.Sprintf(`{"open":true,"team":"a","rank":%d}`, i))
			}
			l.answers(ids...)
			l.set(t, "r:more", "1")
			l.trip.Store(int64(trip))
			pass(200*time.Millisecond + many/4*trip) // sequentially it is many times trip
			v.see(t, 1, ids...)
			v.client.end()
			l.trip.Store(0)
			settle()
			l.nothingLeft(t)
		})
	}
}

// TestWhoIsAsked counts what plugins are asked: a shared collection once for
// all, another one for each session; guards for what is new to the session only.
func TestWhoIsAsked(t *testing.T) {
	t.Parallel()
	for _, shared := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			l := newLibrary(engine.Limits{}, resolved(shared))
			for i := range 4 {
				l.set(t, fmt.Sprint("r:", i), "1")
			}
			l.answers("r:1", "r:2")
			a, b := l.connect(t, modern), l.connect(t, modern)
			l.refuse(func(s *hub.Session, record string) bool { return s == b.Session && record == "r:2" })
			va, _ := l.collect(t, a, "list:a")
			vb, _ := l.collect(t, b, "list:a")
			l.take()
			l.answers("r:3", "r:1", "r:2")
			l.set(t, "r:0", "2")
			settle()
			calls, asked := l.take()
			if want := map[bool]int{true: 1, false: 2}[shared]; len(calls) != want || shared && calls[0] != "" {
				t.Errorf("shared %v: the resolver was called for %q", shared, calls)
			}
			slices.Sort(asked)
			if !slices.Equal(asked, []string{"r:2", "r:3", "r:3"}) {
				t.Errorf("guards were asked about %q", asked)
			}
			va.see(t, 1, "r:1", "r:2", "r:3")
			vb.see(t, 1, "r:1", "r:3")
			l.refuse(nil)
			l.set(t, "r:0", "3") // the guard has another mind now
			settle()
			vb.see(t, 2, "r:1", "r:2", "r:3")
			a.end()
			b.end()
			l.nothingLeft(t)
		})
	}
}

// TestOnlyMatchingChangesCount makes changes and counts calls.
func TestOnlyMatchingChangesCount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(engine.Limits{}, resolved(true))
		l.answers()
		l.collect(t, l.connect(t, modern), "list:a")
		l.take()
		for range 20 {
			l.set(t, "q:1", fmt.Sprint(time.Now().UnixNano()))
			pass(30 * time.Millisecond)
		}
		if calls, _ := l.take(); len(calls) > 0 {
			t.Errorf("the resolver was called %d times", len(calls))
		}
		l.set(t, "r:1", "1")
		settle()
		if calls, _ := l.take(); len(calls) != 1 {
			t.Errorf("after a matching change the resolver was called %d times", len(calls))
		}
	})
}

// TestChangesAreGathered counts how often a collection is resolved while records
// change.
func TestChangesAreGathered(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		changes int
		apart   time.Duration
		least   int
		most    int
	}{
		{10, 0, 1, 1},
		{5, 10 * time.Millisecond, 1, 1},
		{50, 20 * time.Millisecond, 5, 6}, // a second, every 200 ms
		{10, 100 * time.Millisecond, 10, 10},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := newLibrary(engine.Limits{}, resolved(true))
			l.answers()
			l.collect(t, l.connect(t, modern), "list:a")
			l.take()
			for i := range test.changes {
				l.set(t, "r:1", fmt.Sprint(i))
				pass(test.apart)
			}
			settle()
			if calls, _ := l.take(); len(calls) < test.least || len(calls) > test.most {
				t.Errorf("%d changes %v apart: resolved %d times", test.changes, test.apart, len(calls))
			}
		})
	}
}

func TestDiffsComeInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(engine.Limits{}, declared(5))
		c := l.connect(t, modern)
		v, _ := l.collect(t, c, "of:red")
		l.set(t, "r:1", `{"open":true,"team":"red"}`)
		pass(collectionQuiet - time.Millisecond)
		synctest.Wait()
		if got := c.wire.Texts(); len(got) > 0 {
			t.Errorf("too early comes %q", got)
		}
		pass(time.Millisecond)
		synctest.Wait()
		v.see(t, 1, "r:1")
		var last time.Duration
		for began := time.Now(); last == 0; pass(10 * time.Millisecond) { // one comes every 10 ms
			l.set(t, fmt.Sprint("r:", time.Since(began)), `{"open":true,"team":"red"}`)
			synctest.Wait()
			if v.take(t, c.wire.Texts()); v.views[v.id].diffs > 1 {
				last = time.Since(began)
			}
		}
		if last > 200*time.Millisecond {
			t.Errorf("a diff came after %v", last)
		}
	})
}

// collectionQuiet is how long a diff waits for more changes.
const collectionQuiet = 50 * time.Millisecond

// TestAResolverThatFailsKeepsTheCollection has one fail now and then.
func TestAResolverThatFailsKeepsTheCollection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(engine.Limits{}, resolved(true))
		l.set(t, "r:1", "1")
		l.answers("r:1")
		c := l.connect(t, modern)
		v, _ := l.collect(t, c, "list:a")
		l.does(func(*hub.Session, string) ([]string, error) { return nil, errors.New("trapped") })
		for i := range 5 {
			l.set(t, "r:2", fmt.Sprint(i))
			settle()
		}
		v.see(t, 0, "r:1")
		if n := strings.Count(l.log.String(), "trapped"); n != 1 {
			t.Errorf("it was logged %d times", n)
		}
		l.answers("r:2")
		l.set(t, "r:2", "5")
		settle()
		v.see(t, 1, "r:2")
	})
}

// TestAStoreThatFailsIsAskedAgain has the store fail while collections are
// resolved: no further change is needed.
func TestAStoreThatFailsIsAskedAgain(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"of:red", "list:a"} {
		synctest.Test(t, func(t *testing.T) {
			l := newLibrary(engine.Limits{}, declared(2), resolved(true))
			for i := range 60 {
				l.set(t, fmt.Sprintf("r:%02d", i), `{"open":true,"team":"red"}`)
			}
			l.answers("r:00", "r:01")
			v, _ := l.collect(t, l.connect(t, modern), id)
			l.answers("r:30", "r:31")
			l.broken.Store(true)
			for i := range 30 { // more than are known in advance
				l.away(t, fmt.Sprintf("r:%02d", i))
			}
			for range 3 {
				settle()
			}
			v.take(t, v.client.wire.Texts())
			l.broken.Store(false)
			settle()
			settle()
			if v.take(t, v.client.wire.Texts()); !slices.Equal(v.all(id), []string{"r:30", "r:31"}) {
				t.Errorf("the client has %q", v.all(id))
			}
			v.client.end()
			l.nothingLeft(t)
		})
	}
}

// TestChangesWhileItIsResolved makes a change while a resolver is asked, which
// does not know of it, and takes its time.
func TestChangesWhileItIsResolved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(engine.Limits{}, resolved(true))
		l.answers()
		v, _ := l.collect(t, l.connect(t, modern), "list:a")
		l.does(func(*hub.Session, string) ([]string, error) {
			l.answers("r:1", "r:2")
			l.set(t, "r:2", "1")
			settle()
			return []string{"r:1"}, nil
		})
		l.set(t, "r:1", "1")
		pass(10 * time.Second) // one that takes so long has to wait
		synctest.Wait()
		v.see(t, 2, "r:1", "r:2")
		if calls, _ := l.take(); len(calls) != 3 {
			t.Errorf("the resolver was called %d times", len(calls))
		}
	})
}

// TestRecordsThatAreDeletedLeave has a resolver that does not know of it.
func TestRecordsThatAreDeletedLeave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(engine.Limits{}, resolved(false))
		l.set(t, "r:1", "1")
		l.set(t, "r:2", "1")
		l.answers("r:1", "r:2", "r:3")
		c := l.connect(t, modern)
		v, _ := l.collect(t, c, "list:a")
		l.remove(t, "r:2")
		settle()
		if got := v.see(t, 1, "r:1"); len(got) != 2 || !strings.Contains(got[0], "record-deleted") {
			t.Errorf("got %q", got)
		}
		l.set(t, "r:2", "2")
		l.set(t, "r:3", "2")
		settle()
		v.see(t, 2, "r:1", "r:2", "r:3")
	})
}

func TestRecordsOfAllCollectionsAreLimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(engine.Limits{CollectionRecords: 5}, resolved(false), declared(10))
		for i := range 5 {
			l.set(t, fmt.Sprint("r:", i), `{"open":true,"team":"red"}`)
		}
		l.does(func(_ *hub.Session, id string) ([]string, error) {
			return map[string][]string{"list:a": {"r:0", "r:1", "r:2"}, "list:b": {"r:0", "r:1"}}[id], nil
		})
		c := l.connect(t, modern)
		covered := func(want int64) {
			t.Helper()
			if n := engine.Covered(l.Engine, c.ID()); n != want {
				t.Errorf("%d records are covered, not %d", n, want)
			}
		}
		l.collect(t, c, "list:a")
		_, err := l.SubscribeCollection(ctx, c.Session, l.rules.Collection("of:red"), "of:red")
		wantError(t, err, abi.CodeLimit)
		covered(3)
		l.collect(t, c, "list:a") // anew: its own do not count twice
		l.collect(t, c, "list:b")
		covered(5)
		l.UnsubscribeCollection(ctx, c.Session, "list:b")
		covered(3)
		l.answers("r:0", "r:4")
		l.set(t, "r:0", "1")
		settle()
		covered(2)
		l.answers("r:0", "r:1", "r:2", "r:3", "r:4")
		l.set(t, "r:0", "2")
		settle()
		covered(5)
		c.end()
		l.nothingLeft(t)
	})
}

// TestASurplusIsLeftOut lets a collection grow beyond what the session may have.
func TestASurplusIsLeftOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(engine.Limits{CollectionRecords: 3}, declared(10))
		c := l.connect(t, modern)
		v, _ := l.collect(t, c, "of:red")
		for i := range 5 {
			l.set(t, fmt.Sprint("r:", i), `{"open":true,"team":"red"}`)
		}
		settle()
		v.see(t, 1, "r:0", "r:1", "r:2")
		l.remove(t, "r:1")
		settle()
		v.see(t, 2, "r:0", "r:2", "r:3")
		if got := strings.Count(l.log.String(), "left out"); got != 1 || !strings.Contains(l.log.String(), "beyond_collection_records=2") {
			t.Errorf("%d times was logged: %s", got, l.log)
		}
	})
}

// TestExposuresThatChange swaps what is exposed while a session subscribes.
func TestExposuresThatChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(engine.Limits{}, declared(10))
		expose := func(all ...exposure.Collection) { l.expose(exposure.Set{Collections: all}) }
		for i := range 4 {
			l.set(t, fmt.Sprint("r:", i), fmt.Sprintf(`{"open":true,"team":"red","rank":%d}`, i))
		}
		c := l.connect(t, modern)
		v, _ := l.collect(t, c, "of:red")
		see := func(id string, want ...string) {
			t.Helper()
			l.set(t, id, fmt.Sprintf(`{"open":true,"team":"red","rank":%d}`, time.Now().UnixNano()))
			settle()
			if v.take(t, c.wire.Texts()); !slices.Equal(v.all(v.id), want) {
				t.Errorf("the client has %q, want %q", v.all(v.id), want)
			}
		}
		expose(declared(10)) // says the same
		see("r:4", "r:0", "r:1", "r:2", "r:3", "r:4")
		expose()
		see("r:5", "r:0", "r:1", "r:2", "r:3", "r:4") // closed: it stays as it is
		expose(declared(2))
		see("r:6", "r:0", "r:1")
		expose(exposure.Collection{Pattern: pattern(`/^of:.*$/`), Resolver: "p.0", Limit: 5})
		l.answers("r:5")
		see("r:3", "r:0", "r:1") // to the old one this changes nothing
		see("r:0", "r:5")
		l.answers("r:4", "r:5")
		see("q:9", "r:4", "r:5")
		c.end()
		l.nothingLeft(t)
	})
}
