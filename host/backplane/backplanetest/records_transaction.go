package backplanetest

import (
	"context"
	"strconv"

	"github.com/mesh-host/mesh-host/host/backplane"
)

func transacts(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	ids := []string{"z", "a", "m"}
	for _, id := range ids {
		nodes[1].subscribe(backplane.RecordOf, id)
	}
	all := func(value string) (writes []backplane.RecordWrite) {
		for _, id := range ids {
			writes = append(writes, edit(nodes[0].recordNow(id), value))
		}
		return writes
	}
	nodes[1].write("a", "zero")
	stale := all("never")
	for i, version := range nodes[0].commit(all("one")...) {
		number := int64(1)
		if ids[i] == "a" {
			number = 2
		}
		is(s.T, "number", version.Number, number)
		s.wantRecord(nodes, ids[i], version, "one")
	}
	fresh := all("never")
	for i := range ids {
		writes := append([]backplane.RecordWrite(nil), fresh...)
		writes[i] = stale[i]
		versions, found, err := nodes[i%2].Records().Commit(context.Background(), writes, 0)
		if err != nil || versions != nil || len(found) != len(ids) {
			s.Fatalf("%v, found %+v, %v", versions, found, err)
		}
		for j, r := range found {
			if r.ID != ids[j] || r.Version != fresh[j].Expect || string(r.Value) != "one" {
				s.Errorf("found %+v", r)
			}
			s.wantRecord(nodes, r.ID, r.Version, "one")
		}
	}
	nodes[1].commit(all("two")...)
	s.wantTold("told of z", nodes[1].recordOf(s.T, "z", 2), "one by one", "two by two")
	s.wantTold("told of m", nodes[1].recordOf(s.T, "m", 2), "one by one", "two by two")
	s.wantTold("told of a", nodes[1].recordOf(s.T, "a", 3), "zero by zero", "one by one", "two by two")
	for _, id := range ids {
		is(s.T, "writers told", len(s.wroteAll(nodes, id, 2)), len(nodes[1].recordOf(s.T, id, 2)))
	}
	is(s.T, "versions of nothing", len(nodes[0].commit()), 0)
}

func transactsOnce(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	at := nodes[0].write("r", "one")
	r := nodes[0].recordNow("r")
	for _, writes := range [][]backplane.RecordWrite{
		{edit(r, "two"), edit(r, "two")},
		{edit(backplane.Record{ID: "new"}, "1"), edit(r, "two"), edit(backplane.Record{ID: "new"}, "1")},
	} {
		if versions, found, err := nodes[1].Records().Commit(context.Background(), writes, 0); err == nil {
			s.Errorf("the same record twice: %v, %v", versions, found)
		}
	}
	s.wantRecord(nodes, "r", at, "one")
	s.wantRecord(nodes, "new", backplane.Version{}, "")
}

func transactsKept(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	at := nodes[0].write("guard", "one")
	keep := func(version backplane.Version) backplane.RecordWrite {
		return backplane.RecordWrite{ID: "guard", Expect: version, Keep: true}
	}
	versions := nodes[1].commit(edit(backplane.Record{ID: "r"}, "one"), keep(at), backplane.RecordWrite{ID: "none", Keep: true})
	s.wantRecord(nodes, "r", versions[0], "one")
	want(s.T, "versions of what is kept", versions[1:], []backplane.Version{at, {}})
	next := nodes[0].write("guard", "two")
	want(s.T, "versions", nodes[1].commit(edit(nodes[0].recordNow("r"), "two"), keep(at)), nil)
	s.wantRecord(nodes, "r", versions[0], "one")
	s.wantRecord(nodes, "guard", next, "two")
}

// try makes each write from what is there, until no one has come between.
func (n *node) try(ids []string, next func(now []backplane.Record) []backplane.RecordWrite) {
	n.t.Helper()
	now := make([]backplane.Record, len(ids))
	for i, id := range ids {
		now[i] = n.recordNow(id)
	}
	for {
		versions, found, err := n.Records().Commit(context.Background(), next(now), 0)
		if err != nil {
			n.t.Error(err)
			return
		}
		if versions != nil {
			return
		}
		now = found
	}
}

// integer is the value of a record that is one, 0 where it is missing.
func integer(r backplane.Record) int {
	n, _ := strconv.Atoi(string(r.Value))
	return n
}
