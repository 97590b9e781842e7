package backplanetest

import (
	"context"
	"reflect"
	"strconv"
	"sync"
	"testing"

	"github.com/mesh-host/mesh-host/host/backplane"
)

func runBus(t *testing.T, b Backend) {
	t.Helper()
	b.run(t, tests{
		"an instruction reaches every node":        instructs,
		"instructions of one caller are in order":  instructsInOrder,
		"an instruction counts whom it reached":    instructsSome,
		"instructions and presence do not mix up":  instructsBeside,
		"hammer: instructions of many, each once":  hammerInstruct,
		"hammer: subscribing, and what is sent on": hammerSubscribe,
	})
}

func (n *node) instruct(to backplane.Audience, what backplane.Instruction) int {
	n.t.Helper()
	reached, err := n.Bus().Instruct(context.Background(), to, what)
	n.check("instruct", err)
	return reached
}

// instructed returns the instructions that the node got once there are at
// least count.
func (n *node) instructed(t *testing.T, count int) (got []instructed) {
	t.Helper()
	n.await(t, "instructions", func() bool {
		got = append(got[:0], n.instructions...)
		return len(got) >= count
	})
	return got
}

func push(command string) backplane.Instruction {
	return backplane.Instruction{Push: &backplane.Push{Command: command, Payload: []byte(`{"a":1}`)}}
}

// A backplane may pass over nodes that have no one of an audience, so that here
// each has someone of each.
func instructs(s *suite) {
	nodes := []*node{s.node("a"), s.node("b"), s.node("c")}
	ids := []string{"1", "\x00\xff", "3"}
	for i, n := range nodes {
		n.add(ids[i], "u")
		n.join("r", ids[i], false)
		n.join("q", ids[i], true)
	}
	sent := []instructed{
		{backplane.Audience{Scope: backplane.Everyone}, push("everyone")},
		{backplane.Audience{Scope: backplane.Listed, Names: []string{"1", "never there", "\x00\xff", "3", "1"}, Except: []string{"2"}}, push("listed")},
		{backplane.Audience{Scope: backplane.OfUser, Names: []string{"u"}}, backplane.Instruction{Close: &backplane.Close{Code: 4003, Reason: "kicked"}}},
		{backplane.Audience{Scope: backplane.InRoom, Names: []string{"r", "q"}}, backplane.Instruction{Unsubscribe: &backplane.Unsubscribe{
			Topic: backplane.Topic{Kind: backplane.PresenceOf, Name: "r"}, Reason: "left",
		}}},
		{backplane.Audience{Scope: backplane.Everyone, Except: []string{"1", "2"}}, backplane.Instruction{Push: &backplane.Push{Command: "no payload"}}},
	}
	for _, i := range sent {
		nodes[1].instruct(i.to, i.what)
	}
	for _, n := range nodes {
		if got := n.instructed(s.T, len(sent)); !reflect.DeepEqual(got, sent) {
			s.Errorf("%s was instructed\n%+v, want\n%+v", n.ID(), got, sent)
		}
	}
}

func instructsInOrder(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	for i := range s.rounds {
		nodes[0].instruct(backplane.Audience{Scope: backplane.Everyone}, push(strconv.Itoa(i)))
	}
	for _, n := range nodes {
		for i, got := range n.instructed(s.T, s.rounds) {
			is(s.T, "command", got.what.Push.Command, strconv.Itoa(i))
		}
	}
}

func instructsSome(s *suite) {
	a, b := s.node("a"), s.node("b")
	a.record(func() { a.reach = 3 })
	b.record(func() { b.reach = 4 })
	// Whether the other node's are counted is the backplane's choice.
	if got := a.instruct(backplane.Audience{Scope: backplane.Everyone}, push("x")); got != 3 && got != 7 {
		s.Errorf("reached %d, want 3, or 7 with those of the other node", got)
	}
	b.instructed(s.T, 1)
}

// What a node does first arrives first where both concern the same receiver.
func instructsBeside(s *suite) {
	a, b := s.inRoom(true)
	a.instruct(backplane.Audience{Scope: backplane.Everyone}, push("x"))
	is(s.T, "instructions", len(b.instructed(s.T, 1)), 1)
	wantEvents(s.T, s.events(a, b), "1 joined", "2 joined")
	is(s.T, "instructions", len(b.instructed(s.T, 1)), 1)
}

func hammerInstruct(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	hammer(func(worker int) {
		names := []string{strconv.Itoa(worker), "other " + strconv.Itoa(worker)}
		for i, name := range names {
			nodes[i].add(name, "")
		}
		for i := range s.rounds / 4 {
			to := backplane.Audience{Scope: backplane.Listed, Names: names}
			nodes[worker%2].instruct(to, push(strconv.Itoa(i)))
		}
	})
	for _, n := range nodes {
		var next [workers]int
		for _, got := range n.instructed(s.T, workers*(s.rounds/4)) {
			worker, err := strconv.Atoi(got.to.Names[0])
			is(s.T, "error", err, nil)
			is(s.T, "command", got.what.Push.Command, strconv.Itoa(next[worker]))
			next[worker]++
		}
	}
}

// Who is subscribed all the while misses nothing by others' coming and going.
func hammerSubscribe(s *suite) {
	a, b := s.node("a"), s.node("b")
	b.subscribe(backplane.Channel, "c")
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			topic := backplane.Topic{Kind: backplane.Channel, Name: "c" + strconv.Itoa(i%2)}
			for range s.rounds {
				a.check("subscribe", a.Bus().Subscribe(context.Background(), topic))
				a.check("unsubscribe", a.Bus().Unsubscribe(context.Background(), topic))
			}
		})
	}
	n := hammerPublish(a, b, "c", s.rounds/4, func(int, int) backplane.Keep { return backplane.Keep{} })
	wg.Wait()
	s.wantPublishersOrder(b.messagesOf(s.T, "c", n))
}
