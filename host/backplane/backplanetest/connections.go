package backplanetest

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

func runConnections(t *testing.T, b Backend) {
	t.Helper()
	b.run(t, tests{
		"the directory says what was added":            directory,
		"an id is taken once":                          taken,
		"users are there while they are connected":     usersCome,
		"ids and users are any bytes":                  anyConnections,
		"removal ends everything":                      removal,
		"metadata is swapped":                          swapsMetadata,
		"metadata is copied":                           copiedMetadata,
		"metadata is told to the connection's node":    toldMetadata,
		"connections are listed once":                  listedConnections,
		"users are listed once":                        listedUsers,
		"a cursor that is none":                        badCursors,
		"hammer: removal has one winner":               hammerRemove,
		"hammer: connections come and go":              hammerConnections,
		"hammer: metadata loses no update, in order":   hammerMetadata,
		"hammer: each membership ends once":            hammerEnds,
		"hammer: what joins while it goes is not left": hammerJoinRemove,
	})
}

func directory(s *suite) {
	a, b := s.node("a"), s.node("b")
	at := time.UnixMilli(1700000000123)
	for i, c := range []backplane.Connection{
		{ID: "1", ConnectedAt: at},
		{ID: "2", User: "u", ConnectedAt: at, Metadata: []byte(`{"a":1}`)},
		{ID: "3", User: "u", Node: "liar", ConnectedAt: at, Metadata: []byte{}},
	} {
		if err := b.Connections().Add(context.Background(), c); err != nil {
			s.Fatal(err)
		}
		for _, n := range []*node{a, b} {
			got, err := n.Connections().Get(context.Background(), c.ID)
			if err != nil || got.ID != c.ID || got.User != c.User || got.Node != "b" || !got.ConnectedAt.Equal(at) ||
				string(got.Metadata) != string(c.Metadata) || (got.Metadata == nil) != (c.Metadata == nil) {
				s.Errorf("connection %d is %+v (%v)", i, got, err)
			}
		}
	}
	if got, err := a.Connections().Get(context.Background(), "4"); !errors.Is(err, backplane.ErrNotFound) {
		s.Errorf("a connection that was never there is %+v (%v)", got, err)
	}
}

func taken(s *suite) {
	a, b := s.node("a"), s.node("b")
	a.add("1", "u")
	for _, n := range []*node{a, b} {
		err := n.Connections().Add(context.Background(), backplane.Connection{ID: "1", User: "other"})
		if !errors.Is(err, backplane.ErrExists) {
			s.Errorf("adding it again: %v", err)
		}
	}
	want(s.T, "of the other", a.ofUser("other"), nil)
	want(s.T, "of the user", a.ofUser("u"), []string{"1"})
	a.remove("1")
	b.add("1", "other")
	want(s.T, "of the user", a.ofUser("u"), nil)
	want(s.T, "of the other", a.ofUser("other"), []string{"1"})
}

func (n *node) listUsers(cursor string, limit int) ([]string, string, error) {
	return n.Connections().Users(context.Background(), cursor, limit)
}

func (n *node) listConnections(cursor string, limit int) (ids []string, next string, err error) {
	page, next, err := n.Connections().List(context.Background(), cursor, limit)
	for _, c := range page {
		ids = append(ids, c.ID)
	}
	return ids, next, err
}

func usersCome(s *suite) {
	a, b := s.node("a"), s.node("b")
	a.add("2", "u")
	b.add("1", "u")
	b.add("3", "v")
	a.add("4", "")
	want(s.T, "of u", b.ofUser("u"), []string{"1", "2"})
	want(s.T, "of v", a.ofUser("v"), []string{"3"})
	want(s.T, "of no one", a.ofUser(""), nil)
	want(s.T, "users", s.readAll(a.listUsers, 10), []string{"u", "v"})
	a.remove("1")
	a.remove("3")
	want(s.T, "of u", b.ofUser("u"), []string{"2"})
	want(s.T, "of v", b.ofUser("v"), nil)
	want(s.T, "users", s.readAll(a.listUsers, 10), []string{"u"})
	a.remove("2")
	a.remove("4")
	want(s.T, "users", s.readAll(a.listUsers, 10), nil)
	want(s.T, "connections", s.readAll(a.listConnections, 10), nil)
}

var anyNames = []string{"a", "a\x00", "\xff", "{a}", "a:b", "a:b:c", "*", "a b", "ä", "?", "[a]"}

func anyConnections(s *suite) {
	a := s.node("a")
	for _, name := range anyNames {
		a.add(name, name)
		a.join(name, name, true)
	}
	wanted := slices.Sorted(slices.Values(anyNames))
	want(s.T, "connections", s.readAll(a.listConnections, 2), wanted)
	want(s.T, "users", s.readAll(a.listUsers, 2), wanted)
	for i, name := range anyNames {
		want(s.T, "of user", a.ofUser(name), []string{name})
		want(s.T, "members", a.membersIn(name), []string{name})
		rooms, removed := a.remove(name)
		is(s.T, "removed", removed, true)
		want(s.T, "rooms", rooms, []string{name})
		is(s.T, "left", len(s.readAll(a.listConnections, 2)), len(anyNames)-i-1)
	}
}

func removal(s *suite) {
	a, b := s.node("a"), s.node("b")
	b.subscribe(backplane.PresenceOf, "tracked")
	a.add("1", "u")
	a.add("2", "u")
	for _, id := range []string{"1", "2"} {
		a.join("tracked", id, true)
		a.join("plain", id, false)
	}
	a.state("tracked", "1", "typing", time.Hour, false)
	a.swap("1", "", "{}")
	rooms, removed := b.remove("1")
	is(s.T, "removed", removed, true)
	want(s.T, "rooms", rooms, []string{"plain", "tracked"})
	rooms, removed = a.remove("1")
	is(s.T, "removed again", removed, false)
	want(s.T, "rooms of the removed", rooms, nil)
	_, removed = a.remove("never there")
	is(s.T, "removed what was never there", removed, false)

	want(s.T, "members", b.membersIn("tracked"), []string{"2"})
	want(s.T, "present", b.snapshot("tracked").Present, []string{"2"})
	is(s.T, "states", len(b.snapshot("tracked").States), 0)
	want(s.T, "rooms of the removed", b.roomsOf("1"), nil)
	want(s.T, "of the user", b.ofUser("u"), []string{"2"})
	is(s.T, "a member", b.has("plain", "1"), false)
	if _, _, err := b.Connections().SwapMetadata(context.Background(), "1", nil, []byte("{}")); !errors.Is(err, backplane.ErrNotFound) {
		s.Errorf("metadata of the removed: %v", err)
	}
	b.exit("tracked", "2")
	events := b.presenceUntil(s.T, "tracked", isChange("2", backplane.Left))
	wantEvents(s.T, events, "1 joined", "2 joined", "1 is typing", "1 left", "2 left")
	want(s.T, "told of 1", a.membersOf(s.T, "1", 4)[2:], []membership{{"plain", false, "removed"}, {"tracked", false, "removed"}})
}

func (n *node) swap(id, expected, value string) bool {
	n.t.Helper()
	swapped, _, err := n.Connections().SwapMetadata(context.Background(), id, optional(expected), optional(value))
	n.check("swap metadata", err)
	return swapped
}

func swapsMetadata(s *suite) {
	a, b := s.node("a"), s.node("b")
	a.add("1", "")
	for i, step := range swapSteps {
		n := []*node{a, b}[i%2]
		swapped, current, err := n.Connections().SwapMetadata(context.Background(), "1", optional(step.expected), optional(step.value))
		step.check(s.T, swapped, current, err)
		about, err := a.Connections().Get(context.Background(), "1")
		is(s.T, "error", err, nil)
		is(s.T, "metadata", string(about.Metadata), step.left)
	}
	if _, _, err := a.Connections().SwapMetadata(context.Background(), "2", nil, []byte("1")); !errors.Is(err, backplane.ErrNotFound) {
		s.Errorf("metadata of no one: %v", err)
	}
}

// swapStep is one of a series of swaps; "" stands for none.
type swapStep struct {
	expected, value string
	swapped         bool
	left            string // what is there afterwards
}

var swapSteps = []swapStep{
	{"1", "2", false, ""},
	{"", "", true, ""},
	{"", `{"a":1}`, true, `{"a":1}`},
	{"", "2", false, `{"a":1}`},
	{`{"a": 1}`, "2", false, `{"a":1}`},
	{`{"a":1}`, `{"a":1}`, true, `{"a":1}`},
	{`{"a":1}`, "2", true, "2"},
	{"1", "", false, "2"},
	{"2", "", true, ""},
	{"2", "3", false, ""},
	{"", "\x00\xff", true, "\x00\xff"},
}

func (w swapStep) check(t *testing.T, swapped bool, current []byte, err error) {
	t.Helper()
	found := w.left
	if w.swapped {
		found = ""
	}
	if err != nil || swapped != w.swapped || string(current) != found || (current == nil) != (found == "") {
		t.Errorf("%+v: swapped %v, found %q, %v", w, swapped, current, err)
	}
}

func copiedMetadata(s *suite) {
	a := s.node("a")
	ctx := context.Background()
	value := []byte("one")
	if err := a.Connections().Add(ctx, backplane.Connection{ID: "1", Metadata: value}); err != nil {
		s.Fatal(err)
	}
	copy(value, "two")
	is(s.T, "swapped", a.swap("1", "one", "six"), true)
	if _, _, err := a.Connections().SwapMetadata(ctx, "1", []byte("six"), value); err != nil {
		s.Fatal(err)
	}
	about, err := a.Connections().Get(ctx, "1")
	is(s.T, "error", err, nil)
	copy(value, "ten")
	is(s.T, "swapped", a.swap("1", "two", "new"), true)
	is(s.T, "what was read", string(about.Metadata), "two")
}

func toldMetadata(s *suite) {
	a, b := s.node("a"), s.node("b")
	a.add("1", "")
	b.add("2", "")
	b.swap("1", "", "{}")
	b.swap("1", "other", "never")
	a.swap("1", "{}", "")
	b.swap("1", "", "3")
	a.swap("2", "", "of 2")
	got := a.metadataOf(s.T, "1", 3)
	is(s.T, "count", len(got), 3)
	if string(got[0]) != "{}" || got[1] != nil || string(got[2]) != "3" {
		s.Errorf("told of %q", got)
	}
	is(s.T, "told of the other", string(b.metadataOf(s.T, "2", 1)[0]), "of 2")
	is(s.T, "told to the other node", len(b.metadataOf(s.T, "1", 0)), 0)
}

func hammerRemove(s *suite) {
	a, b := s.node("a"), s.node("b")
	a.add("watcher", "")
	for round := range s.rounds / 10 {
		id := "c" + strconv.Itoa(round)
		a.add(id, "u")
		a.join("room", id, true)
		var winners atomic.Int32
		hammer(func(worker int) {
			rooms, removed := []*node{a, b}[worker%2].remove(id)
			if removed {
				winners.Add(1)
				want(s.T, "rooms", rooms, []string{"room"})
			}
		})
		is(s.T, "winners", winners.Load(), 1)
		want(s.T, "told", a.membersOf(s.T, id, 2), []membership{{"room", true, ""}, {"room", false, "removed"}})
	}
	want(s.T, "members", a.membersIn("room"), nil)
	want(s.T, "of the user", a.ofUser("u"), nil)
}

// Each worker has connections of its own that come and go, all of one user.
func hammerConnections(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	var kept [workers][]string
	hammer(func(worker int) {
		n := nodes[worker%2]
		for i := range s.rounds {
			id := strconv.Itoa(worker) + "-" + strconv.Itoa(i)
			n.add(id, "u"+strconv.Itoa(i%3))
			if i%5 == 0 {
				kept[worker] = append(kept[worker], id)
				continue
			}
			if _, removed := nodes[i%2].remove(id); !removed {
				s.Errorf("%s was not there", id)
			}
		}
	})
	all := slices.Sorted(slices.Values(slices.Concat(kept[:]...)))
	want(s.T, "connections", s.readAll(nodes[0].listConnections, 17), all)
	var wg sync.WaitGroup
	for _, id := range all {
		wg.Go(func() { nodes[1].remove(id) })
	}
	wg.Wait()
	want(s.T, "connections", s.readAll(nodes[0].listConnections, 17), nil)
	want(s.T, "users", s.readAll(nodes[0].listUsers, 17), nil)
}

func hammerMetadata(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	nodes[0].add("1", "")
	nodes[0].swap("1", "", "0")
	total := workers*(s.rounds/10) + 1
	hammer(func(worker int) {
		n := nodes[worker%2]
		for done := 0; done < s.rounds/10; {
			about, err := n.Connections().Get(context.Background(), "1")
			n.check("get", err)
			i, _ := strconv.Atoi(string(about.Metadata))
			if n.swap("1", string(about.Metadata), strconv.Itoa(i+1)) {
				done++
			}
		}
	})
	got := nodes[0].metadataOf(s.T, "1", total)
	is(s.T, "changes", len(got), total)
	for i, metadata := range got {
		is(s.T, "metadata", string(metadata), strconv.Itoa(i))
	}
}
