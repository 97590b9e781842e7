package engine_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/hub"
)

// A version that was made while a diff was on its way is not pushed after a reply
// that has it already, where the client has left what the diff was for.
func TestAVersionIsNotPushedAfterTheReplyThatHasIt(t *testing.T) {
	t.Parallel()
	for name, instead := range map[string]func(t *testing.T, l library, v *follower) (shown string){
		"subscribed anew": func(t *testing.T, l library, v *follower) string {
			t.Helper()
			return subscribeInstead(t, l, v, "of:red")
		},
		"subscribed to another": func(t *testing.T, l library, v *follower) string {
			t.Helper()
			l.UnsubscribeCollection(ctx, v.client.Session, "of:red")
			v.take(t, v.client.wire.Texts())
			delete(v.views, "of:red")
			return subscribeInstead(t, l, v, "list:a")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newLibrary(engine.Limits{}, declared(5), resolved(true))
				l.answers("r:1", "r:2")
				c := l.connect(t, modern)
				v, _ := l.collect(t, c, "of:red")
				// The diff covers r:1, and waits for the guard of r:2.
				var asked atomic.Int32
				goOn := make(chan struct{})
				l.refuse(func(_ *hub.Session, record string) bool {
					if record == "r:2" && asked.Add(1) == 1 {
						<-goOn
					}
					return false
				})
				l.set(t, "r:1", `{"open":true,"team":"red","n":1}`)
				l.set(t, "r:2", `{"open":true,"team":"red"}`)
				settle()
				if asked.Load() != 1 {
					t.Errorf("the guard of r:2 was asked %d times", asked.Load())
				}
				l.set(t, "r:1", `{"open":true,"team":"red","n":2}`)
				shown := instead(t, l, v)
				close(goOn)
				settle()
				v.take(t, c.wire.Texts())
				l.set(t, "r:1", `{"open":true,"team":"red","n":3}`)
				settle()
				v.take(t, c.wire.Texts())
				if got := v.views[shown].records["r:1"]; got.version != 3 {
					t.Errorf("the client has r:1 at version %d", got.version)
				}
				l.UnsubscribeCollection(ctx, c.Session, shown)
				l.nothingLeft(t)
			})
		})
	}
}

// subscribeInstead makes a collection the one that a client shows.
func subscribeInstead(t *testing.T, l library, v *follower, id string) string {
	t.Helper()
	begun, err := l.SubscribeCollection(ctx, v.client.Session, l.rules.Collection(id), id)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	v.take(t, v.client.wire.Texts())
	v.reply(id, begun)
	begun.Release()
	return id
}
