package wasm

import (
	"runtime"
	"testing"
	"time"
)

// A call that has run for long waits while others have all places, until one of
// them hands its place on, at its next tick.
func TestLongCallsTakeTurns(t *testing.T) {
	t.Parallel()
	turns := newTurns()
	defer turns.close()
	turns.start = time.Now().Add(-time.Hour) // when all of them have begun
	done := make(chan struct{})
	places := make([]stint, max(runtime.GOMAXPROCS(0)-1, 1))
	for i := range places {
		places[i].begun = 1
		turns.tick(&places[i], done)
	}
	late, served := &stint{begun: 1}, make(chan struct{})
	go func() {
		defer close(served)
		turns.tick(late, done)
	}()
	for waiting := 0; waiting == 0; runtime.Gosched() {
		select {
		case <-served:
			t.Fatal("it did not wait")
		default:
		}
		turns.mu.Lock()
		waiting = turns.waiting.Len()
		turns.mu.Unlock()
	}
	first := &places[0]
	turns.mu.Lock()
	first.until = 0 // its quantum is over
	turns.mu.Unlock()
	handedOn := make(chan struct{})
	go func() {
		defer close(handedOn)
		turns.tick(first, done) // and waits in its turn
	}()
	<-served
	turns.end(late)
	<-handedOn
	for i := range places {
		turns.end(&places[i])
	}
	if turns.long != 0 || turns.active != 0 {
		t.Errorf("%d places taken, %d active", turns.long, turns.active)
	}
}

// A call that was known before it waited for the host is known again afterwards,
// as one that computes.
func TestTurnsAfterHostCalls(t *testing.T) {
	t.Parallel()
	turns := newTurns()
	defer turns.close()
	r := &Runtime{turns: turns}
	s := new(Slot).Hold(nil)
	turns.tick(&s.stint, s.done)
	if turns.leave(&s.stint) {
		t.Error("known after its first tick")
	}
	turns.tick(&s.stint, s.done)
	for range 3 {
		known := r.BeginHostCall(s)
		if !known || turns.active != 0 {
			t.Errorf("while the host works: known %t, %d active", known, turns.active)
		}
		if r.EndHostCall(s, known); turns.active != 1 {
			t.Errorf("after the host has worked: %d active", turns.active)
		}
	}
	turns.end(&s.stint)
}
