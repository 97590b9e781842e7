package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/hub"
)

func TestCollectionsOfASessionAreLimited(t *testing.T) {
	t.Parallel()
	l := newLibrary(engine.Limits{Collections: 2}, declared(5))
	c := l.connect(t, modern)
	for _, id := range []string{"of:a", "of:b", "of:a"} {
		l.collect(t, c, id)
	}
	_, err := l.SubscribeCollection(ctx, c.Session, l.rules.Collection("of:c"), "of:c")
	if wantError(t, err, abi.CodeLimit); !strings.Contains(fmt.Sprint(err), "limits.collections") {
		t.Errorf("it says %q", err)
	}
	if c.Subscribed(hub.Topic{Kind: hub.CollectionTopic, Name: "of:c"}) {
		t.Error("what failed has begun")
	}
	l.UnsubscribeCollection(ctx, c.Session, "of:a")
	l.collect(t, c, "of:c")
}

// TestManyCollectionsDelayNoOther has sessions subscribe to as many collections
// as they may, whose resolver takes its time, and another one to one.
func TestManyCollectionsDelayNoOther(t *testing.T) {
	t.Parallel()
	const takes = 20 * time.Millisecond
	for _, shared := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			l := newLibrary(engine.Limits{}, resolved(shared))
			l.answers()
			for i := range 3 {
				many := l.connect(t, modern)
				for n := range engine.DefaultCollections {
					l.collect(t, many, fmt.Sprint("list:", i, ":", n))
				}
			}
			v, _ := l.collect(t, l.connect(t, modern), "list:mine")
			for round := range 5 {
				changed := time.Now()
				l.does(func(*hub.Session, string) ([]string, error) {
					pass(takes)
					return []string{fmt.Sprint("r:", round)}, nil
				})
				l.set(t, fmt.Sprint("r:", round), "1")
				for v.views[v.id].diffs == round && time.Since(changed) < time.Minute {
					pass(time.Millisecond)
					synctest.Wait()
					v.take(t, v.client.wire.Texts())
				}
				if took := time.Since(changed); took > collectionQuiet+2*takes+10*time.Millisecond {
					t.Errorf("shared %v: diff %d came after %v", shared, round, took)
				}
				pass(300 * time.Millisecond)
			}
		})
	}
}

// TestWhatIsDearIsNotResolvedAllTheTime counts how often a resolver is asked that
// takes its time, while records change.
func TestWhatIsDearIsNotResolvedAllTheTime(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		takes       time.Duration
		least, most int
	}{
		{10 * time.Millisecond, 260, 301}, // every 200 ms and some
		{50 * time.Millisecond, 110, 125}, // a tenth of the time
		{time.Second, 9, 12},              // a pause is 5 s at most
	} {
		for _, shared := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				l := newLibrary(engine.Limits{}, resolved(shared))
				l.answers()
				v, _ := l.collect(t, l.connect(t, modern), "list:a")
				l.take()
				l.does(func(*hub.Session, string) ([]string, error) {
					pass(test.takes)
					return []string{"r:last"}, nil
				})
				for began := time.Now(); time.Since(began) < time.Minute; pass(40 * time.Millisecond) {
					l.set(t, "r:1", fmt.Sprint(time.Now().UnixNano()))
				}
				if calls, _ := l.take(); len(calls) < test.least || len(calls) > test.most {
					t.Errorf("shared %v: one that takes %v is asked %d times in a minute", shared, test.takes, len(calls))
				}
				l.set(t, "r:last", "1")
				pass(10 * time.Second)
				v.see(t, 1, "r:last") // nothing is forgotten
				v.client.end()
				l.nothingLeft(t)
			})
		}
	}
}
