package backplanetest

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// suite is a store under test, and its test.
type suite struct {
	*testing.T
	backend Backend
	cluster Cluster
	marks   int
	rounds  int // of hammers
	lease   time.Duration
	times   time.Duration // how many times the backend's TTL, and a brief lease
}

func newSuite(t *testing.T, b Backend, lease time.Duration) *suite {
	t.Helper()
	return &suite{T: t, backend: b, cluster: b.New(t, lease), lease: lease, rounds: b.rounds(), times: 1}
}

// ttl is the time to live of what expires in a test.
func (s *suite) ttl() time.Duration { return s.times * s.backend.ttl() }

// node is a node of the store, with what was delivered to it. Its methods are
// those of its features; an error fails the test.
type node struct {
	backplane.Node
	*Recorder
	t *testing.T
	// stop ends Run and waits for it.
	stop func()
	// dies is when the node has lost its lease unless it runs; not in fake time.
	dies time.Time
}

// idle returns a node that does not run.
func (s *suite) idle(id string) *node {
	s.Helper()
	n := &node{Recorder: NewRecorder(), t: s.T}
	if !s.backend.FakeTime {
		n.dies = time.Now().Add(s.lease)
	}
	n.Node = s.cluster.Node(id)
	n.Attach(n.Recorder)
	return n
}

// node returns a node that runs until it is stopped or the test ends.
func (s *suite) node(id string) *node {
	s.Helper()
	n := s.idle(id)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { n.Run(ctx) })
	n.stop = func() {
		cancel()
		running.Wait()
	}
	s.Cleanup(n.stop)
	return n
}

// check fails the test for an error. Where that is one of a node that does not
// run, whose lease may have ended while a busy machine did something else, the
// test begins anew with a longer one.
func (n *node) check(what string, err error) {
	n.t.Helper()
	if err != nil && n.stop == nil && !n.dies.IsZero() && time.Now().After(n.dies) {
		panic(errLate)
	}
	if err != nil {
		n.t.Errorf("%s: %v", what, err)
	}
}

func (n *node) add(id, user string) {
	n.t.Helper()
	n.check("add", n.Connections().Add(context.Background(), backplane.Connection{ID: id, User: user, ConnectedAt: time.Now()}))
}

func (n *node) remove(id string) (rooms []string, removed bool) {
	n.t.Helper()
	rooms, removed, err := n.Connections().Remove(context.Background(), id, "removed")
	n.check("remove", err)
	return rooms, removed
}

func (n *node) ofUser(user string) []string {
	n.t.Helper()
	ids, err := n.Connections().OfUser(context.Background(), user)
	n.check("of user", err)
	return ids
}

func (n *node) join(room, id string, present bool) bool {
	n.t.Helper()
	joined, err := n.Rooms().Join(context.Background(), room, id, present)
	n.check("join", err)
	return joined
}

func (n *node) leave(room, id string) bool {
	n.t.Helper()
	left, err := n.Rooms().Leave(context.Background(), room, id, "left")
	n.check("leave", err)
	return left
}

func (n *node) clear(room string) []string {
	n.t.Helper()
	members, err := n.Rooms().Clear(context.Background(), room, "cleared")
	n.check("clear", err)
	return members
}

func (n *node) has(room, id string) bool {
	n.t.Helper()
	has, err := n.Rooms().Has(context.Background(), room, id)
	n.check("has", err)
	return has
}

func (n *node) membersIn(room string) []string {
	n.t.Helper()
	members, err := n.Rooms().Members(context.Background(), room)
	n.check("members", err)
	return members
}

func (n *node) roomsOf(id string) []string {
	n.t.Helper()
	rooms, err := n.Rooms().Of(context.Background(), id)
	n.check("rooms of", err)
	return rooms
}

func (n *node) enter(room, id string) bool {
	n.t.Helper()
	entered, err := n.Node.Presence().Enter(context.Background(), room, id)
	n.check("enter", err)
	return entered
}

func (n *node) exit(room, id string) bool {
	n.t.Helper()
	exited, err := n.Node.Presence().Exit(context.Background(), room, id)
	n.check("exit", err)
	return exited
}

// state sets a state, "" for none.
func (n *node) state(room, id, state string, expireAfter time.Duration, silent bool) bool {
	n.t.Helper()
	ok, err := n.Node.Presence().SetState(context.Background(), room, id, optional(state), expireAfter, silent)
	n.check("set state", err)
	return ok
}

func (n *node) snapshot(room string) backplane.Snapshot {
	n.t.Helper()
	shot, err := n.Node.Presence().Snapshot(context.Background(), room)
	n.check("snapshot", err)
	return shot
}

// describe swaps a room's metadata, "" for none.
func (n *node) describe(room, expected, value string) bool {
	n.t.Helper()
	swapped, _, err := n.RoomMetadata().Swap(context.Background(), room, optional(expected), optional(value), 0)
	n.check("swap room metadata", err)
	return swapped
}

func (n *node) description(room string) string {
	n.t.Helper()
	metadata, err := n.RoomMetadata().Get(context.Background(), room)
	n.check("get room metadata", err)
	return string(metadata)
}

func (n *node) publish(channel, data string, keep backplane.Keep) backplane.Position {
	n.t.Helper()
	at, err := n.Channels().Publish(context.Background(), channel, []byte(data), keep)
	n.check("publish", err)
	return at
}

func (n *node) read(channel string, q backplane.Query) backplane.Page {
	n.t.Helper()
	page, err := n.Channels().Read(context.Background(), channel, q)
	n.check("read", err)
	return page
}

func (n *node) subscribe(kind backplane.Kind, name string) {
	n.t.Helper()
	n.check("subscribe", n.Bus().Subscribe(context.Background(), backplane.Topic{Kind: kind, Name: name}))
}

// optional is text as bytes, nil for "".
func optional(text string) []byte {
	if text == "" {
		return nil
	}
	return []byte(text)
}

// want fails unless two lists are equal.
func want[T comparable](t *testing.T, what string, got, wanted []T) {
	t.Helper()
	if !slices.Equal(got, wanted) {
		t.Errorf("%s: got %v, want %v", what, got, wanted)
	}
}

// is fails unless two values are equal.
func is[T comparable](t *testing.T, what string, got, wanted T) {
	t.Helper()
	if got != wanted {
		t.Errorf("%s: got %v, want %v", what, got, wanted)
	}
}

// numbered returns names from prefix and a number, sorted as text.
func numbered(prefix string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = prefix + strconv.Itoa(1000+i)
	}
	return names
}
