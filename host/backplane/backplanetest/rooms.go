package backplanetest

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mesh-host/mesh-host/host/backplane"
)

func runRooms(t *testing.T, b Backend) {
	t.Helper()
	b.run(t, tests{
		"joining and leaving are idempotent":             joins,
		"only the connected join":                        joinsUnknown,
		"memberships are told to the connection's node":  toldMembers,
		"a room is cleared":                              clears,
		"clearing nothing":                               clearsNothing,
		"rooms are listed once":                          listedRooms,
		"hammer: members and rooms agree with the told":  hammerRooms,
		"hammer: clearing and joining one room":          hammerClear,
		"hammer: of many that join the same one is told": hammerJoinOnce,
	})
}

func joins(s *suite) {
	a, b := s.node("a"), s.node("b")
	a.add("1", "")
	b.add("2", "")
	for _, step := range []struct {
		do   func(room, id string) bool
		room string
		id   string
		done bool
		left []string
	}{
		{a.joinPlain, "r", "1", true, []string{"1"}},
		{b.joinPlain, "r", "1", false, []string{"1"}},
		{a.joinPlain, "r", "2", true, []string{"1", "2"}},
		{a.leave, "r", "1", true, []string{"2"}},
		{b.leave, "r", "1", false, []string{"2"}},
		{b.joinPlain, "r", "1", true, []string{"1", "2"}},
		{b.leave, "other", "1", false, nil},
		{b.leave, "r", "2", true, []string{"1"}},
		{a.leave, "r", "never there", false, []string{"1"}},
		{b.leave, "r", "1", true, nil},
		{b.leave, "r", "1", false, nil},
		{a.joinPlain, "r", "2", true, []string{"2"}},
	} {
		is(s.T, "done", step.do(step.room, step.id), step.done)
		for _, n := range []*node{a, b} {
			want(s.T, "members", n.membersIn(step.room), step.left)
			for _, id := range []string{"1", "2"} {
				in := slices.Contains(step.left, id)
				is(s.T, "has "+id, n.has(step.room, id), in)
				is(s.T, "rooms of "+id, slices.Contains(n.roomsOf(id), step.room), in)
			}
		}
	}
	for _, room := range []string{"z", "a", "m"} {
		a.join(room, "2", false)
	}
	want(s.T, "rooms", b.roomsOf("2"), []string{"a", "m", "r", "z"})
}

func (n *node) joinPlain(room, id string) bool {
	n.t.Helper()
	return n.join(room, id, false)
}

func joinsUnknown(s *suite) {
	a := s.node("a")
	a.add("1", "")
	a.join("r", "1", true)
	a.remove("1")
	for _, id := range []string{"1", "never there", ""} {
		if joined, err := a.Rooms().Join(context.Background(), "r", id, true); joined || !errors.Is(err, backplane.ErrNotFound) {
			s.Errorf("%q joined: %v, %v", id, joined, err)
		}
	}
	want(s.T, "members", a.membersIn("r"), nil)
	want(s.T, "rooms", s.readAll(a.listRooms, 10), nil)
}

func toldMembers(s *suite) {
	a, b := s.node("a"), s.node("b")
	a.add("1", "")
	b.add("2", "")
	b.join("r", "1", false)
	b.join("r", "1", true)
	a.join("r", "2", true)
	a.leave("r", "1")
	b.leave("r", "1")
	b.join("q", "1", false)
	a.clear("q")
	b.remove("2")
	want(s.T, "told of 1", a.membersOf(s.T, "1", 4), []membership{{"r", true, ""}, {"r", false, "left"}, {"q", true, ""}, {"q", false, "cleared"}})
	want(s.T, "told of 2", b.membersOf(s.T, "2", 2), []membership{{"r", true, ""}, {"r", false, "removed"}})
	is(s.T, "told to the wrong node", len(a.membersOf(s.T, "2", 0))+len(b.membersOf(s.T, "1", 0)), 0)
}

func clears(s *suite) {
	a, b := s.node("a"), s.node("b")
	b.subscribe(backplane.PresenceOf, "r")
	for _, id := range []string{"3", "1", "2"} {
		a.add(id, "")
		a.join("r", id, id != "2")
		a.join("other", id, true)
	}
	a.describe("r", "", "{}")
	a.describe("other", "", "[]")
	want(s.T, "cleared", b.clear("r"), []string{"1", "2", "3"})
	want(s.T, "members", a.membersIn("r"), nil)
	is(s.T, "metadata", a.description("r"), "")
	is(s.T, "metadata of the other", a.description("other"), "[]")
	for _, id := range []string{"1", "2", "3"} {
		want(s.T, "rooms", a.roomsOf(id), []string{"other"})
	}
	want(s.T, "rooms", s.readAll(b.listRooms, 10), []string{"other"})
	want(s.T, "cleared again", a.clear("r"), nil)
	a.join("r", "2", true)
	events := b.presenceUntil(s.T, "r", isChange("2", backplane.Joined))
	slices.SortFunc(events[2:4], func(x, y backplane.PresenceEvent) int { return int(x.Connection[0]) - int(y.Connection[0]) })
	is(s.T, "the first was before", events[1].Seq < min(events[2].Seq, events[3].Seq), true)
	events[2].Seq, events[3].Seq = min(events[2].Seq, events[3].Seq), max(events[2].Seq, events[3].Seq)
	wantEvents(s.T, events, "3 joined", "1 joined", "1 left", "3 left", "2 joined")
}

func clearsNothing(s *suite) {
	a := s.node("a")
	want(s.T, "cleared", a.clear("never there"), nil)
	a.describe("r", "", "{}")
	want(s.T, "cleared", a.clear("r"), nil)
	is(s.T, "metadata", a.description("r"), "")
}

func hammerRooms(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	ids, names := numbered("c", 6), numbered("r", 4)
	for i, id := range ids {
		nodes[i%2].add(id, "")
	}
	hammer(func(worker int) {
		n := nodes[worker%2]
		for range s.rounds {
			room, id := names[rand.IntN(len(names))], ids[rand.IntN(len(ids))]
			switch rand.IntN(8) {
			case 0:
				n.membersIn(room)
			case 1:
				n.roomsOf(id)
			case 2, 3, 4:
				n.leave(room, id)
			default:
				n.join(room, id, rand.IntN(2) == 0)
			}
		}
	})
	for i, id := range ids {
		n := nodes[i%2]
		n.join("the last", id, false)
		last := membership{"the last", true, ""}
		n.await(s.T, "the last join", func() bool { return slices.Contains(n.members[id], last) })
		in := s.wantAlternating(n.membersOf(s.T, id, 1))
		want(s.T, "rooms of "+id, n.roomsOf(id), in)
		for _, room := range names {
			is(s.T, "a member", slices.Contains(nodes[0].membersIn(room), id), slices.Contains(in, room))
		}
	}
}

// wantAlternating fails unless each room was joined before it was left, by
// turns, and returns those that were joined last.
func (s *suite) wantAlternating(told []membership) (in []string) {
	s.Helper()
	joined := make(map[string]bool)
	for _, m := range told {
		if joined[m.room] == m.joined {
			s.Errorf("told twice: %+v", m)
		}
		joined[m.room] = m.joined
	}
	for room, is := range joined {
		if is {
			in = append(in, room)
		}
	}
	slices.Sort(in)
	return in
}

func hammerClear(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	var joined, left atomic.Int64
	hammer(func(worker int) {
		n := nodes[worker%2]
		id := "c" + strconv.Itoa(worker)
		n.add(id, "")
		for i := range s.rounds {
			if worker == 0 && i%4 == 0 {
				left.Add(int64(len(n.clear("r"))))
			}
			if n.join("r", id, i%2 == 0) {
				joined.Add(1)
			}
		}
	})
	left.Add(int64(len(nodes[0].clear("r"))))
	is(s.T, "ends of memberships", left.Load(), joined.Load())
	want(s.T, "members", nodes[1].membersIn("r"), nil)
	want(s.T, "present", nodes[1].snapshot("r").Present, nil)
}

func hammerJoinOnce(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	nodes[0].add("1", "")
	for round := range s.rounds / 5 {
		room := "r" + strconv.Itoa(round)
		var joined, left atomic.Int32
		hammer(func(worker int) {
			if nodes[worker%2].join(room, "1", true) {
				joined.Add(1)
			}
		})
		hammer(func(worker int) {
			if nodes[worker%2].leave(room, "1") {
				left.Add(1)
			}
		})
		is(s.T, "joined", joined.Load(), 1)
		is(s.T, "left", left.Load(), 1)
	}
}

// Whatever ends a membership, one of those that could have is told of it.
func hammerEnds(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	names := numbered("r", 40)
	for round := range s.rounds / 5 {
		id := "c" + strconv.Itoa(round)
		nodes[0].add(id, "")
		for _, room := range names {
			nodes[0].join(room, id, true)
		}
		var ended atomic.Int32
		begun := make(chan struct{})
		begin := sync.OnceFunc(func() { close(begun) })
		hammer(func(worker int) {
			n := nodes[worker%2]
			if worker < 2 {
				<-begun // the others are at it
				rooms, _ := n.remove(id)
				ended.Add(int32(len(rooms)))
				return
			}
			for i := range names {
				room := names[(len(names)*worker/workers+len(names)-i)%len(names)]
				if worker%4 == 2 {
					ended.Add(int32(len(n.clear(room))))
				} else if n.leave(room, id) {
					ended.Add(1)
				}
				begin()
			}
		})
		is(s.T, "ends of memberships", int(ended.Load()), len(names))
	}
}

// The connection has many rooms to leave, so that others join meanwhile.
func hammerJoinRemove(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	names := numbered("r", 40)
	for round := range s.rounds / 5 {
		id := "c" + strconv.Itoa(round)
		nodes[0].add(id, "u")
		for _, room := range names {
			nodes[0].join(room, id, false)
		}
		var wg sync.WaitGroup
		begun := make(chan struct{})
		begin := sync.OnceFunc(func() { close(begun) })
		for i := range 4 {
			wg.Go(func() {
				n := nodes[i%2]
				for j := range 1000 {
					room := strconv.Itoa(i) + "-" + strconv.Itoa(j)
					_, err := n.Rooms().Join(context.Background(), room, id, true)
					if errors.Is(err, backplane.ErrNotFound) {
						return
					}
					n.check("join", err)
					begin()
				}
			})
		}
		<-begun
		nodes[round%2].remove(id)
		wg.Wait()
		want(s.T, "rooms of the removed", nodes[0].roomsOf(id), nil)
		want(s.T, "rooms", s.readAll(nodes[0].listRooms, 10), nil)
	}
}
