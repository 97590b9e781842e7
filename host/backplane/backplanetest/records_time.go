package backplanetest

import (
	"context"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// until waits until what lasts as long as d has ended. In fake time it calls
// last just before; there a moment is exact.
func (s *suite) until(d time.Duration, last func()) {
	s.Helper()
	if s.backend.FakeTime {
		pass(d - 1)
		last()
		pass(1)
		return
	}
	pass(d + d/5)
}

// soon has a test begin anew, with a longer TTL, where what was made at a time, to
// last for ttl, may have ended already: a busy machine lets more time pass than
// the test does.
func (s *suite) soon(made time.Time, ttl time.Duration) {
	if !s.backend.FakeTime && time.Since(made) >= ttl {
		panic(errLate)
	}
}

// expiring is an edit with the TTL of the tests.
func (s *suite) expiring(r backplane.Record, value string) backplane.RecordWrite {
	w := edit(r, value)
	w.TTL = s.ttl()
	return w
}

func recordExpires(s *suite) {
	nodes := []*node{s.node("a"), s.node("b"), s.node("c")}
	for _, n := range nodes[:2] {
		n.subscribe(backplane.RecordOf, "r")
	}
	ttl := s.ttl()
	at := nodes[0].commit(s.expiring(backplane.Record{ID: "r"}, "one"))[0]
	nodes[0].commit(edit(backplane.Record{ID: "stays"}, "1"))
	s.until(ttl, func() { s.wantRecord(nodes, "r", at, "one") })
	expired := backplane.Version{Epoch: at.Epoch, Number: 2}
	if !s.backend.FakeTime {
		s.wroteAll(nodes, "r", 2)
	}
	s.wantRecord(nodes, "r", expired, "")
	want(s.T, "records", s.readAll(nodes[1].listRecords, 10), []string{"stays"})
	s.wantPatches(nodes[0], at, -1)
	s.wantPatches(nodes[0], expired, 0)
	pass(3 * ttl)
	s.wantRecord(nodes, "r", expired, "")
	for _, n := range nodes[:2] {
		s.wantTold(n.ID(), n.recordOf(s.T, "r", 2), "one by one", "deleted expired")
	}
	s.wantTold("wrote", s.wroteAll(nodes, "r", 2), "one by one", "deleted expired")
	is(s.T, "version after it", nodes[2].write("r", "three"), backplane.Version{Epoch: at.Epoch, Number: 3})
	s.wantTold("told", nodes[1].recordOf(s.T, "r", 3), "one by one", "deleted expired", "three by three")
}

// No node runs here, so whoever comes first ends what has expired.
func expirySeen(s *suite) {
	nodes := []*node{s.idle("a"), s.idle("b")}
	first := map[string]func(n *node, at backplane.Version){
		"get": func(n *node, _ backplane.Version) { is(s.T, "number", n.recordNow("get").Number, 2) },
		"since": func(n *node, at backplane.Version) {
			r, _, ok := n.since("since", at)
			is(s.T, "ok", ok, false)
			is(s.T, "number", r.Number, 2)
		},
		"commit": func(n *node, at backplane.Version) {
			_, found, err := n.Records().Commit(context.Background(), []backplane.RecordWrite{edit(backplane.Record{ID: "commit", Version: at}, "x")}, 0)
			n.check("commit", err)
			if len(found) != 1 || found[0].Number != 2 || found[0].Value != nil {
				s.Errorf("found %+v", found)
			}
		},
		"keep": func(n *node, at backplane.Version) {
			want(s.T, "versions", n.commit(backplane.RecordWrite{ID: "keep", Expect: at, Keep: true, TTL: time.Hour, Tombstone: time.Hour}), nil)
		},
	}
	versions := make(map[string]backplane.Version)
	for id := range first {
		nodes[1].subscribe(backplane.RecordOf, id)
		versions[id] = nodes[0].commit(s.expiring(backplane.Record{ID: id}, "one"))[0]
	}
	s.until(s.ttl(), func() { is(s.T, "records", len(s.readAll(nodes[1].listRecords, 10)), len(first)) })
	for id, see := range first {
		see(nodes[1], versions[id])
		s.wantRecord(nodes, id, backplane.Version{Epoch: versions[id].Epoch, Number: 2}, "")
		s.wantTold(id, nodes[1].recordOf(s.T, id, 2), "one by one", "deleted expired")
		s.wantTold(id, s.wroteAll(nodes, id, 2), "one by one", "deleted expired")
	}
	want(s.T, "records", s.readAll(nodes[0].listRecords, 10), nil)
	nodes[0].commit(s.expiring(backplane.Record{ID: "list"}, "one"))
	s.until(s.ttl(), func() {})
	want(s.T, "records", s.readAll(nodes[1].listRecords, 10), nil)
	is(s.T, "number", nodes[0].recordNow("list").Number, 2)
}

func recordRenewed(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	ttl := s.ttl()
	at, made := backplane.Version{}, time.Now()
	// next is a write to what must still be there.
	next := func(n *node, w backplane.RecordWrite) {
		s.Helper()
		begun := time.Now()
		versions := n.commit(w)
		s.soon(made, ttl)
		if len(versions) == 0 {
			s.Fatalf("%+v was not there", w.Expect)
		}
		at, made = versions[0], begun
	}
	for i := range 4 {
		next(nodes[i%2], s.expiring(backplane.Record{ID: "r", Version: at}, strconv.Itoa(i)))
		pass(ttl / 2)
	}
	next(nodes[0], edit(backplane.Record{ID: "r", Version: at}, "stays"))
	pass(2 * ttl)
	s.wantRecord(nodes, "r", at, "stays")
	made = time.Now()
	next(nodes[0], s.expiring(backplane.Record{ID: "r", Version: at}, "goes"))
	next(nodes[0], edit(backplane.Record{ID: "r", Version: at}, ""))
	at = nodes[1].write("r", "stays")
	pass(2 * ttl)
	s.wantRecord(nodes, "r", at, "stays")
}

func recordKept(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	nodes[1].subscribe(backplane.RecordOf, "r")
	ttl := s.ttl()
	made := time.Now()
	keep := func(id string, at backplane.Version, ttl time.Duration) {
		s.Helper()
		begun := time.Now()
		versions := nodes[0].commit(backplane.RecordWrite{ID: id, Expect: at, Keep: true, TTL: ttl, Tombstone: time.Hour})
		if id == "r" {
			s.soon(made, s.ttl())
			made = begun
		}
		want(s.T, "versions", versions, []backplane.Version{at})
	}
	at := nodes[0].commit(s.expiring(backplane.Record{ID: "r"}, "one"))[0]
	other := nodes[0].commit(s.expiring(backplane.Record{ID: "other"}, "one"))[0]
	none := nodes[0].write("none", "one")
	for range 4 {
		pass(ttl / 2)
		keep("r", at, ttl)
	}
	s.wantRecord(nodes, "other", backplane.Version{Epoch: other.Epoch, Number: 2}, "")
	keep("other", backplane.Version{Epoch: other.Epoch, Number: 2}, ttl) // which has no value
	keep("r", at, 0)
	keep("none", none, 0)
	pass(ttl / 2)
	s.until(ttl-ttl/2, func() { s.wantRecord(nodes, "r", at, "one") })
	s.wroteAll(nodes, "r", 2)
	keep("none", none, ttl)
	s.until(ttl, func() { s.wantRecord(nodes, "none", none, "one") })
	s.wroteAll(nodes, "none", 2)
	s.wantRecord(nodes, "none", backplane.Version{Epoch: none.Epoch, Number: 2}, "")
	s.wantRecord(nodes, "other", backplane.Version{Epoch: other.Epoch, Number: 2}, "")
	s.wantTold("told", nodes[1].recordOf(s.T, "r", 2), "one by one", "deleted expired")
}

func tombstoneForgotten(s *suite) { s.wantForgotten(s.node("a"), s.node("b")) }

func tombstoneUnswept(s *suite) { s.wantForgotten(s.idle("a"), s.idle("b")) }

func (s *suite) wantForgotten(nodes ...*node) {
	s.Helper()
	const id = "r"
	nodes[1].subscribe(backplane.RecordOf, id)
	ttl := s.ttl()
	brief := func(r backplane.Record, value string) backplane.RecordWrite {
		w := edit(r, value)
		w.Tombstone = ttl
		return w
	}
	nodes[0].commit(brief(backplane.Record{ID: id}, "one"))
	made := time.Now()
	nodes[0].commit(brief(nodes[0].recordNow(id), ""))
	pass(ttl / 2)
	versions := nodes[1].commit(brief(nodes[0].recordNow(id), "three"))
	s.soon(made, ttl)
	at := versions[0]
	is(s.T, "number", at.Number, 3)
	pass(2 * ttl) // a tombstone that was is none
	s.wantRecord(nodes, id, at, "three")
	at = nodes[0].commit(brief(nodes[0].recordNow(id), ""))[0]
	s.until(ttl, func() {
		s.wantRecord(nodes, id, at, "")
		s.wantPatches(nodes[1], at, 0)
	})
	s.wantRecord(nodes, id, backplane.Version{}, "")
	_, _, ok := nodes[0].since(id, at)
	is(s.T, "since the version that is forgotten", ok, false)
	want(s.T, "versions", nodes[1].commit(edit(backplane.Record{ID: id, Version: at}, "x")), nil)
	next := nodes[1].write(id, "anew")
	if next.Number != 1 || next.Epoch == at.Epoch || next.Epoch == "" {
		s.Errorf("after %+v comes %+v", at, next)
	}
	s.wantPatches(nodes[0], at, -1)
	changes := nodes[1].recordOf(s.T, id, 5)
	s.wantTold("told", changes[:4], "one by one", "deleted by ", "three by three", "deleted by ")
	s.wantTold("told", changes[4:], "anew by anew")
}

func tombstoneOfLast(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	ttl := s.ttl()
	lasting := func(r backplane.Record, value string, tombstone time.Duration) backplane.RecordWrite {
		w := s.expiring(r, value)
		w.Tombstone = tombstone
		return w
	}
	long, short := 100*ttl, ttl
	for id, tombstones := range map[string][2]time.Duration{"long": {short, long}, "short": {long, short}, "kept": {short, long}} {
		made := time.Now()
		at := nodes[0].commit(lasting(backplane.Record{ID: id}, "1", tombstones[0]))[0]
		w := lasting(backplane.Record{ID: id, Version: at}, "2", tombstones[1])
		w.Keep = id == "kept"
		versions := nodes[1].commit(w)
		s.soon(made, ttl)
		is(s.T, "writes", len(versions), 1)
	}
	pass(ttl + ttl/2)
	for _, id := range []string{"long", "short", "kept"} {
		s.wroteAll(nodes, id, 2)
		is(s.T, "has expired", nodes[0].recordNow(id).Value == nil, true)
		is(s.T, "has a version", nodes[0].recordNow(id).Number > 0, true)
	}
	pass(ttl + ttl/2)
	is(s.T, "number", nodes[0].recordNow("long").Number, 3)
	is(s.T, "number", nodes[0].recordNow("kept").Number, 2)
	s.wantRecord(nodes, "short", backplane.Version{}, "")
}

func endedMakesRoom(s *suite) { s.wantRoom(s.node("a")) }

func unsweptMakesRoom(s *suite) { s.wantRoom(s.idle("a")) }

func (s *suite) wantRoom(n *node) {
	s.Helper()
	ttl := s.ttl()
	ids := numbered(n.ID(), 20)
	limit := int64(len(ids)) * recordCost(ids[0], "1", ">1")
	for range 3 {
		made := time.Now()
		for _, id := range ids {
			w := s.expiring(n.recordNow(id), "1")
			w.Tombstone, w.Log = ttl, 1
			is(s.T, "full", n.within(limit, w), false)
		}
		full := n.within(limit, edit(backplane.Record{ID: "more"}, "1"))
		s.soon(made, ttl)
		is(s.T, "full", full, true)
		pass(ttl + ttl/4)
		want(s.T, "records", s.readAll(n.listRecords, 10), nil) // from here on there are tombstones
		pass(ttl + ttl/4)
	}
	large := edit(backplane.Record{ID: n.ID()}, string(make([]byte, limit-recordCost(n.ID(), ""))))
	large.Log = 0
	is(s.T, "full", n.within(limit, large), false)
}

func hammerRecordExpiry(s *suite) {
	nodes := []*node{s.node("a"), s.node("b"), s.idle("c")}
	nodes[0].subscribe(backplane.AllRecords, "")
	nodes[1].subscribe(backplane.AllRecords, "")
	ttl := s.ttl()
	ids := numbered("r", 40)
	versions := make([]backplane.Version, len(ids))
	for i, id := range ids {
		w := edit(backplane.Record{ID: id}, "1")
		w.TTL = ttl/2 + time.Duration(i%4)*ttl/100
		versions[i] = nodes[i%3].commit(w)[0]
	}
	s.until(ttl/2, func() {})
	hammer(func(worker int) {
		n := nodes[worker%3]
		for range s.rounds {
			i := rand.IntN(len(ids))
			switch rand.IntN(5) {
			case 0:
				n.recordNow(ids[i])
			case 1:
				n.since(ids[i], versions[i])
			case 2:
				n.commit(backplane.RecordWrite{ID: ids[i], Expect: versions[i], Keep: true})
			case 3:
				s.readAll(n.listRecords, 10)
			case 4:
				pass(ttl / 1000)
			}
		}
	})
	pass(ttl)
	for _, id := range ids {
		for _, n := range nodes[:2] {
			s.wantTold(n.ID(), n.recordOf(s.T, id, 2), "1 by 1", "deleted expired")
		}
		s.wantTold("wrote", s.wroteAll(nodes, id, 2), "1 by 1", "deleted expired")
	}
}

func hammerRecordRenewal(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	nodes[0].subscribe(backplane.AllRecords, "")
	stays := func(n *node, id string, ttl time.Duration) {
		n.try([]string{id}, func(now []backplane.Record) []backplane.RecordWrite {
			w := edit(now[0], "stays")
			w.TTL = ttl
			return []backplane.RecordWrite{w}
		})
	}
	hammer(func(worker int) {
		n := nodes[worker%2]
		ids := numbered("r"+strconv.Itoa(worker)+"-", 10)
		for range s.rounds / 8 {
			for _, id := range ids {
				stays(n, id, time.Millisecond)
			}
			pass(time.Millisecond)
			for _, id := range ids {
				stays(n, id, 0)
			}
			for _, id := range ids {
				is(s.T, "value", string(n.recordNow(id).Value), "stays")
			}
		}
	})
	pass(tolerance)
	for worker := range workers {
		for _, id := range numbered("r"+strconv.Itoa(worker)+"-", 10) {
			now := nodes[1].recordNow(id)
			is(s.T, "value", string(now.Value), "stays")
			s.wantFollowing(nodes[0].recordOf(s.T, id, int(now.Number)))
			is(s.T, "writers told", len(s.wroteAll(nodes, id, int(now.Number))), int(now.Number))
		}
	}
}
