package backplanetest

import (
	"strconv"
	"testing"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// view is what one sees of a room who follows its events. It fails the test
// where an event is none, after those before it.
type view struct {
	t      *testing.T
	seq    int64
	states map[string]string // of those that are present; "" for none
}

func newView(t *testing.T, shot backplane.Snapshot) *view {
	t.Helper()
	v := &view{t: t, seq: shot.Seq, states: make(map[string]string)}
	for _, id := range shot.Present {
		v.states[id] = string(shot.States[id])
	}
	for id := range shot.States {
		if _, present := v.states[id]; !present {
			t.Errorf("%s has a state and is not present", id)
		}
	}
	return v
}

func (v *view) applyAll(events []backplane.PresenceEvent) {
	v.t.Helper()
	for _, e := range events {
		v.apply(e)
	}
}

func (v *view) apply(e backplane.PresenceEvent) {
	v.t.Helper()
	if e.Seq <= v.seq {
		v.t.Errorf("seq %d came after %d", e.Seq, v.seq)
	}
	v.seq = e.Seq
	state, present := v.states[e.Connection]
	switch e.Change {
	case backplane.Joined:
		if present {
			v.t.Errorf("%s joined twice", e.Connection)
		}
		v.states[e.Connection] = ""
	case backplane.Left:
		if !present {
			v.t.Errorf("%s left twice", e.Connection)
		}
		delete(v.states, e.Connection)
	case backplane.StateSet:
		if !present || e.State == nil && state == "" {
			v.t.Errorf("%s: state %q after %q, present: %v", e.Connection, e.State, state, present)
		}
		v.states[e.Connection] = string(e.State)
	default:
		v.t.Errorf("change %d", e.Change)
	}
}

// expiring counts the states that will go by themselves: in tests with a view
// those are the numbers.
func (v *view) expiring() (n int) {
	for _, state := range v.states {
		if _, err := strconv.Atoi(state); err == nil {
			n++
		}
	}
	return n
}
