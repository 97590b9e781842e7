package backplanetest

import (
	"context"
	"strconv"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

func (n *node) stateOf(id string) string {
	n.t.Helper()
	return string(n.snapshot("r").States[id])
}

func setsState(s *suite) {
	a, b := s.inRoom(true)
	for _, step := range []struct {
		n     *node
		state string
	}{{a, "typing"}, {b, "away"}, {b, "away"}, {a, ""}, {b, ""}, {a, `{"x":null}`}} {
		is(s.T, "set", step.n.state("r", "1", step.state, 0, false), true)
		is(s.T, "state", a.stateOf("1"), step.state)
		is(s.T, "state of the other", b.stateOf("2"), "")
		is(s.T, "who has one", len(a.snapshot("r").States), min(1, len(step.state)))
	}
	wantEvents(s.T, s.events(a, b), "1 joined", "2 joined",
		"1 is typing", "1 is away", "1 is away", "1 is no more", `1 is {"x":null}`)
}

func stateNeedsPresence(s *suite) {
	a, b := s.inRoom(true)
	a.exit("r", "2")
	for _, id := range []string{"2", "never there", ""} {
		is(s.T, "set", b.state("r", id, "typing", 0, false), false)
		is(s.T, "cleared", b.state("r", id, "", 0, false), false)
	}
	is(s.T, "set in no room", b.state("other", "1", "typing", 0, false), false)
	wantEvents(s.T, s.events(a, b), "1 joined", "2 joined", "2 left")
}

func stateGoes(s *suite) {
	a, b := s.inRoom(true)
	for i, end := range []func(){
		func() { b.exit("r", "1") },
		func() { a.leave("r", "1") },
		func() { a.clear("r") },
		func() { b.remove("1"); a.add("1", "") },
	} {
		a.state("r", "1", strconv.Itoa(i), time.Hour, false)
		end()
		a.join("r", "1", true)
		is(s.T, "state", b.stateOf("1"), "")
	}
	events := s.events(a, b)
	is(s.T, "events", len(events), 2+4*3+1) // and 2's leave by clear
	for _, e := range events {
		if e.Change == backplane.StateSet && e.State == nil {
			s.Errorf("the end of a state was published beside the member's: %+v", e)
		}
	}
}

func silentState(s *suite) {
	a, b := s.inRoom(true)
	is(s.T, "set", a.state("r", "1", "hidden", 0, true), true)
	is(s.T, "state", b.stateOf("1"), "hidden")
	a.state("r", "1", "seen", 0, false)
	a.state("r", "1", "hidden", 0, true)
	a.state("r", "1", "", 0, true)
	a.state("r", "1", "", 0, true)
	wantEvents(s.T, s.events(a, b), "1 joined", "2 joined", "1 is seen", "1 is no more")
}

func copiedState(s *suite) {
	a, b := s.inRoom(true)
	state := []byte("\x00\xff1")
	if _, err := a.Node.Presence().SetState(context.Background(), "r", "1", state, 0, false); err != nil {
		s.Fatal(err)
	}
	before := b.snapshot("r")
	state[2] = '2'
	is(s.T, "state", a.stateOf("1"), "\x00\xff1")
	a.state("r", "1", "new", 0, false)
	is(s.T, "state that was read", string(before.States["1"]), "\x00\xff1")
	if _, err := a.Node.Presence().SetState(context.Background(), "r", "2", []byte{}, 0, false); err != nil {
		s.Fatal(err)
	}
	if empty, there := a.snapshot("r").States["2"]; !there || len(empty) != 0 {
		s.Errorf("an empty state is %q, there: %v", empty, there)
	}
	wantEvents(s.T, s.events(a, b), "1 joined", "2 joined", "1 is \x00\xff1", "1 is new", "2 is ")
}

// tolerance is how late an expiry may be told.
const tolerance = 150 * time.Millisecond

// wantStates fails unless room r has so many states: now, or, as a busy machine
// may be late, soon.
func (s *suite) wantStates(n *node, wanted int) {
	s.Helper()
	late := time.Now().Add(patience)
	for {
		got := len(n.snapshot("r").States)
		if got == wanted {
			return
		}
		if s.backend.FakeTime || time.Now().After(late) {
			s.Fatalf("there are %d states, want %d", got, wanted)
		}
		pass(10 * time.Millisecond)
	}
}

func stateExpires(s *suite) {
	a, b := s.inRoom(true)
	ttl := s.ttl()
	a.state("r", "1", "typing", ttl, false)
	b.state("r", "2", "typing", ttl, true)
	if s.backend.FakeTime {
		pass(ttl - 1)
		is(s.T, "state", b.stateOf("1"), "typing")
	}
	pass(ttl + tolerance)
	s.wantStates(b, 0)
	is(s.T, "set", a.state("r", "1", "", 0, false), true) // nothing is left to be cleared
	pass(2 * ttl)
	events := s.events(a, b)
	if len(events) == 5 && events[3].Connection == "2" {
		events[3].Connection, events[4].Connection = "1", "2" // at the same time, in any order
	}
	wantEvents(s.T, events, "1 joined", "2 joined", "1 is typing", "1 is no more", "2 is no more")
}

func stateRenewed(s *suite) {
	a, b := s.inRoom(true)
	ttl := s.ttl()
	for i := range 4 {
		made := time.Now()
		a.state("r", "1", strconv.Itoa(i), ttl, i%2 == 1)
		pass(ttl / 2)
		state := b.stateOf("1")
		s.soon(made, ttl)
		is(s.T, "state", state, strconv.Itoa(i))
	}
	a.state("r", "1", "short", ttl/10, false)
	pass(ttl/10 + tolerance)
	s.wantStates(b, 0)
	wantEvents(s.T, s.events(a, b), "1 joined", "2 joined", "1 is 0", "1 is 2", "1 is short", "1 is no more")
}

func stateStays(s *suite) {
	a, b := s.inRoom(true)
	ttl := s.ttl()
	a.state("r", "1", "typing", ttl, false)
	a.state("r", "1", "here", 0, false)
	a.state("r", "2", "there", 1000*ttl, false)
	pass(2*ttl + tolerance)
	is(s.T, "state", b.stateOf("1"), "here")
	is(s.T, "state", b.stateOf("2"), "there")
	wantEvents(s.T, s.events(a, b), "1 joined", "2 joined", "1 is typing", "1 is here", "2 is there")
}

// The expiry of a state that ended otherwise does nothing to the next one.
func stateExpiresAlone(s *suite) {
	a, b := s.inRoom(true)
	ttl := s.ttl()
	a.state("r", "1", "typing", ttl, false)
	a.state("r", "1", "", 0, false)
	a.state("r", "1", "here", 0, false)
	a.state("r", "2", "typing", ttl, false)
	b.leave("r", "2")
	b.join("r", "2", true)
	b.state("r", "2", "here", 0, false)
	pass(2*ttl + tolerance)
	is(s.T, "state", b.stateOf("1"), "here")
	is(s.T, "state", b.stateOf("2"), "here")
	wantEvents(s.T, s.events(a, b), "1 joined", "2 joined", "1 is typing", "1 is no more", "1 is here",
		"2 is typing", "2 left", "2 joined", "2 is here")
}

func hammerExpiry(s *suite) {
	a, b := s.inRoom(true)
	ttl := s.ttl()
	ids := numbered("c", 40)
	for _, id := range ids {
		a.add(id, "")
		a.join("r", id, true)
	}
	hammer(func(worker int) {
		for i, id := range ids {
			if i%workers == worker || i%3 == 0 {
				[]*node{a, b}[worker%2].state("r", id, "typing", ttl/10*time.Duration(1+i%9), false)
			}
		}
	})
	pass(ttl + tolerance)
	s.wantStates(a, 0)
	view := newView(s.T, backplane.Snapshot{})
	view.applyAll(s.events(a, b)) // which fails where one ends twice
	for _, id := range ids {
		is(s.T, "state of "+id, view.states[id], "")
	}
}

// States are set anew just as they expire.
func hammerRenewal(s *suite) {
	a, b := s.inRoom(true)
	var all [workers][]string
	for worker := range all {
		all[worker] = numbered("c"+strconv.Itoa(worker)+"-", 40)
		for _, id := range all[worker] {
			a.add(id, "")
			a.join("r", id, true)
		}
	}
	wrong := func(worker int) (ended int) {
		states := b.snapshot("r").States
		for _, id := range all[worker] {
			if string(states[id]) != "stays" {
				ended++
			}
		}
		return ended
	}
	hammer(func(worker int) {
		n := []*node{a, b}[worker%2]
		for range s.rounds / 4 {
			for _, id := range all[worker] {
				n.state("r", id, "goes", time.Millisecond, true)
			}
			for _, id := range all[worker] {
				n.state("r", id, "stays", 0, true)
			}
			is(s.T, "states that ended", wrong(worker), 0)
		}
	})
	pass(tolerance)
	for worker := range all {
		is(s.T, "states that ended", wrong(worker), 0)
	}
}
