package backplanetest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

func runPresence(t *testing.T, b Backend) {
	t.Helper()
	b.run(t, tests{
		"entering and exiting are idempotent":         enters,
		"presence needs membership, not the reverse":  needsMembership,
		"each change is published once":               published,
		"seq grows over the end of a room":            seqGrows,
		"rooms are apart":                             roomsApart,
		"a state is set, replaced and cleared":        setsState,
		"a state needs presence":                      stateNeedsPresence,
		"a state goes with its member":                stateGoes,
		"a silent state is not published":             silentState,
		"states are any bytes, and copied":            copiedState,
		"hammer: snapshot and events are joined":      hammerSnapshot,
		"hammer: all nodes see the same changes":      hammerPresence,
		"hammer: of many that enter one is published": hammerEnterOnce,
		"hammer: no expiry ends the next state":       hammerRenewal,
	})
	b.runTimed(t, longLease, tests{
		"a state expires once":                    stateExpires,
		"a state that is set again lasts longer":  stateRenewed,
		"a state without expiry stays":            stateStays,
		"a state that expires does so for itself": stateExpiresAlone,
		"hammer: every state expires once":        hammerExpiry,
	})
}

// isChange says whether an event is a change of a connection.
func isChange(id string, change backplane.Change) func(backplane.PresenceEvent) bool {
	return func(e backplane.PresenceEvent) bool { return e.Connection == id && e.Change == change }
}

// wantEvents fails unless events are the ones that are described, in the order
// of their Seq.
func wantEvents(t *testing.T, events []backplane.PresenceEvent, wanted ...string) {
	t.Helper()
	var got []string
	var seq int64
	for _, e := range events {
		if e.Seq <= seq || e.Time < 1 || (e.State != nil) && e.Change != backplane.StateSet {
			t.Errorf("after %d came %+v", seq, e)
		}
		seq = e.Seq
		switch {
		case e.Change == backplane.Joined:
			got = append(got, e.Connection+" joined")
		case e.Change == backplane.Left:
			got = append(got, e.Connection+" left")
		case e.State == nil:
			got = append(got, e.Connection+" is no more")
		default:
			got = append(got, fmt.Sprintf("%s is %s", e.Connection, e.State))
		}
	}
	want(t, "events", got, wanted)
}

// inRoom returns two nodes that have subscribed to the presence in room r,
// with members 1 and 2, connected to the first.
func (s *suite) inRoom(present bool) (a, b *node) {
	s.Helper()
	a, b = s.node("a"), s.node("b")
	for _, n := range []*node{a, b} {
		n.subscribe(backplane.PresenceOf, "r")
	}
	for _, id := range []string{"1", "2"} {
		a.add(id, "")
		a.join("r", id, present)
	}
	return a, b
}

// theEnd begins the names of connections whose joining marks the end of what
// a test looks at.
const theEnd = "the end "

func isMark(e backplane.PresenceEvent) bool { return strings.HasPrefix(e.Connection, theEnd) }

// mark has a connection join room r.
func (s *suite) mark(n *node) (joined func(backplane.PresenceEvent) bool) {
	s.Helper()
	s.marks++
	id := theEnd + strconv.Itoa(s.marks)
	n.add(id, "")
	n.join("r", id, true)
	return isChange(id, backplane.Joined)
}

// events returns the events of room r until now, which both nodes got.
func (s *suite) events(a, b *node) []backplane.PresenceEvent {
	s.Helper()
	end := s.mark(a)
	at, other := a.presenceUntil(s.T, "r", end), b.presenceUntil(s.T, "r", end)
	if !slices.EqualFunc(at, other, equalEvents) {
		s.Error("the nodes saw different changes")
	}
	a.remove(at[len(at)-1].Connection)
	return slices.DeleteFunc(at, isMark)
}

func equalEvents(x, y backplane.PresenceEvent) bool {
	return x.Room == y.Room && x.Connection == y.Connection && x.Change == y.Change && x.Seq == y.Seq &&
		x.Time == y.Time && string(x.State) == string(y.State) && (x.State == nil) == (y.State == nil)
}

func enters(s *suite) {
	a, b := s.inRoom(false)
	want(s.T, "present", a.snapshot("r").Present, nil)
	for _, step := range []struct {
		do   func(room, id string) bool
		id   string
		done bool
		left []string
	}{
		{a.enter, "2", true, []string{"2"}},
		{b.enter, "2", false, []string{"2"}},
		{b.enter, "1", true, []string{"1", "2"}},
		{a.exit, "2", true, []string{"1"}},
		{b.exit, "2", false, []string{"1"}},
		{b.enter, "2", true, []string{"1", "2"}},
		{b.exit, "1", true, []string{"2"}},
	} {
		is(s.T, "done", step.do("r", step.id), step.done)
		want(s.T, "present", b.snapshot("r").Present, step.left)
		want(s.T, "members", a.membersIn("r"), []string{"1", "2"})
	}
	wantEvents(s.T, s.events(a, b), "2 joined", "1 joined", "2 left", "2 joined", "1 left")
}

func needsMembership(s *suite) {
	a, b := s.inRoom(false)
	a.add("3", "")
	for _, id := range []string{"3", "never there", ""} {
		is(s.T, "entered", b.enter("r", id), false)
		is(s.T, "exited", b.exit("r", id), false)
	}
	is(s.T, "entered no room", b.enter("other", "1"), false)
	is(s.T, "exited no room", b.exit("other", "1"), false)
	want(s.T, "rooms", s.readAll(a.listRooms, 10), []string{"r"})
	wantEvents(s.T, s.events(a, b))
}

func published(s *suite) {
	a, b := s.inRoom(false)
	is(s.T, "joined", b.join("r", "1", true), false) // present, though a member before
	b.join("r", "1", true)
	b.join("r", "1", false) // and no less so
	a.leave("r", "1")
	b.leave("r", "1")
	b.leave("r", "2") // was not present
	b.join("r", "2", true)
	a.remove("2")
	b.join("r", "1", true)
	a.clear("r")
	a.clear("r")
	wantEvents(s.T, s.events(a, b), "1 joined", "1 left", "2 joined", "2 left", "1 joined", "1 left")
}

func seqGrows(s *suite) {
	a, b := s.inRoom(true)
	seq := a.snapshot("r").Seq
	for range 5 {
		a.clear("r")
		gone := b.snapshot("r")
		if gone.Seq <= seq || gone.Present != nil {
			s.Errorf("after %d the room is gone at %+v", seq, gone)
		}
		a.join("r", "1", false)
		if again := b.snapshot("r"); again.Seq < gone.Seq {
			s.Errorf("after %d the room is there at %d", gone.Seq, again.Seq)
		}
		a.enter("r", "1")
		there := b.snapshot("r")
		if there.Seq <= gone.Seq {
			s.Errorf("after %d someone is there at %d", gone.Seq, there.Seq)
		}
		seq = there.Seq
	}
	events := s.events(a, b)
	is(s.T, "events", len(events), 2+2+5*2-1)
	is(s.T, "seq of the last", events[len(events)-1].Seq, seq)
}

func roomsApart(s *suite) {
	a, b := s.node("a"), s.node("b")
	a.add("1", "")
	for _, room := range anyNames {
		b.subscribe(backplane.PresenceOf, room)
		a.join(room, "1", true)
		a.state(room, "1", "of "+room, 0, false)
		wantEvents(s.T, b.presenceUntil(s.T, room, isChange("1", backplane.StateSet)), "1 joined", "1 is of "+room)
	}
	for _, room := range anyNames {
		is(s.T, "state", string(b.snapshot(room).States["1"]), "of "+room)
	}
	a.join("", "1", true)
	wanted := slices.Sorted(slices.Values(append(anyNames, "")))
	want(s.T, "rooms", a.roomsOf("1"), wanted)
	want(s.T, "all rooms", s.readAll(b.listRooms, 3), wanted)
}

func hammerEnterOnce(s *suite) {
	a, b := s.inRoom(false)
	for range s.rounds / 10 {
		hammer(func(worker int) { []*node{a, b}[worker%2].enter("r", "1") })
		hammer(func(worker int) { []*node{a, b}[worker%2].exit("r", "1") })
	}
	events := s.events(a, b)
	is(s.T, "events", len(events), s.rounds/10*2)
	newView(s.T, backplane.Snapshot{}).applyAll(events)
}

// churn changes presence in room r at random, with members of its own that
// come and go.
func (n *node) churn(prefix string, times int) {
	ids := numbered(prefix, 4)
	for _, id := range ids {
		n.add(id, "")
	}
	for i := range times {
		id := ids[rand.IntN(len(ids))]
		switch rand.IntN(9) {
		case 0:
			n.leave("r", id)
		case 1:
			n.remove(id)
			n.add(id, "")
		case 2:
			n.exit("r", id)
		case 3:
			n.enter("r", id)
		case 4:
			n.state("r", id, "stays", 0, false)
		case 5:
			n.state("r", id, strconv.Itoa(i), time.Duration(1+rand.IntN(3))*time.Millisecond, false)
		case 6:
			n.state("r", id, "", 0, false)
		default:
			n.join("r", id, true)
		}
	}
}

func hammerPresence(s *suite) {
	a, b := s.inRoom(true)
	hammer(func(worker int) { []*node{a, b}[worker%2].churn("w"+strconv.Itoa(worker)+"-", s.rounds) })
	view := newView(s.T, backplane.Snapshot{})
	view.applyAll(s.events(a, b))
	s.wantFinal(view, a)
}

// wantFinal fails unless what was seen is what is there; states may still be
// about to expire.
func (s *suite) wantFinal(v *view, n *node) {
	s.Helper()
	want(s.T, "present", slices.Sorted(maps.Keys(v.states)), n.snapshot("r").Present)
	n.await(s.T, "states to be as seen", func() bool {
		for _, e := range n.presence["r"] {
			if e.Seq > v.seq && !isMark(e) {
				v.apply(e)
			}
		}
		return v.expiring() == 0
	})
	shot := n.snapshot("r")
	for id, state := range v.states {
		is(s.T, "state of "+id, string(shot.States[id]), state)
	}
}

// Who subscribes and then takes a snapshot sees everything once, by the events
// after its Seq.
func hammerSnapshot(s *suite) {
	a, b := s.inRoom(true)
	const viewers = 8
	views := make([]*view, viewers)
	nodes := make([]*node, viewers)
	for i := range nodes {
		nodes[i] = s.node("viewer" + strconv.Itoa(i))
	}
	var churning sync.WaitGroup
	for i, n := range []*node{a, b, a, b} {
		churning.Go(func() { n.churn("w"+strconv.Itoa(i)+"-", 2*s.rounds) })
	}
	for i, n := range nodes {
		a.await(s.T, "some changes", func() bool { return len(a.presence["r"]) > i*s.rounds/viewers })
		n.subscribe(backplane.PresenceOf, "r")
		views[i] = newView(s.T, n.snapshot("r"))
	}
	churning.Wait()
	end := s.mark(a)
	for i, n := range nodes {
		for _, e := range n.presenceUntil(s.T, "r", end) {
			if e.Seq > views[i].seq {
				views[i].apply(e)
			}
		}
		s.wantFinal(views[i], n)
	}
}
