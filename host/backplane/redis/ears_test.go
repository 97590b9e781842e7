package redis_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// ears is a receiver that writes down what it hears, a line each.
type ears struct {
	mu      sync.Mutex
	lines   []string
	changed chan struct{} // closed at the next line
	reach   int           // what Instruct answers
}

var _ backplane.Receiver = (*ears)(nil)

func newEars() *ears { return &ears{changed: make(chan struct{})} }

func (e *ears) hear(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lines = append(e.lines, fmt.Sprintf(format, args...))
	close(e.changed)
	e.changed = make(chan struct{})
}

// Message implements backplane.Receiver.
func (e *ears) Message(channel string, m backplane.Message) { e.hear("message %s %s", channel, m.Data) }

// Presence implements backplane.Receiver.
func (e *ears) Presence(p backplane.PresenceEvent) {
	change := map[backplane.Change]string{backplane.Joined: "joined", backplane.Left: "left", backplane.StateSet: "is"}
	e.hear("presence %s %s %s", p.Connection, change[p.Change], p.State)
}

// Member implements backplane.Receiver.
func (e *ears) Member(room, connection string, joined bool, reason string) {
	e.hear("member %s %s %v %s", room, connection, joined, reason)
}

// Metadata implements backplane.Receiver.
func (e *ears) Metadata(connection string, metadata []byte) {
	e.hear("metadata %s %s", connection, metadata)
}

// Record implements backplane.Receiver.
func (e *ears) Record(backplane.RecordChange) {}

// Wrote implements backplane.Receiver.
func (e *ears) Wrote(backplane.RecordChange) {}

// Lost implements backplane.Receiver.
func (e *ears) Lost(t backplane.Topic) { e.hear("lost %s", t.Name) }

// Instruct implements backplane.Receiver.
func (e *ears) Instruct(to backplane.Audience, what backplane.Instruction) int {
	switch {
	case what.Push != nil:
		e.hear("push %s to %d names, %d bytes", what.Push.Command, len(to.Names), len(what.Push.Payload))
	case what.Close != nil:
		e.hear("close %d %q", what.Close.Code, to.Names)
	}
	return e.reach
}

// heard returns the lines that begin so.
func (e *ears) heard(prefix string) (lines []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, line := range e.lines {
		if strings.HasPrefix(line, prefix) {
			lines = append(lines, line)
		}
	}
	return lines
}

// await waits until enough is heard that begins so, and returns it.
func (e *ears) await(t *testing.T, prefix string, count int) []string {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		e.mu.Lock()
		changed := e.changed
		e.mu.Unlock()
		lines := e.heard(prefix)
		if len(lines) >= count {
			return lines
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("heard %d of %d times %q: %q", len(lines), count, prefix, lines[:min(len(lines), 20)])
		}
	}
}

// each fails unless exactly these lines, in any order, begin so.
func (e *ears) each(t *testing.T, prefix string, wanted []string) {
	t.Helper()
	e.await(t, prefix, len(wanted))
	got := slices.Sorted(slices.Values(e.heard(prefix)))
	if wanted = slices.Sorted(slices.Values(wanted)); !slices.Equal(got, wanted) {
		t.Errorf("heard %d lines %q, want %d", len(got), prefix, len(wanted))
	}
}
