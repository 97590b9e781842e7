//go:build linux

package e2e

import (
	"sync"
	"testing"
	"time"
)

// patience bounds the waits for what should happen at once, on a machine that
// is busy with other things.
const patience = 20 * time.Second

// eventually polls until ok holds.
func eventually(t *testing.T, within time.Duration, what string, ok func() bool) {
	t.Helper()
	if !polled(within, ok) {
		t.Fatalf("not within %v: %s", within, what)
	}
}

// polled reports whether ok came to hold in time.
func polled(within time.Duration, ok func() bool) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(within)
	defer late.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-late.C:
			return ok()
		}
	}
	return true
}

// rest lets time pass in which nothing should happen.
func rest(d time.Duration) { <-time.After(d) }

// journal is a list that grows and can be waited on.
type journal[T any] struct {
	mu      sync.Mutex
	entries []T
	grown   chan struct{}
}

func (j *journal[T]) add(e T) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, e)
	if j.grown != nil {
		close(j.grown)
		j.grown = nil
	}
}

// from returns the entries after the first n, and a channel that is closed
// when there are more.
func (j *journal[T]) from(n int) ([]T, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.grown == nil {
		j.grown = make(chan struct{})
	}
	return j.entries[n:len(j.entries):len(j.entries)], j.grown
}

func (j *journal[T]) len() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.entries)
}

// find waits for an entry that matches, among those after the first n.
func (j *journal[T]) find(n int, within time.Duration, match func(T) bool) (found T, ok bool) {
	late := time.NewTimer(within)
	defer late.Stop()
	for {
		entries, grown := j.from(n)
		for _, e := range entries {
			if match(e) {
				return e, true
			}
		}
		n += len(entries)
		select {
		case <-grown:
		case <-late.C:
			return found, false
		}
	}
}

// count returns how many entries match.
func (j *journal[T]) count(match func(T) bool) (n int) {
	entries, _ := j.from(0)
	for _, e := range entries {
		if match(e) {
			n++
		}
	}
	return n
}
