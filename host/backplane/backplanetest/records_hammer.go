package backplanetest

import (
	"context"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// wantFollowing fails unless each change is that of the version after the one
// before, or begins another epoch after a deletion, and has a patch that says
// so. It returns the value that the patches lead to.
func (s *suite) wantFollowing(changes []backplane.RecordChange) (value string) {
	s.Helper()
	var last backplane.RecordChange
	epochs := make(map[string]bool)
	for i, c := range changes {
		follows := c.Epoch == last.Epoch && c.Number == last.Number+1
		begins := !epochs[c.Epoch] && c.Number == 1 && last.Value == nil
		if !follows && !begins {
			s.Fatalf("change %d is %+v after %+v", i, c.Version, last.Version)
		}
		epochs[c.Epoch] = true
		s.wantChange([]byte(value), c)
		value, last = string(c.Value), c
	}
	return value
}

// writers is how many goroutines write one record.
const writers = 16

func hammerVersions(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	nodes[0].subscribe(backplane.RecordOf, "r")
	nodes[1].subscribe(backplane.AllRecords, "")
	each := s.rounds / 4
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for range each {
				nodes[w%2].try([]string{"r"}, func(now []backplane.Record) []backplane.RecordWrite {
					return []backplane.RecordWrite{edit(now[0], strconv.Itoa(integer(now[0])+1))}
				})
			}
		})
	}
	wg.Wait()
	all := writers * each
	at := nodes[0].recordNow("r")
	s.wantRecord(nodes, "r", backplane.Version{Epoch: at.Epoch, Number: int64(all)}, strconv.Itoa(all))
	for _, n := range nodes {
		got := n.recordOf(s.T, "r", all)
		is(s.T, "changes", len(got), all)
		is(s.T, "what the patches lead to", s.wantFollowing(got), strconv.Itoa(all))
		s.wantPatches(n, backplane.Version{Epoch: at.Epoch, Number: int64(all - 64)}, 64)
		s.wantPatches(n, backplane.Version{Epoch: at.Epoch, Number: int64(all - 65)}, -1)
	}
	wrote := s.wroteAll(nodes, "r", all)
	is(s.T, "writers told", len(wrote), all)
	s.wantFollowing(wrote)
	for _, n := range nodes {
		mine := n.wroteOf("r")
		is(s.T, "told to its node", len(mine), all/2)
		for i := 1; i < len(mine); i++ {
			if mine[i].Number <= mine[i-1].Number {
				s.Fatalf("the writer of %d was told after that of %d", mine[i].Number, mine[i-1].Number)
			}
		}
	}
}

// Money goes from account to account, several at a time; none is made or lost,
// and no one ever sees it on its way.
func hammerTransfers(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	nodes[1].subscribe(backplane.AllRecords, "")
	accounts := numbered("account", 6)
	var begin []backplane.RecordWrite
	for _, id := range accounts {
		begin = append(begin, edit(backplane.Record{ID: id}, "100"))
	}
	nodes[0].commit(begin...)
	sum := func(all []backplane.Record) (sum int) {
		for _, r := range all {
			sum += integer(r)
		}
		return sum
	}
	var look []backplane.RecordWrite // which fails, and so reads all at one moment
	for _, id := range accounts {
		look = append(look, backplane.RecordWrite{ID: id, Keep: true})
	}
	hammer(func(worker int) {
		n := nodes[worker%2]
		for i := range s.rounds / 2 {
			if i%5 == 0 {
				_, found, err := n.Records().Commit(context.Background(), look, 0)
				n.check("commit", err)
				is(s.T, "money", sum(found), 600)
				continue
			}
			var ids []string
			for _, at := range rand.Perm(len(accounts))[:2+rand.IntN(3)] {
				ids = append(ids, accounts[at])
			}
			n.try(ids, transfer)
		}
	})
	var now []backplane.Record
	for _, id := range accounts {
		r := nodes[0].recordNow(id)
		now = append(now, r)
		is(s.T, "what the patches lead to", s.wantFollowing(nodes[1].recordOf(s.T, id, int(r.Number))), string(r.Value))
		is(s.T, "writers told", len(s.wroteAll(nodes, id, int(r.Number))), int(r.Number))
	}
	is(s.T, "money", sum(now), 600)
}

// transfer takes from the first what it gives to the others.
func transfer(now []backplane.Record) (writes []backplane.RecordWrite) {
	amount := rand.IntN(10)
	writes = append(writes, edit(now[0], strconv.Itoa(integer(now[0])-amount*(len(now)-1))))
	for _, r := range now[1:] {
		writes = append(writes, edit(r, strconv.Itoa(integer(r)+amount)))
	}
	return writes
}

// Who subscribes and then reads gets everything after the version that it has
// read, without a gap.
func hammerRecordRecovery(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	const readers = 10
	each := s.rounds
	at := nodes[0].write("r", "0")
	var wg sync.WaitGroup
	for _, n := range nodes {
		wg.Go(func() {
			for range each {
				n.try([]string{"r"}, func(now []backplane.Record) []backplane.RecordWrite {
					return []backplane.RecordWrite{edit(now[0], strconv.Itoa(integer(now[0])+1))}
				})
			}
		})
	}
	last := int64(1 + 2*each)
	for i := range readers {
		n := s.node("reader" + strconv.Itoa(i))
		nodes[0].awaitNumber("r", int64(i*each/readers))
		kind, name := backplane.RecordOf, "r"
		if i%2 == 1 {
			kind, name = backplane.AllRecords, ""
		}
		n.subscribe(kind, name)
		r, patches, ok := n.since("r", at)
		if ok && len(patches) > 0 {
			_, after, _ := strings.Cut(string(patches[len(patches)-1].Patch), ">")
			is(s.T, "what the patches lead to", after, string(r.Value))
		}
		wg.Go(func() {
			n.await(s.T, "the last version", func() bool {
				got := n.records["r"]
				return r.Number == last || len(got) > 0 && got[len(got)-1].Number == last
			})
			next := r.Number + 1
			for _, c := range n.recordOf(s.T, "r", 0) {
				if c.Number > r.Number {
					is(s.T, "number", c.Number, next)
					next = c.Number + 1
				}
			}
			is(s.T, "the last version", next, last+1)
		})
	}
	wg.Wait()
}

// awaitNumber waits until a record has at least a version.
func (n *node) awaitNumber(id string, number int64) {
	n.t.Helper()
	late := time.After(patience)
	for n.recordNow(id).Number < number {
		select {
		case <-time.After(time.Millisecond):
		case <-late:
			n.t.Fatalf("waiting for version %d of %q: it did not come", number, id)
		}
	}
}

// Records that come and go all the time are forgotten in between, and no epoch
// is there twice.
func hammerTombstones(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	nodes[1].subscribe(backplane.AllRecords, "")
	ids := numbered("r", 3)
	hammer(func(worker int) {
		for i := range s.rounds {
			nodes[worker%2].try(ids[i%3:i%3+1], func(now []backplane.Record) []backplane.RecordWrite {
				value := "1"
				if now[0].Value != nil {
					value = ""
				}
				w := edit(now[0], value)
				w.Tombstone = time.Duration(rand.IntN(3)) * time.Millisecond / 2
				w.TTL = time.Duration(rand.IntN(3)) * time.Millisecond
				return []backplane.RecordWrite{w}
			})
		}
	})
	pass(tolerance)
	for _, id := range ids {
		r := nodes[0].recordNow(id)
		nodes[0].write(id, "last")
		nodes[1].await(s.T, "the last change", func() bool {
			got := nodes[1].records[id]
			return len(got) > 0 && string(got[len(got)-1].Value) == "last"
		})
		got := nodes[1].recordOf(s.T, id, 1)
		is(s.T, "the last value", s.wantFollowing(got), "last")
		is(s.T, "writers told", len(s.wroteAll(nodes, id, len(got))), len(got))
		if r.Value != nil {
			is(s.T, "the last but one", string(got[len(got)-2].Value), string(r.Value))
		}
	}
}

// Transactions of the same records come in one order.
func hammerTogether(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	nodes[0].subscribe(backplane.AllRecords, "")
	ids := []string{"x", "y"}
	hammer(func(worker int) {
		for i := range s.rounds / 8 {
			mine := []string{ids[i%2], ids[1-i%2]}
			nodes[worker%2].try(mine, func(now []backplane.Record) []backplane.RecordWrite {
				name := strconv.Itoa(worker) + "-" + strconv.Itoa(i)
				return []backplane.RecordWrite{edit(now[0], name), edit(now[1], name)}
			})
		}
	})
	all := workers * (s.rounds / 8)
	x, y := nodes[0].recordOf(s.T, "x", all), nodes[0].recordOf(s.T, "y", all)
	s.wantFollowing(x)
	s.wantFollowing(y)
	want(s.T, "told", told(x), told(y))
}

func hammerBegin(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	for round := range s.rounds / 10 {
		id := "r" + strconv.Itoa(round)
		var begun atomic.Int32
		hammer(func(worker int) {
			w := edit(backplane.Record{ID: id}, strconv.Itoa(worker))
			versions, found, err := nodes[worker%2].Records().Commit(context.Background(), []backplane.RecordWrite{w}, 0)
			switch {
			case err != nil:
				s.Error(err)
			case versions != nil:
				begun.Add(1)
			case len(found) != 1 || found[0].Number != 1 || found[0].Value == nil:
				s.Errorf("lost against %+v", found)
			}
		})
		is(s.T, "who began it", begun.Load(), 1)
	}
}
