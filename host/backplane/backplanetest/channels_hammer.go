package backplanetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// publishers is how many goroutines publish at once, on two nodes.
const publishers = 6

// hammerPublish publishes from two nodes at once, each message named for its
// publisher and number, and returns how many there were.
func hammerPublish(a, b *node, channel string, each int, k func(publisher, i int) backplane.Keep) int {
	var wg sync.WaitGroup
	for p := range publishers {
		from := a
		if p%2 == 1 {
			from = b
		}
		wg.Go(func() {
			var last int64
			for i := range each {
				at := from.publish(channel, fmt.Sprintf("%d %d", p, i), k(p, i))
				if at.Offset != 0 && at.Offset <= last {
					from.t.Errorf("offset %d after %d", at.Offset, last)
				}
				last = max(last, at.Offset)
			}
		})
	}
	wg.Wait()
	return publishers * each
}

// wantPublishersOrder fails unless the messages of each publisher are all
// there, in its order.
func (s *suite) wantPublishersOrder(messages []backplane.Message) {
	s.Helper()
	var next [publishers]int
	for _, m := range messages {
		var p, i int
		if _, err := fmt.Sscanf(string(m.Data), "%d %d", &p, &i); err != nil {
			s.Fatalf("%q: %v", m.Data, err)
		}
		if i != next[p] {
			s.Fatalf("publisher %d: message %d came instead of %d", p, i, next[p])
		}
		next[p]++
	}
}

func hammerOrder(s *suite) {
	a, b := s.node("a"), s.node("b")
	a.subscribe(backplane.Channel, "c")
	b.subscribe(backplane.Channel, "c")
	n := hammerPublish(a, b, "c", s.rounds, func(int, int) backplane.Keep { return keep(100) })
	for _, at := range []*node{a, b} {
		got := at.messagesOf(s.T, "c", n)
		is(s.T, "messages", len(got), n)
		for i, m := range got {
			if m.Offset != int64(i+1) || m.Epoch != got[0].Epoch {
				s.Fatalf("message %d has position %+v", i, m.Position)
			}
		}
		s.wantPublishersOrder(got)
		page := at.read("c", backplane.Query{})
		is(s.T, "oldest", page.Oldest, int64(n-99))
		for i, m := range page.Messages {
			is(s.T, "kept", string(m.Data), string(got[n-100+i].Data))
		}
	}
}

func hammerPassing(s *suite) {
	a, b := s.node("a"), s.node("b")
	a.subscribe(backplane.Channel, "c")
	b.subscribe(backplane.Channel, "c")
	n := hammerPublish(a, b, "c", s.rounds, func(int, int) backplane.Keep { return backplane.Keep{} })
	one, other := a.messagesOf(s.T, "c", n), b.messagesOf(s.T, "c", n)
	is(s.T, "messages", len(one), n)
	same := slices.EqualFunc(one, other, func(x, y backplane.Message) bool { return string(x.Data) == string(y.Data) })
	if !same {
		s.Error("the nodes got the messages in different orders")
	}
	s.wantPublishersOrder(one)
}

// Who subscribes and then reads gets everything after the position that it has
// read, without a gap.
func hammerRecovery(s *suite) {
	a, b := s.node("a"), s.node("b")
	const readers = 10
	tops := make([]int64, readers)
	nodes := make([]*node, readers)
	for i := range nodes {
		nodes[i] = s.node("reader" + strconv.Itoa(i))
	}
	a.subscribe(backplane.Channel, "c")
	var n int
	var wg sync.WaitGroup
	wg.Go(func() { n = hammerPublish(a, b, "c", s.rounds, func(int, int) backplane.Keep { return keep(10) }) })
	for i, at := range nodes {
		a.await(s.T, "some messages", func() bool { return len(a.messages["c"]) >= i*s.rounds/readers })
		at.subscribe(backplane.Channel, "c")
		tops[i] = at.read("c", backplane.Query{Keep: keep(10)}).Offset
	}
	wg.Wait()
	last := a.publish("c", "the last", keep(10)).Offset
	is(s.T, "the last", last, int64(n+1))
	for i, at := range nodes {
		at.await(s.T, "the last message", func() bool {
			got := at.messages["c"]
			return len(got) > 0 && got[len(got)-1].Offset == last
		})
		next := tops[i] + 1
		for _, m := range at.messagesOf(s.T, "c", 1) {
			if m.Offset <= tops[i] {
				continue
			}
			if m.Offset != next {
				s.Fatalf("read up to %d, then got %d instead of %d", tops[i], m.Offset, next)
			}
			next++
		}
	}
}

func hammerPages(s *suite) {
	a, b := s.node("a"), s.node("b")
	a.publish("c", "0 0", keep(20))
	var done atomic.Bool
	var readers sync.WaitGroup
	for _, at := range []*node{a, b} {
		readers.Go(func() {
			var top int64
			for !done.Load() {
				page := at.read("c", backplane.Query{
					After: rand.Int64N(top + 10), Limit: rand.IntN(30), Newest: rand.IntN(2) == 0, Bytes: rand.IntN(100),
				})
				s.wantNoGap(page, top)
				top = page.Offset
			}
		})
	}
	hammerPublish(a, b, "c", s.rounds, func(p, i int) backplane.Keep { return keep((p + i) % 3 * 10) })
	done.Store(true)
	readers.Wait()
}

func (s *suite) wantNoGap(page backplane.Page, top int64) {
	s.Helper()
	if page.Offset < top {
		s.Errorf("the top went back from %d to %d", top, page.Offset)
	}
	for i, m := range page.Messages {
		if m.Offset < page.Oldest || m.Offset > page.Offset || m.Offset != page.Messages[0].Offset+int64(i) {
			s.Errorf("message %d of a page from %d to %d is %d", i, page.Oldest, page.Offset, m.Offset)
		}
	}
}

func hammerBeginning(s *suite) {
	a, b := s.node("a"), s.node("b")
	for round := range s.rounds / 20 {
		channel := "c" + strconv.Itoa(round)
		a.subscribe(backplane.Channel, channel)
		var wg sync.WaitGroup
		var n int
		wg.Go(func() {
			n = hammerPublish(a, b, channel, 20, func(int, int) backplane.Keep { return backplane.Keep{} })
		})
		made := b.read(channel, backplane.Query{Keep: keep(5)})
		wg.Wait()
		last := a.publish(channel, "the last", backplane.Keep{})
		next := int64(1)
		for i, m := range a.messagesOf(s.T, channel, n+1) {
			if m.Offset == 0 && next == 1 {
				continue
			}
			if m.Offset != next || m.Epoch != made.Epoch {
				s.Fatalf("message %d has position %+v, want %d under %q", i, m.Position, next, made.Epoch)
			}
			next++
		}
		is(s.T, "the last", last.Offset, next-1)
	}
}
