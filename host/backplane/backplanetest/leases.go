package backplanetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

func runLeases(t *testing.T, b Backend) {
	t.Helper()
	b.runTimed(t, b.lease(), tests{
		"a dead node's connections leave once": dies,
		"a living node keeps its connections":  lives,
		"a node that ends leaves at once":      ends,
		"nothing is added to a node that died": addsToDead,
		"many nodes die at once":               dieTogether,
	})
}

// outlast waits until a node that does not run has surely been found dead.
func (s *suite) outlast() { pass(3 * s.lease) }

// outlastAwake lets twice as long pass. Where a node that asks all the time has had
// no answer for long, so that none may have renewed a lease, the test begins anew
// with a longer one.
func (s *suite) outlastAwake(n *node) {
	if s.backend.FakeTime {
		s.outlast()
		s.outlast()
		return
	}
	last := time.Now()
	for end := last.Add(6 * s.lease); last.Before(end); {
		pass(s.lease / 100)
		n.membersIn("r")
		now := time.Now()
		if now.Sub(last) > s.lease/3 {
			panic(errLate)
		}
		last = now
	}
}

// populate gives a node connections in room r, which is being watched.
func (s *suite) populate(n *node, ids []string) {
	s.Helper()
	for _, id := range ids {
		n.add(id, "u")
		n.join("r", id, true)
		n.join("plain "+id, id, false)
		n.state("r", id, "here", 0, true)
		n.swap(id, "", "{}")
	}
}

// wantGone fails unless nothing is left of connections.
func (s *suite) wantGone(n *node, ids []string) {
	s.Helper()
	for _, id := range ids {
		if about, err := n.Connections().Get(context.Background(), id); !errors.Is(err, backplane.ErrNotFound) {
			s.Errorf("%+v is there: %v", about, err)
		}
		want(s.T, "rooms of "+id, n.roomsOf(id), nil)
		want(s.T, "members", n.membersIn("plain "+id), nil)
		is(s.T, "a member", n.has("r", id), false)
	}
}

// wantLeaves fails unless each connection left exactly once, after 1 and 2
// and the others had joined, and nothing else happened.
func (s *suite) wantLeaves(events []backplane.PresenceEvent, ids []string) {
	s.Helper()
	view := newView(s.T, backplane.Snapshot{})
	view.applyAll(events)
	is(s.T, "events", len(events), 2+2*len(ids))
	is(s.T, "who is left", len(view.states), 2)
}

func dies(s *suite) {
	a, b := s.inRoom(true)
	dead := s.idle("dead")
	ids := numbered("c", 20)
	s.populate(dead, ids)
	s.outlast()
	s.wantGone(a, ids)
	s.wantLeaves(s.events(a, b), ids)
	want(s.T, "of the user", b.ofUser("u"), nil)
	want(s.T, "members", b.membersIn("r"), []string{"1", "2"})
	s.outlast()
	want(s.T, "members", b.membersIn("r"), []string{"1", "2"})
}

func lives(s *suite) {
	a, b := s.inRoom(true)
	ids := numbered("c", 3)
	s.populate(b, ids)
	s.outlastAwake(a)
	want(s.T, "members", a.membersIn("r"), append([]string{"1", "2"}, ids...))
	want(s.T, "of the user", a.ofUser("u"), ids)
	is(s.T, "events", len(s.events(a, b)), 2+len(ids))
}

func ends(s *suite) {
	a, b := s.inRoom(true)
	c := s.node("c")
	ids := numbered("c", 20)
	s.populate(c, ids)
	c.stop()
	s.wantGone(a, ids)
	s.wantLeaves(s.events(a, b), ids)
	want(s.T, "members", b.membersIn("r"), []string{"1", "2"})
	s.outlast()
	want(s.T, "members", b.membersIn("r"), []string{"1", "2"})
	is(s.T, "events", len(s.events(a, b)), 2+2*len(ids))
}

func addsToDead(s *suite) {
	a := s.node("a")
	dead, ended := s.idle("dead"), s.node("ended")
	s.outlast()
	ended.stop()
	for _, n := range []*node{dead, ended} {
		err := n.Connections().Add(context.Background(), backplane.Connection{ID: "1"})
		if !errors.Is(err, backplane.ErrUnavailable) {
			s.Errorf("adding to %s: %v", n.ID(), err)
		}
	}
	want(s.T, "connections", s.readAll(a.listConnections, 10), nil)
}

func dieTogether(s *suite) {
	a, b := s.inRoom(true)
	var all []string
	for _, name := range []string{"d1", "d2", "d3", "d4"} {
		ids := numbered(name+"-", 5)
		s.populate(s.idle(name), ids)
		all = append(all, ids...)
	}
	s.node("c") // and three to find them
	s.outlast()
	s.wantGone(b, all)
	s.wantLeaves(s.events(a, b), all)
}
