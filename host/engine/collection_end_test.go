package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/hub"
)

func TestEndCollectionTellsTheClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(engine.Limits{}, declared(5))
		l.set(t, "r:1", `{"open":true,"team":"red"}`)
		c := l.connect(t, modern)
		l.collect(t, c, "of:red")
		for _, want := range []bool{true, false} {
			if ended, err := l.EndCollection(ctx, "of:red", c.ID(), "enough"); ended != want || err != nil {
				t.Errorf("ended: %v (%v)", ended, err)
			}
		}
		settle()
		l.set(t, "r:1", `{"open":false}`)
		settle()
		want := `{"command":"mesh/unsubscribed","payload":{"kind":"collection","name":"of:red","reason":"enough"}}`
		if got := c.wire.Texts(); !slices.Equal(got, []string{want}) {
			t.Errorf("got %q", got)
		}
		l.nothingLeft(t)
		if _, err := l.EndCollection(ctx, "", c.ID(), ""); err == nil {
			t.Error("a collection without a name is ended")
		}
		l.collect(t, c, "of:red") // it may begin again
		c.end()
		l.nothingLeft(t)
	})
}

// TestEndsBetweenReplyAndRelease ends a subscription in the middle.
func TestEndsBetweenReplyAndRelease(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(l library, c client) bool{
		"by the client": func(l library, c client) bool { return l.UnsubscribeCollection(ctx, c.Session, "of:red") },
		"by the server": func(l library, c client) bool {
			ended, err := l.EndCollection(ctx, "of:red", c.ID(), "")
			return ended && err == nil
		},
		"by the session's end": func(_ library, c client) bool { c.end(); return true },
		"by another beginning": func(l library, c client) bool {
			again, err := l.SubscribeCollection(ctx, c.Session, l.rules.Collection("of:red"), "of:red")
			if err != nil {
				return false
			}
			again.Release()
			return l.UnsubscribeCollection(ctx, c.Session, "of:red")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newLibrary(engine.Limits{}, declared(5))
				l.set(t, "r:1", `{"open":true,"team":"red"}`)
				c := l.connect(t, hub.Info{})
				begun, err := l.SubscribeCollection(ctx, c.Session, l.rules.Collection("of:red"), "of:red")
				if err != nil {
					t.Fatal(err)
				}
				l.set(t, "r:1", `{"open":true,"team":"red","x":1}`)
				if !end(l, c) {
					t.Error("there was nothing to end")
				}
				begun.Release()
				settle()
				l.set(t, "r:1", `{"open":true,"team":"red","x":2}`)
				settle()
				for _, text := range c.wire.Texts() {
					if strings.Contains(text, "collection-diff") || strings.Contains(text, `"x":2`) {
						t.Errorf("after the end comes %s", text)
					}
				}
				l.nothingLeft(t)
			})
		})
	}
}

// TestOtherReadersGoOn ends a subscription whose reply has never come, as a
// guard's second thoughts do, where the session subscribes to a record directly.
func TestOtherReadersGoOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(engine.Limits{}, declared(5))
		l.set(t, "r:1", `{"open":true,"team":"red"}`)
		c := l.connect(t, modern)
		l.follow(t, c, engine.RecordSubscription{Record: "r:1"})
		if _, err := l.SubscribeCollection(ctx, c.Session, l.rules.Collection("of:red"), "of:red"); err != nil {
			t.Fatal(err)
		}
		l.set(t, "r:1", "1")
		l.UnsubscribeCollection(ctx, c.Session, "of:red")
		l.set(t, "r:1", "2")
		settle()
		if got := c.wire.Texts(); len(got) != 2 {
			t.Errorf("got %q", got)
		}
		l.UnsubscribeRecord(ctx, c.Session, "r:1")
		l.nothingLeft(t)
	})
}

// TestEndsWhileItIsResolved ends the session, or the subscription, while its
// resolver is asked: for the first time, or again.
func TestEndsWhileItIsResolved(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(l library, c client){
		"session":      func(_ library, c client) { c.end() },
		"subscription": func(l library, c client) { l.UnsubscribeCollection(ctx, c.Session, "list:a") },
		"by the server": func(l library, c client) {
			if _, err := l.EndCollection(ctx, "list:a", c.ID(), ""); err != nil {
				panic(err)
			}
		},
	} {
		for _, first := range []bool{true, false} {
			t.Run(fmt.Sprint(name, ", first: ", first), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					l := newLibrary(engine.Limits{}, resolved(false))
					for i := range 4 {
						l.set(t, fmt.Sprint("r:", i), "1")
					}
					c := l.connect(t, modern)
					l.answers("r:0", "r:1")
					ending := func(*hub.Session, string) ([]string, error) {
						l.answers("r:2")
						end(l, c)
						return []string{"r:1", "r:2", "r:3"}, nil
					}
					if first {
						l.does(ending)
					}
					begun, err := l.SubscribeCollection(ctx, c.Session, l.rules.Collection("list:a"), "list:a")
					if err == nil {
						begun.Release()
					} else if !first {
						t.Fatal(err)
					}
					if !first {
						l.does(ending)
						l.set(t, "r:0", "2")
					}
					settle()
					l.set(t, "r:3", "3")
					settle()
					for _, text := range c.wire.Texts() {
						if strings.Contains(text, "collection-diff") || strings.Contains(text, `"r:3"`) {
							t.Errorf("after the end comes %s", text)
						}
					}
					l.nothingLeft(t)
				})
			})
		}
	}
}

func TestASubscriptionWithoutTime(t *testing.T) {
	t.Parallel()
	l := newLibrary(engine.Limits{}, resolved(false), declared(5))
	for i := range 4 {
		l.set(t, fmt.Sprint("r:", i), `{"open":true,"team":"red"}`)
	}
	c := l.connect(t, modern)
	late, cancel := context.WithCancel(ctx)
	l.does(func(*hub.Session, string) ([]string, error) { return []string{"r:1", "r:2", "r:3"}, nil })
	l.refuse(func(_ *hub.Session, record string) bool {
		if record == "r:2" {
			cancel()
		}
		return late.Err() != nil
	})
	_, err := l.SubscribeCollection(late, c.Session, l.rules.Collection("list:a"), "list:a")
	wantError(t, err, abi.CodeTimeout)
	_, err = l.SubscribeCollection(late, c.Session, l.rules.Collection("of:red"), "of:red")
	wantError(t, err, abi.CodeTimeout)
	if left := engine.CollectionsLeft(l.Engine); left != "" {
		t.Errorf("collections leave %s", left)
	}
	c.end()
}

func TestASessionThatHasEndedSubscribesToNothing(t *testing.T) {
	t.Parallel()
	l := newLibrary(engine.Limits{}, declared(5))
	c := l.connect(t, modern)
	c.end()
	_, err := l.SubscribeCollection(ctx, c.Session, l.rules.Collection("of:red"), "of:red")
	wantError(t, err, abi.CodeNotFound)
	l.nothingLeft(t)
}

// TestTheEngineEndsWhileCollectionsAreResolved ends it in a resolver's call.
func TestTheEngineEndsWhileCollectionsAreResolved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(engine.Limits{}, resolved(true))
		l.answers()
		below, stop := context.WithCancel(ctx)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			l.Run(below)
		}()
		c := l.connect(t, modern)
		l.collect(t, c, "list:a")
		called := make(chan struct{})
		l.does(func(*hub.Session, string) ([]string, error) {
			close(called)
			<-below.Done()
			return []string{"r:1"}, nil
		})
		l.set(t, "r:1", "1")
		<-called
		stop()
		<-ended
		l.set(t, "r:1", "2")
		settle() // no one is asked any more
		c.end()
	})
}
