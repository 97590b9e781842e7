package backplanetest

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// listRecords lists the records that have a value.
func (n *node) listRecords(cursor string, limit int) (ids []string, next string, err error) {
	page, next, err := n.Records().List(context.Background(), backplane.RecordQuery{Cursor: cursor, Limit: limit})
	for _, r := range page {
		if r.Value != nil || r.Epoch == "" || r.Number == 0 {
			n.t.Errorf("listed without values: %+v", r)
		}
		ids = append(ids, r.ID)
	}
	return ids, next, err
}

func listedRecords(s *suite) {
	a, b := s.node("a"), s.node("b")
	a.write("deleted", "1")
	b.write("deleted", "")
	s.wantListed(b.listRecords,
		func(name string) { a.write(name, "1") },
		func(name string) { b.write(name, "") })
}

func listsAsAsked(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	versions := make(map[string]backplane.Version)
	for i, id := range numbered("r", 40) {
		nodes[i%2].write(id, "first")
		versions[id] = nodes[i%2].write(id, "of "+id)
	}
	odd := func(id string) bool { return (id[len(id)-1]-'0')%2 == 1 }
	for name, c := range map[string]struct {
		match func(string) bool
		count int
	}{
		"all": {nil, 40}, "some": {odd, 20}, "one": {func(id string) bool { return id == "r1007" }, 1},
		"none": {func(string) bool { return false }, 0},
	} {
		for _, limit := range []int{1, 3, 20, 1000} {
			var listed []string
			s.readAll(func(cursor string, limit int) (ids []string, next string, err error) {
				page, next, err := nodes[0].Records().List(context.Background(), backplane.RecordQuery{
					Match: c.match, Values: true, Cursor: cursor, Limit: limit,
				})
				for _, r := range page {
					if r.Version != versions[r.ID] || string(r.Value) != "of "+r.ID || c.match != nil && !c.match(r.ID) {
						s.Errorf("%s: %+v is listed", name, r)
					}
					listed = append(listed, r.ID)
				}
				return ids, next, err
			}, limit)
			slices.Sort(listed)
			is(s.T, name+": records", len(slices.Compact(listed)), c.count)
		}
	}
}

// A page may be empty; what counts is that it goes on.
func listsFew(s *suite) {
	a := s.node("a")
	const many = 3000
	writes := make([]backplane.RecordWrite, 0, many/10)
	for i := range many {
		writes = append(writes, edit(backplane.Record{ID: "r" + strconv.Itoa(i)}, "1"))
		if len(writes) == cap(writes) {
			a.commit(writes...)
			writes = writes[:0]
		}
	}
	pages := 0
	found := s.readAll(func(cursor string, limit int) ([]string, string, error) {
		pages++
		page, next, err := a.Records().List(context.Background(), backplane.RecordQuery{
			Match: func(id string) bool { return strings.HasSuffix(id, "777") }, Cursor: cursor, Limit: limit,
		})
		var ids []string
		for _, r := range page {
			ids = append(ids, r.ID)
		}
		return ids, next, err
	}, 1)
	want(s.T, "found", found, []string{"r1777", "r2777", "r777"})
	if pages > many {
		s.Errorf("%d pages for %d records", pages, many)
	}
}

// The values of a page are bounded in bytes, and one is there in any case.
func listsByBytes(s *suite) {
	a := s.node("a")
	sizes := map[string]int{"a": 100, "b": 100, "c": 1000, "d": 1, "e": 250, "f": 100}
	for id, size := range sizes {
		a.write(id, strings.Repeat("x", size))
	}
	listed := s.readAll(func(cursor string, limit int) (ids []string, next string, err error) {
		page, next, err := a.Records().List(context.Background(), backplane.RecordQuery{Values: true, Cursor: cursor, Limit: limit, Bytes: 300})
		bytes := 0
		for _, r := range page {
			bytes += len(r.Value)
			ids = append(ids, r.ID)
			is(s.T, r.ID, len(r.Value), sizes[r.ID])
		}
		if bytes > 300 && len(page) > 1 {
			s.Errorf("a page has %d records of %d bytes", len(page), bytes)
		}
		return ids, next, err
	}, 10)
	slices.Sort(listed)
	want(s.T, "listed", listed, []string{"a", "b", "c", "d", "e", "f"})
}
