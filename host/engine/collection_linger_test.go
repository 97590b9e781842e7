package engine_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/host/engine"
)

// Who comes back finds what has changed while nobody was there to see it.
func TestTablesThatAreKeptHearOfChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(engine.Limits{}, declared(5))
		l.set(t, "r:1", `{"open":true,"team":"red"}`)
		first := l.connect(t, modern)
		if _, got := l.collect(t, first, "of:red"); len(got.Records) != 1 {
			t.Fatalf("it begins with %d records", len(got.Records))
		}
		first.end()
		l.set(t, "r:1", `{"open":true,"team":"blue"}`)
		l.set(t, "r:2", `{"open":true,"team":"red"}`)
		second := l.connect(t, modern)
		if _, got := l.collect(t, second, "of:red"); len(got.Records) != 1 || got.Records[0].ID != "r:2" {
			t.Errorf("it begins again with %+v", got.Records)
		}
		second.end()
		pass(time.Minute)
		synctest.Wait()
		if n := l.store.Stats().Subscriptions; n != 0 {
			t.Errorf("%d subscriptions of the node are left", n)
		}
	})
}
