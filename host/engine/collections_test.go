package engine_test

import (
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

func TestDeclaredCollections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(engine.Limits{}, declared(2))
		l.set(t, "r:1", `{"open":true,"team":"red","rank":3}`)
		l.set(t, "r:2", `{"open":true,"team":"red","rank":1}`)
		l.set(t, "r:3", `{"open":false,"team":"red","rank":0}`)
		l.set(t, "r:4", `{"open":true,"team":"blue","rank":0}`)
		l.set(t, "q:5", `{"open":true,"team":"red","rank":0}`)
		c := l.connect(t, modern)
		v, begun := l.collect(t, c, "of:red")
		if got := idsOf(begun); begun.Version != 1 || !slices.Equal(got, []string{"r:2", "r:1"}) || begun.Records[1].Number != 1 {
			t.Fatalf("it begins with %q at %d", got, begun.Version)
		}
		if n := l.Collections(); n != 1 {
			t.Errorf("there are %d collections", n)
		}
		l.set(t, "r:3", `{"open":true,"team":"red","rank":2}`) // before r:1
		settle()
		l.set(t, "r:3", `{"open":true,"team":"red","rank":2,"x":1}`)
		l.set(t, "r:1", `{"open":true,"team":"red","rank":3,"x":1}`) // no longer shown
		l.set(t, "r:4", `{"open":false}`)
		settle()
		l.remove(t, "r:2")
		settle()
		got := c.wire.Texts()
		want := []string{
			`{"command":"mesh/collection-diff","payload":{"collectionId":"of:red",` +
				`"added":[{"id":"r:3","record":{"open":true,"team":"red","rank":2},"version":2}],"removed":[{"id":"r:1"}],"version":2}}`,
			`{"command":"mesh/record-update","payload":{"recordId":"r:3","full":{"open":true,"team":"red","rank":2,"x":1},"version":3,`,
			`{"command":"mesh/record-deleted","payload":{"recordId":"r:2","version":2,`,
			`{"command":"mesh/collection-diff","payload":{"collectionId":"of:red",` +
				`"added":[{"id":"r:1","record":{"open":true,"team":"red","rank":3,"x":1},"version":2}],"removed":[{"id":"r:2"}],"version":3}}`,
		}
		if !slices.EqualFunc(got, want, strings.HasPrefix) {
			t.Errorf("got\n%s", strings.Join(got, "\n"))
		}
		if v.take(t, got); !slices.Equal(v.all(v.id), []string{"r:1", "r:3"}) {
			t.Errorf("the client has %q", v.all(v.id))
		}
		if !l.UnsubscribeCollection(ctx, c.Session, "of:red") || l.UnsubscribeCollection(ctx, c.Session, "of:red") {
			t.Error("unsubscribing does not say whether there was a subscription")
		}
		l.set(t, "r:1", `1`)
		settle()
		if got := c.wire.Texts(); len(got) > 0 {
			t.Errorf("after the end comes %q", got)
		}
		l.nothingLeft(t)
	})
}

func TestOldClientsTakeRecordsWithTheirIDs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(engine.Limits{}, resolved(true))
		l.answers()
		c := l.connect(t, hub.Info{})
		c.SetDialect(protocol.DialectRT)
		l.collect(t, c, "list:a")
		l.answers("r:1", "r:2", "r:3", "r:4")
		for i, value := range []string{`{"a":1.50,"id":7,"\u0062":[2]}`, `{}`, `[1]`, `"x"`} {
			l.set(t, fmt.Sprint("r:", i+1), value)
		}
		settle()
		l.answers()
		l.set(t, "r:1", "1")
		settle()
		want := []string{
			`{"command":"rt/collection-diff","payload":{"collectionId":"list:a","added":[{"id":"r:1","a":1.50,"\u0062":[2]},{"id":"r:2"},` +
				`{"id":"r:3","record":[1]},{"id":"r:4","record":"x"}],"removed":[],"version":2}}`,
			`{"command":"rt/record-update","payload":{"recordId":"r:1","full":1,"version":2,`,
			`{"command":"rt/collection-diff","payload":{"collectionId":"list:a","added":[],` +
				`"removed":[{"id":"r:1"},{"id":"r:2"},{"id":"r:3"},{"id":"r:4"}],"version":3}}`,
		}
		if got := c.wire.Texts(); !slices.EqualFunc(got, want, strings.HasPrefix) {
			t.Errorf("got\n%s", strings.Join(got, "\n"))
		}
	})
}

// TestThePushesWaitForTheReply changes records and the collection between what
// the reply is made of and the reply.
func TestThePushesWaitForTheReply(t *testing.T) {
	t.Parallel()
	for name, info := range map[string]hub.Info{"modern": modern, "old": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newLibrary(engine.Limits{}, declared(5))
				l.set(t, "r:1", `{"open":true,"team":"red","n":0}`)
				c := l.connect(t, info)
				begun, err := l.SubscribeCollection(ctx, c.Session, l.rules.Collection("of:red"), "of:red")
				if err != nil {
					t.Fatal(err)
				}
				l.set(t, "r:1", `{"open":true,"team":"red","n":1}`)
				l.set(t, "r:2", `{"open":true,"team":"red"}`)
				settle()
				if got := c.wire.Texts(); len(got) > 0 {
					t.Errorf("before the reply comes %q", got)
				}
				begun.Release()
				synctest.Wait()
				if got := c.wire.Texts(); info.Subprotocol == "" && len(got) > 0 {
					t.Errorf("at once after the reply comes %q", got)
				} else if info.Subprotocol != "" && len(got) != 2 {
					t.Errorf("after the reply comes %q", got)
				}
				pass(5 * time.Millisecond)
				synctest.Wait()
				if got := c.wire.Texts(); info.Subprotocol == "" && len(got) != 2 {
					t.Errorf("after the courtesy comes %q", got)
				}
			})
		})
	}
}

func TestSubscribingAgainBeginsAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(engine.Limits{}, declared(5))
		l.set(t, "r:1", `{"open":true,"team":"red"}`)
		c := l.connect(t, modern)
		l.collect(t, c, "of:red")
		l.set(t, "r:2", `{"open":true,"team":"red"}`)
		settle()
		v, begun := l.collect(t, c, "of:red")
		if got := idsOf(begun); begun.Version != 1 || !slices.Equal(got, []string{"r:1", "r:2"}) {
			t.Errorf("the second begins with %q at %d", got, begun.Version)
		}
		if n := engine.Covered(l.Engine, c.ID()); n != 2 {
			t.Errorf("%d records are covered", n)
		}
		c.wire.Texts()
		l.set(t, "r:1", `{"open":true,"team":"blue"}`)
		settle()
		v.see(t, 1, "r:2")
		c.end()
		l.nothingLeft(t)
	})
}

// TestRecordsOfSeveralReasonsComeOnce has a session subscribe to a record
// directly, and to two collections that have it.
func TestRecordsOfSeveralReasonsComeOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(engine.Limits{}, declared(5), resolved(false))
		l.answers("r:1")
		l.set(t, "r:1", `{"open":true,"team":"red","n":0}`)
		c := l.connect(t, modern)
		l.follow(t, c, engine.RecordSubscription{Record: "r:1", Patch: true})
		v, _ := l.collect(t, c, "of:red")
		l.collect(t, c, "list:a")
		for n := range 3 {
			l.set(t, "r:1", fmt.Sprintf(`{"open":true,"team":"red","n":%d}`, n+1))
		}
		settle()
		got := c.wire.Texts()
		if v.take(t, got); len(got) != 3 || v.views[v.id].records["r:1"].version != 4 {
			t.Errorf("got %q", got)
		}
		l.UnsubscribeCollection(ctx, c.Session, "of:red")
		l.UnsubscribeCollection(ctx, c.Session, "list:a")
		l.set(t, "r:1", `{"open":true,"team":"red","n":7}`)
		settle()
		if got := c.wire.Texts(); len(got) != 1 || !strings.Contains(got[0], `"patch":[`) {
			t.Errorf("without collections comes %q", got)
		}
		l.UnsubscribeRecord(ctx, c.Session, "r:1")
		l.nothingLeft(t)
	})
}

func TestCollectionsCountAsSubscriptions(t *testing.T) {
	t.Parallel()
	l := newLibrary(engine.Limits{Subscriptions: 2}, declared(5))
	c := l.connect(t, modern)
	for _, id := range []string{"of:a", "of:b", "of:a"} {
		l.collect(t, c, id)
	}
	_, err := l.SubscribeCollection(ctx, c.Session, l.rules.Collection("of:c"), "of:c")
	wantError(t, err, abi.CodeLimit)
	l.UnsubscribeCollection(ctx, c.Session, "of:a")
	l.collect(t, c, "of:c")
}

func TestCollectionsThatAreTooLargeForAReply(t *testing.T) {
	t.Parallel()
	l := newLibrary(engine.Limits{ReplySize: 64 << 10}, declared(100))
	for i := range 10 {
		l.set(t, fmt.Sprint("r:", i), `{"open":true,"team":"red","text":"`+strings.Repeat("x", 8<<10)+`"}`)
	}
	c := l.connect(t, modern)
	_, err := l.SubscribeCollection(ctx, c.Session, l.rules.Collection("of:red"), "of:red")
	wantError(t, err, abi.CodeTooLarge)
	l.nothingLeft(t)
	for i := range 5 {
		l.remove(t, fmt.Sprint("r:", i))
	}
	l.collect(t, c, "of:red")
}

// TestDiffsThatAreTooLargeComeInPieces adds more to a collection at once than a
// reply may carry.
func TestDiffsThatAreTooLargeComeInPieces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(engine.Limits{ReplySize: 64 << 10}, declared(100))
		l.set(t, "r:0", `{"open":true,"team":"red"}`)
		c := l.connect(t, modern)
		v, _ := l.collect(t, c, "of:red")
		for i := range 20 {
			l.set(t, fmt.Sprint("r:", i), `{"open":`+fmt.Sprint(i > 0)+`,"team":"red","text":"`+strings.Repeat("x", 8<<10)+`"}`)
		}
		settle()
		got := c.wire.Texts()
		v.take(t, got)
		if of := v.views[v.id]; of.diffs != 3 || len(of.records) != 19 || of.records["r:0"] != (shown{}) {
			t.Errorf("%d diffs have brought %d records", of.diffs, len(of.records))
		}
		for _, text := range got {
			if len(text) > 64<<10 {
				t.Errorf("one has %d bytes", len(text))
			}
		}
	})
}

func TestNoCollectionWithoutRecords(t *testing.T) {
	t.Parallel()
	l := newLibrary(engine.Limits{}, exposure.Collection{Pattern: pattern("all"), Limit: 3})
	l.set(t, "b", "1")
	l.set(t, "a", "null")
	l.set(t, "c", "{}")
	l.set(t, "d", "{}")
	c := l.connect(t, modern)
	if _, begun := l.collect(t, c, "all"); !slices.Equal(idsOf(begun), []string{"a", "b", "c"}) || string(begun.Records[0].Value) != "null" {
		t.Errorf("it begins with %q", idsOf(begun))
	}
}
