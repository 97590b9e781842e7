package memory_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/backplanetest"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
)

func TestStats(t *testing.T) {
	t.Parallel()
	s := memory.New(memory.Options{})
	a, b := s.Node("a"), s.Node("b")
	for i, n := range []*memory.Node{a, a, b} {
		id := strconv.Itoa(i)
		must(t, n.Connections().Add(ctx, backplane.Connection{ID: id, User: "u" + strconv.Itoa(i/2)}))
		_, err := n.Rooms().Join(ctx, "r", id, i > 0)
		must(t, err)
		_, err = n.Presence().SetState(ctx, "r", id, []byte("here"), time.Hour*time.Duration(i), false)
		must(t, err)
		must(t, n.Bus().Subscribe(ctx, backplane.Topic{Kind: backplane.Channel, Name: "c"}))
		must(t, n.Bus().Subscribe(ctx, backplane.Topic{Kind: backplane.PresenceOf, Name: "c"}))
	}
	_, _, err := a.RoomMetadata().Swap(ctx, "other", nil, []byte("12345"), 0)
	must(t, err)
	must(t, a.KV().Set(ctx, "p", "k", nil, backplane.Write{}))
	publish(t, a, "c", 10, keep10)
	got := s.Stats()
	if got.History < 10 || got.History > 1000 {
		t.Errorf("history is %d bytes", got.History)
	}
	got.History = 0
	if want := (memory.Stats{
		Nodes: 2, Connections: 3, Users: 2, Rooms: 2, Members: 3, Present: 2, States: 2,
		RoomMetadata: 5 + 5 + backplane.EntryOverhead, Streams: 1, Subscriptions: 4, Values: 1,
	}); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// When all have gone, whatever they did and however it went, nothing is left.
func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	s := memory.New(memory.Options{Lease: 200 * time.Millisecond})
	nodes := make([]*memory.Node, 3)
	for i := range nodes {
		nodes[i] = s.Node(strconv.Itoa(i))
		nodes[i].Attach(backplanetest.NewRecorder())
	}
	survivor := run(t, nodes[0])
	ending, end := context.WithCancel(ctx)
	defer end()
	var wg sync.WaitGroup
	wg.Go(func() { nodes[1].Run(ending) }) // the third dies
	for worker := range 6 {
		wg.Go(func() {
			misbehave(t, nodes[worker%3])
			if worker == 1 {
				end()
			}
		})
	}
	wg.Wait()
	for _, id := range ids(t, survivor, "0") {
		_, _, err := survivor.Connections().Remove(ctx, id, "")
		must(t, err)
	}
	for i := range 5 {
		_, err := survivor.Rooms().Clear(ctx, "r"+strconv.Itoa(i), "")
		must(t, err)
	}
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	late := time.After(20 * time.Second)
	for s.Stats() != (memory.Stats{Nodes: 1}) {
		select {
		case <-ticker.C:
		case <-late:
			t.Fatalf("left: %+v", s.Stats())
		}
	}
}

// misbehave does things at random with connections of a node, and those of
// others.
func misbehave(t *testing.T, n *memory.Node) {
	t.Helper()
	for range 2000 {
		id := strconv.Itoa(rand.IntN(20))
		room := "r" + strconv.Itoa(rand.IntN(5))
		var err error
		switch rand.IntN(10) {
		case 0, 1:
			err = n.Connections().Add(ctx, backplane.Connection{ID: id, User: "u" + id[:1]})
		case 2:
			_, _, err = n.Connections().Remove(ctx, id, "")
		case 3:
			_, err = n.Rooms().Leave(ctx, room, id, "")
		case 4:
			_, err = n.Presence().SetState(ctx, room, id, []byte("x"), time.Duration(rand.IntN(3))*time.Millisecond, false)
		case 5:
			_, err = n.Presence().Exit(ctx, room, id)
		case 6:
			_, _, err = n.RoomMetadata().Swap(ctx, room, nil, []byte("{}"), 0)
		case 7:
			if rand.IntN(10) == 0 {
				_, err = n.Rooms().Clear(ctx, room, "")
			}
		default:
			_, err = n.Rooms().Join(ctx, room, id, rand.IntN(2) == 0)
		}
		if err != nil && !errors.Is(err, backplane.ErrExists) && !errors.Is(err, backplane.ErrNotFound) && !errors.Is(err, backplane.ErrUnavailable) {
			t.Error(err)
		}
	}
}

// ids returns the connections of a node.
func ids(t *testing.T, n *memory.Node, node string) (of []string) {
	t.Helper()
	page, _, err := n.Connections().List(ctx, "", 1000)
	must(t, err)
	for _, c := range page {
		if c.Node == node {
			of = append(of, c.ID)
		}
	}
	return of
}

// A node that is late to run was dead in between, and is alive from there on.
func TestNodeComesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memory.New(memory.Options{})
		run(t, s.Node("survivor"))
		late := s.Node("late")
		must(t, late.Connections().Add(ctx, backplane.Connection{ID: "1"}))
		<-time.After(2 * memory.DefaultLease)
		synctest.Wait()
		if stats := s.Stats(); stats != (memory.Stats{Nodes: 1}) {
			t.Errorf("left of the dead: %+v", stats)
		}
		if err := late.Connections().Add(ctx, backplane.Connection{ID: "1"}); !errors.Is(err, backplane.ErrUnavailable) {
			t.Errorf("the dead adds: %v", err)
		}
		run(t, late)
		synctest.Wait()
		must(t, late.Connections().Add(ctx, backplane.Connection{ID: "1"}))
		<-time.After(5 * memory.DefaultLease)
		if stats := s.Stats(); stats != (memory.Stats{Nodes: 2, Connections: 1}) {
			t.Errorf("of the living: %+v", stats)
		}
	})
}

// What a node has not subscribed to does not reach it, so that a forgotten
// subscription shows here and not with the first other backplane.
func TestOnlySubscribersAreTold(t *testing.T) {
	t.Parallel()
	s := memory.New(memory.Options{})
	n := s.Node("a")
	var told counting
	n.Attach(&told)
	must(t, n.Connections().Add(ctx, backplane.Connection{ID: "1"}))
	for _, topic := range []backplane.Topic{{Kind: backplane.Channel, Name: "x"}, {Kind: backplane.PresenceOf, Name: "x"}} {
		for _, want := range []int{0, 1, 0} {
			told = counting{}
			_, err := n.Rooms().Join(ctx, "x", "1", true)
			must(t, err)
			publish(t, n, "x", 1, backplane.Keep{})
			_, err = n.Rooms().Leave(ctx, "x", "1", "")
			must(t, err)
			got := told.messages
			if topic.Kind == backplane.PresenceOf {
				got = told.presence / 2
			}
			if got != want || told.messages*told.presence != 0 {
				t.Errorf("%+v: told of %+v, want %d", topic, told, want)
			}
			if want == 0 {
				must(t, n.Bus().Subscribe(ctx, topic))
			} else {
				must(t, n.Bus().Unsubscribe(ctx, topic))
			}
		}
		must(t, n.Bus().Unsubscribe(ctx, topic))
	}
}

// counting is a receiver that counts. It is for one goroutine.
type counting struct{ messages, presence, records, wrote int }

func (c *counting) Message(string, backplane.Message)                          { c.messages++ }
func (c *counting) Presence(backplane.PresenceEvent)                           { c.presence++ }
func (c *counting) Member(string, string, bool, string)                        {}
func (c *counting) Metadata(string, []byte)                                    {}
func (c *counting) Record(backplane.RecordChange)                              { c.records++ }
func (c *counting) Lost(backplane.Topic)                                       {}
func (c *counting) Wrote(backplane.RecordChange)                               { c.wrote++ }
func (c *counting) Instruct(backplane.Audience, backplane.Instruction) (n int) { return 0 }
