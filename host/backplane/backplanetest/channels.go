package backplanetest

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

func runChannels(t *testing.T, b Backend) {
	t.Helper()
	b.run(t, tests{
		"what is not kept is delivered and leaves nothing": passing,
		"offsets count from 1":                             offsets,
		"a stream takes in what is not kept":               mixed,
		"a query makes a stream":                           made,
		"a stream keeps the newest":                        counted,
		"a stream keeps the largest count":                 largest,
		"a query asks for a larger count":                  queriedCount,
		"a query selects":                                  selects,
		"a query selects by time":                          since,
		"a stream answers as a list would":                 answersAsList,
		"messages are any bytes":                           anyMessages,
		"messages are copied":                              copiedMessages,
		"channels are apart":                               channelsApart,
		"subscribing twice is subscribing once":            subscribedTwice,
		"hammer: one order for all nodes":                  hammerOrder,
		"hammer: one order for what is not kept":           hammerPassing,
		"hammer: subscribe and read are joined":            hammerRecovery,
		"hammer: pages have no gaps":                       hammerPages,
		"hammer: nothing overtakes a stream's beginning":   hammerBeginning,
	})
	b.runTimed(t, longLease, tests{
		"messages grow old":              aged,
		"a stream keeps the longest TTL": longest,
		"a stream outlives its messages": outlives,
		"a query is a stream's use":      usedByQuery,
		"each message ages by itself":    unrenewed,
	})
}

func keep(count int) backplane.Keep { return backplane.Keep{Count: count} }

// publishAll publishes messages "1", "2", …
func (n *node) publishAll(channel string, count int, k backplane.Keep) {
	n.t.Helper()
	for i := range count {
		n.publish(channel, strconv.Itoa(i+1), k)
	}
}

// wantPage fails unless a page has a top and an oldest offset and messages
// from one offset to another, whose data are their offsets.
func (s *suite) wantPage(p backplane.Page, top, oldest, from, to int64) {
	s.Helper()
	if p.Offset != top || p.Oldest != oldest || p.Epoch == "" {
		s.Errorf("the top is %+v, the oldest %d; want %d and %d", p.Position, p.Oldest, top, oldest)
	}
	if int64(len(p.Messages)) != to-from+1 {
		s.Fatalf("got %d messages, want %d to %d", len(p.Messages), from, to)
	}
	for i, m := range p.Messages {
		offset := from + int64(i)
		if m.Offset != offset || m.Epoch != p.Epoch || string(m.Data) != strconv.FormatInt(offset, 10) {
			s.Errorf("message %d is %+v %q, want offset %d", i, m.Position, m.Data, offset)
		}
	}
}

func passing(s *suite) {
	a, b := s.node("a"), s.node("b")
	a.subscribe(backplane.Channel, "c")
	b.subscribe(backplane.Channel, "c")
	before := time.Now().UnixMilli()
	for i, from := range []*node{a, b, a} {
		is(s.T, "position", from.publish("c", strconv.Itoa(i), backplane.Keep{}), backplane.Position{})
	}
	for _, at := range []*node{a, b} {
		for i, m := range at.messagesOf(s.T, "c", 3) {
			if m.Position != (backplane.Position{}) || string(m.Data) != strconv.Itoa(i) || m.Time < before-1000 {
				s.Errorf("message %d at %s is %+v", i, at.ID(), m)
			}
		}
	}
	page := a.read("c", backplane.Query{Limit: 10})
	if page.Position != (backplane.Position{}) || page.Messages != nil {
		s.Errorf("there is a stream: %+v", page)
	}
}

func offsets(s *suite) {
	a, b := s.node("a"), s.node("b")
	a.subscribe(backplane.Channel, "c")
	b.subscribe(backplane.Channel, "c")
	var epoch string
	for i := range int64(20) {
		from := a
		if i%2 == 1 {
			from = b
		}
		at := from.publish("c", strconv.FormatInt(i+1, 10), keep(5))
		if epoch == "" {
			epoch = at.Epoch
		}
		is(s.T, "position", at, backplane.Position{Epoch: epoch, Offset: i + 1})
	}
	s.wantPage(b.read("c", backplane.Query{}), 20, 16, 16, 20)
	for _, at := range []*node{a, b} {
		var last int64
		for i, m := range at.messagesOf(s.T, "c", 20) {
			is(s.T, "delivered position", m.Position, backplane.Position{Epoch: epoch, Offset: int64(i + 1)})
			if m.Time < last {
				s.Errorf("time went back from %d to %d", last, m.Time)
			}
			last = m.Time
		}
	}
}

func mixed(s *suite) {
	a := s.node("a")
	a.subscribe(backplane.Channel, "c")
	is(s.T, "before", a.publish("c", "0", backplane.Keep{}), backplane.Position{})
	for i, count := range []int{3, 0, 0, 3, 0} {
		is(s.T, "offset", a.publish("c", strconv.Itoa(i+1), keep(count)).Offset, int64(i+1))
	}
	s.wantPage(a.read("c", backplane.Query{}), 5, 3, 3, 5)
	for i, m := range a.messagesOf(s.T, "c", 6) {
		is(s.T, "delivered offset", m.Offset, int64(i))
	}
}

func made(s *suite) {
	a, b := s.node("a"), s.node("b")
	none := a.read("c", backplane.Query{Limit: 5})
	if none.Position != (backplane.Position{}) || none.Oldest != 0 || none.Messages != nil {
		s.Errorf("there is a stream: %+v", none)
	}
	page := a.read("c", backplane.Query{Keep: keep(3)})
	s.wantPage(page, 0, 1, 1, 0)
	is(s.T, "first", b.publish("c", "1", backplane.Keep{}), backplane.Position{Epoch: page.Epoch, Offset: 1})
	s.wantPage(b.read("c", backplane.Query{Keep: keep(3)}), 1, 1, 1, 1)
}

func counted(s *suite) {
	a := s.node("a")
	for i := range int64(50) {
		a.publish("c", strconv.FormatInt(i+1, 10), keep(7))
		oldest := max(1, i+1-6)
		s.wantPage(a.read("c", backplane.Query{}), i+1, oldest, oldest, i+1)
	}
	// What is gone is not made up for: the page says where it begins.
	s.wantPage(a.read("c", backplane.Query{After: 10}), 50, 44, 44, 50)
}

func largest(s *suite) {
	a := s.node("a")
	for i, count := range []int{2, 5, 2, 1, 0, 2, 2} {
		a.publish("c", strconv.Itoa(i+1), keep(count))
	}
	s.wantPage(a.read("c", backplane.Query{}), 7, 3, 3, 7)
}

func queriedCount(s *suite) {
	a := s.node("a")
	a.publish("c", "1", keep(1))
	a.read("c", backplane.Query{Keep: keep(3)})
	for i := range 4 {
		a.publish("c", strconv.Itoa(i+2), keep(1))
	}
	s.wantPage(a.read("c", backplane.Query{Keep: keep(1)}), 5, 3, 3, 5)
}

func selects(s *suite) {
	a := s.node("a")
	a.publishAll("c", 12, keep(8)) // 5 to 9 of a byte, 10 to 12 of two
	for _, c := range []struct {
		name     string
		query    backplane.Query
		from, to int64
	}{
		{"everything", backplane.Query{}, 5, 12},
		{"the oldest", backplane.Query{Limit: 3}, 5, 7},
		{"the newest", backplane.Query{Limit: 3, Newest: true}, 10, 12},
		{"as many as there are", backplane.Query{Limit: 8}, 5, 12},
		{"more than there are", backplane.Query{Limit: 1 << 40, Newest: true}, 5, 12},
		{"the position only", backplane.Query{Limit: -1}, 1, 0},
		{"the position only, newest", backplane.Query{Limit: -1 << 40, Newest: true}, 1, 0},
		{"after what is gone", backplane.Query{After: 2}, 5, 12},
		{"after the last that is gone", backplane.Query{After: 4}, 5, 12},
		{"after one", backplane.Query{After: 7}, 8, 12},
		{"after one, the oldest", backplane.Query{After: 7, Limit: 2}, 8, 9},
		{"after one, the newest", backplane.Query{After: 7, Limit: 2, Newest: true}, 11, 12},
		{"after the last but one", backplane.Query{After: 11}, 12, 12},
		{"after the top", backplane.Query{After: 12}, 1, 0},
		{"after what is to come", backplane.Query{After: 1 << 62}, 1, 0},
		{"after less than nothing", backplane.Query{After: -1 << 63}, 5, 12},
		{"a few bytes", backplane.Query{Bytes: 3}, 5, 7},
		{"a few bytes, the newest", backplane.Query{Bytes: 4, Newest: true}, 11, 12},
		{"one byte less", backplane.Query{Bytes: 3, Newest: true}, 12, 12},
		{"one in any case", backplane.Query{Bytes: 1, Newest: true}, 12, 12},
		{"bytes after one", backplane.Query{Bytes: 4, After: 7}, 8, 10},
		{"bytes and a limit", backplane.Query{Bytes: 4, Limit: 2}, 5, 6},
		{"all bytes", backplane.Query{Bytes: 11}, 5, 12},
		{"since long ago", backplane.Query{Since: 1}, 5, 12},
		{"since what is to come", backplane.Query{Since: 1 << 60}, 1, 0},
	} {
		s.Run(c.name, func(t *testing.T) {
			(&suite{T: t}).wantPage(a.read("c", c.query), 12, 5, c.from, c.to)
		})
	}
}

func since(s *suite) {
	a := s.node("a")
	for i := range 5 {
		a.publish("c", strconv.Itoa(i+1), keep(5))
		pass(3 * time.Millisecond)
	}
	for _, m := range a.read("c", backplane.Query{}).Messages {
		s.wantPage(a.read("c", backplane.Query{Since: m.Time}), 5, 1, m.Offset, 5)
		s.wantPage(a.read("c", backplane.Query{Since: m.Time + 1}), 5, 1, m.Offset+1, 5)
		s.wantPage(a.read("c", backplane.Query{Since: m.Time, Limit: 1}), 5, 1, m.Offset, m.Offset)
	}
}

func anyMessages(s *suite) {
	a := s.node("a")
	for _, channel := range []string{"c", "c\x00", "\xff", "{c}", "c:d", "*", "c d", "ä", strings.Repeat("c", 256)} {
		for _, data := range []string{"", "\x00", "\xff\xfe", `{"a":1}`, "\n", strings.Repeat("x", 1<<17)} {
			a.subscribe(backplane.Channel, channel)
			a.publish(channel, data, keep(3))
			newest := a.read(channel, backplane.Query{Limit: 1, Newest: true})
			if len(newest.Messages) != 1 || string(newest.Messages[0].Data) != data {
				s.Errorf("%q on %q did not come back", data, channel)
				continue
			}
			got := a.messagesOf(s.T, channel, int(newest.Offset))
			is(s.T, "delivered", string(got[newest.Offset-1].Data), data)
		}
	}
}

func copiedMessages(s *suite) {
	a := s.node("a")
	a.subscribe(backplane.Channel, "c")
	data := []byte("1")
	for i := range 3 {
		data[0] = byte('1' + i)
		if _, err := a.Channels().Publish(context.Background(), "c", data, keep(3)); err != nil {
			s.Fatal(err)
		}
	}
	data[0] = 'x'
	s.wantPage(a.read("c", backplane.Query{}), 3, 1, 1, 3)
}

func channelsApart(s *suite) {
	a := s.node("a")
	a.publishAll("c", 3, keep(3))
	a.publishAll("d", 2, keep(3))
	c, d := a.read("c", backplane.Query{}), a.read("d", backplane.Query{})
	s.wantPage(c, 3, 1, 1, 3)
	s.wantPage(d, 2, 1, 1, 2)
	if c.Epoch == d.Epoch {
		s.Errorf("both have the epoch %q", c.Epoch)
	}
}

func subscribedTwice(s *suite) {
	a, b := s.node("a"), s.node("b")
	for range 3 {
		a.subscribe(backplane.Channel, "c")
	}
	b.publishAll("c", 5, keep(5))
	for i, m := range a.messagesOf(s.T, "c", 5) {
		is(s.T, "offset", m.Offset, int64(i+1))
	}
	topic := backplane.Topic{Kind: backplane.Channel, Name: "c"}
	a.check("unsubscribe", a.Bus().Unsubscribe(context.Background(), topic))
	a.check("unsubscribe again", a.Bus().Unsubscribe(context.Background(), topic))
	a.subscribe(backplane.Channel, "c")
	b.publish("c", "6", keep(5))
	got := a.messagesOf(s.T, "c", 6)
	is(s.T, "offset after subscribing anew", got[len(got)-1].Offset, 6)
}
