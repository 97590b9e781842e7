package engine_test

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/hub"
)

// slowJournal keeps nothing until it is told to.
type slowJournal struct {
	mu      sync.Mutex
	last    int64
	thens   []func()
	release chan struct{} // closed: everything is kept at once
}

// Load implements memory.Journal.
func (*slowJournal) Load(memory.Table, func(key, value []byte) error) error { return nil }

// Append implements memory.Journal.
func (j *slowJournal) Append(_ []memory.JournalEntry, then func()) int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last++
	if then != nil {
		j.thens = append(j.thens, then)
	}
	return j.last
}

// Wait implements memory.Journal.
func (j *slowJournal) Wait(ctx context.Context, place int64) error {
	if place == 0 {
		return nil
	}
	select {
	case <-j.release:
	case <-ctx.Done():
		return ctx.Err()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, then := range j.thens {
		then()
	}
	j.thens = nil
	return nil
}

func (j *slowJournal) changes() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

// Writers of one record do not each wait for the disk before the next may go on,
// and none of them is told of what could still be lost.
func TestWritersBuildOnWhatIsNotKeptYet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := &slowJournal{release: make(chan struct{})}
		store, err := memory.Open(memory.Options{Journal: j})
		if err != nil {
			t.Fatal(err)
		}
		f := fixture{hub: hub.New(hub.Limits{Outbox: 1 << 20}), store: store, rules: &rules{exposure.NewIndex(exposure.Set{})}, seen: new(observer)}
		f.node = store.Node("n1")
		f.Engine = engine.New(engine.Options{
			Hub: f.hub, Node: f.node, Rules: f.rules, Observer: f.seen, Log: slog.New(slog.DiscardHandler),
		})
		const writers = 8
		var running sync.WaitGroup
		versions := make([]int64, writers+1)
		for i := range writers {
			running.Go(func() {
				buffer := []byte(`{"a` + string(rune('0'+i)) + `":1}`)
				done, err := f.Write(ctx, engine.Write{Record: "r", Value: buffer, Strategy: engine.Merge})
				if err != nil {
					t.Error(err)
				}
				clear(buffer) // it is the caller's again
				versions[done.Number]++
			})
		}
		synctest.Wait()
		refused := make(chan error, 1)
		running.Go(func() {
			_, err := f.Write(ctx, engine.Write{Record: "r", Value: []byte("1"), Expect: version(99)})
			refused <- err
		})
		var early atomic.Bool
		running.Go(func() { // changes nothing, of what is not kept
			defer early.Store(true)
			if done, err := f.Write(ctx, engine.Write{Record: "r", Value: []byte(`{"a0":1}`), Strategy: engine.Merge}); err != nil || done.Changed {
				t.Errorf("%+v, %v", done, err)
			}
		})
		synctest.Wait()
		if early.Load() {
			t.Error("a writer was told that a version is there which is not kept")
		}
		if n := j.changes(); n != writers {
			t.Errorf("%d changes wait to be kept", n)
		}
		select {
		case err := <-refused:
			t.Errorf("a writer was told of a version that is not kept: %v", err)
		default:
		}
		close(j.release)
		running.Wait()
		wantError(t, <-refused, abi.CodeConflict)
		for i, n := range versions[1:] {
			if n != 1 {
				t.Errorf("version %d was made %d times", i+1, n)
			}
		}
		got := f.get(t, "r")
		if len(got) != len(`8 {"a0":1,"a1":1,"a2":1,"a3":1,"a4":1,"a5":1,"a6":1,"a7":1}`) {
			t.Errorf("the record is %s", got)
		}
	})
}
