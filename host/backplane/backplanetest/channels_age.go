package backplanetest

import (
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

func aged(s *suite) {
	a := s.node("a")
	ttl := s.ttl()
	k := backplane.Keep{Count: 10, TTL: ttl}
	a.publish("c", "1", k)
	pass(ttl / 2)
	made := time.Now()
	a.publish("c", "2", k)
	if s.backend.FakeTime {
		pass(ttl/2 - 1)
		s.wantPage(a.read("c", backplane.Query{}), 2, 1, 1, 2)
		pass(1)
	} else {
		pass(ttl/2 + ttl/10)
	}
	page, rest := a.read("c", backplane.Query{}), a.read("c", backplane.Query{After: 1})
	s.soon(made, ttl)
	s.wantPage(page, 2, 2, 2, 2)
	s.wantPage(rest, 2, 2, 2, 2)
	pass(ttl)
	later := a.read("c", backplane.Query{Limit: 5, Newest: true})
	if later.Epoch == page.Epoch {
		s.wantPage(later, 2, 3, 1, 0)
	}
}

func longest(s *suite) {
	a := s.node("a")
	ttl := s.ttl()
	a.publish("c", "1", backplane.Keep{Count: 10, TTL: ttl})
	a.publish("c", "2", backplane.Keep{Count: 1, TTL: 100 * ttl})
	a.publish("c", "3", backplane.Keep{Count: 10, TTL: ttl})
	a.publish("c", "4", backplane.Keep{TTL: 1})
	a.publish("d", "1", backplane.Keep{Count: 10, TTL: ttl})
	a.publish("d", "2", backplane.Keep{Count: 10}) // DefaultKeepTTL
	pass(2 * ttl)
	s.wantPage(a.read("c", backplane.Query{}), 4, 1, 1, 4)
	s.wantPage(a.read("d", backplane.Query{}), 2, 1, 1, 2)
}

// A stream is there for its TTL after its last use, so that who was away for
// less is told the truth about what was missed.
func outlives(s *suite) {
	a := s.node("a")
	ttl := s.ttl()
	k := backplane.Keep{Count: 10, TTL: ttl}
	used := time.Now()
	at := a.publish("c", "1", k)
	for i := range int64(3) {
		pass(ttl / 2)
		now := time.Now()
		next := a.publish("c", "x", k)
		s.soon(used, ttl)
		used = now
		is(s.T, "position", next, backplane.Position{Epoch: at.Epoch, Offset: i + 2})
	}
}

func usedByQuery(s *suite) {
	a := s.node("a")
	ttl := s.ttl()
	k := backplane.Keep{Count: 10, TTL: ttl}
	used := time.Now()
	page := a.read("c", backplane.Query{Keep: k})
	for range 4 {
		pass(ttl / 2)
		now := time.Now()
		next := a.read("c", backplane.Query{Keep: k}).Position
		s.soon(used, ttl)
		is(s.T, "position", next, page.Position)
		used = now
	}
	next := a.publish("c", "1", backplane.Keep{})
	s.soon(used, ttl)
	is(s.T, "position", next, backplane.Position{Epoch: page.Epoch, Offset: 1})
}

// Each message ages by itself, whatever comes after it.
func unrenewed(s *suite) {
	a := s.node("a")
	ttl := s.ttl()
	a.publish("c", "1", backplane.Keep{Count: 10, TTL: ttl})
	pass(ttl * 6 / 10)
	made := time.Now()
	a.publish("c", "2", backplane.Keep{})
	pass(ttl / 2)
	page := a.read("c", backplane.Query{})
	s.soon(made, ttl)
	s.wantPage(page, 2, 2, 2, 2)
}
