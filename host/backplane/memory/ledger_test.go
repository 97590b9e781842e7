package memory_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
)

// ledger is a journal that keeps things when it is told to, and that a test can
// crash.
type ledger struct {
	keeping sync.Mutex    // held while thens are called
	lag     time.Duration // how much later run keeps things, at most

	mu       sync.Mutex
	changed  chan struct{} // closed with the next change
	kept     map[memory.Table]map[string][]byte
	waiting  []appended
	appended int64
	done     int64 // the place up to which thens have returned
	frozen   bool
	broken   bool
}

type appended struct {
	entries []memory.JournalEntry
	then    func()
}

var _ memory.Journal = (*ledger)(nil)

func newLedger() *ledger {
	return &ledger{lag: 50 * time.Microsecond, changed: make(chan struct{}), kept: make(map[memory.Table]map[string][]byte)}
}

// change changes the ledger and wakes those that wait.
func (l *ledger) change(do func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	do()
	close(l.changed)
	l.changed = make(chan struct{})
}

// Load implements memory.Journal.
func (l *ledger) Load(t memory.Table, fn func(key, value []byte) error) error {
	l.mu.Lock()
	entries := maps.Clone(l.kept[t])
	l.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		if err := fn([]byte(key), bytes.Clone(entries[key])); err != nil {
			return err
		}
	}
	return nil
}

// Append implements memory.Journal.
func (l *ledger) Append(change []memory.JournalEntry, then func()) (place int64) {
	l.change(func() {
		l.waiting = append(l.waiting, appended{change, then})
		l.appended++
		place = l.appended
	})
	return place
}

// Wait implements memory.Journal.
func (l *ledger) Wait(ctx context.Context, place int64) error {
	for {
		l.mu.Lock()
		done, broken, changed := l.done >= place, l.broken, l.changed
		l.mu.Unlock()
		switch {
		case done:
			return nil
		case broken:
			return fmt.Errorf("ledger: %w", backplane.ErrUnavailable)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// keep keeps at most so many changes, and returns how many.
func (l *ledger) keep(most int) int {
	l.keeping.Lock()
	defer l.keeping.Unlock()
	var batch []appended
	l.change(func() {
		if l.frozen || l.broken {
			return
		}
		n := min(most, len(l.waiting))
		batch, l.waiting = l.waiting[:n:n], l.waiting[n:]
		for _, a := range batch {
			for _, e := range a.entries {
				l.put(e)
			}
		}
	})
	for _, a := range batch {
		if a.then != nil {
			a.then()
		}
	}
	l.change(func() { l.done += int64(len(batch)) })
	return len(batch)
}

func (l *ledger) put(e memory.JournalEntry) {
	if l.kept[e.Table] == nil {
		l.kept[e.Table] = make(map[string][]byte)
	}
	if e.Value == nil {
		delete(l.kept[e.Table], string(e.Key))
	} else {
		l.kept[e.Table][string(e.Key)] = e.Value
	}
}

// keepAll keeps all that there is.
func (l *ledger) keepAll() {
	for more := true; more; {
		more = l.keep(1<<30) > 0
	}
}

// run keeps everything a little later, until the test ends.
func (l *ledger) run(tb testing.TB) *ledger {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			l.mu.Lock()
			changed := l.changed
			there := len(l.waiting) > 0 && !l.frozen && !l.broken
			l.mu.Unlock()
			if !there {
				select {
				case <-ctx.Done():
					return
				case <-changed:
				}
			}
			if l.lag > 0 {
				<-time.After(rand.N(l.lag))
			}
			l.keep(1 + rand.IntN(20))
		}
	})
	tb.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return l
}

// freeze has nothing more kept.
func (l *ledger) freeze() { l.change(func() { l.frozen = true }) }

// fail has nothing more kept, and says so.
func (l *ledger) fail() { l.change(func() { l.broken = true }) }

// crash returns a ledger with what this one has kept, and nothing of what it
// still had to.
func (l *ledger) crash() *ledger {
	l.mu.Lock()
	defer l.mu.Unlock()
	after := newLedger()
	for t, entries := range l.kept {
		after.kept[t] = maps.Clone(entries)
	}
	return after
}

// count returns how many changes have been appended, and how many entries a
// table has.
func (l *ledger) count(t memory.Table) (changes int64, entries int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.appended, len(l.kept[t])
}

// open makes a store of what a ledger has kept.
func open(tb testing.TB, l *ledger) *memory.Store {
	tb.Helper()
	s, err := memory.Open(memory.Options{Journal: l})
	must(tb, err)
	return s
}

// waits fails the test unless call waits for something until its context ends.
func waits(t *testing.T, what string, call func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := call(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%s does not wait: %v", what, err)
	}
}
