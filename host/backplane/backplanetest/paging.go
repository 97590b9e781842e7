package backplanetest

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// lister is a paged list of names.
type lister func(cursor string, limit int) (page []string, next string, err error)

// readAll returns everything that is listed, sorted.
func (s *suite) readAll(list lister, limit int) (all []string) {
	s.Helper()
	for cursor := ""; ; {
		page, next, err := list(cursor, limit)
		if err != nil || len(page) > limit {
			s.Errorf("a page of %d, with a limit of %d: %v", len(page), limit, err)
			return nil
		}
		if all = append(all, page...); next == "" {
			slices.Sort(all)
			return all
		}
		cursor = next
	}
}

// wantListed reads a list while others come and go, with pages of several
// sizes, and fails unless all that stay are in it exactly once, and nothing
// twice.
func (s *suite) wantListed(list lister, come, goes func(name string)) {
	s.Helper()
	stay := numbered("stay", 150)
	for _, name := range stay {
		come(name)
	}
	var done atomic.Bool
	var others sync.WaitGroup
	for i := range 2 {
		others.Go(func() {
			for round := 0; !done.Load(); round++ {
				name := strconv.Itoa(i) + "-" + strconv.Itoa(round)
				come(name)
				goes(name)
			}
		})
	}
	for _, limit := range []int{1, 2, 7, 75, 1000} {
		var stayed []string
		all := s.readAll(list, limit)
		for i, name := range all {
			if i > 0 && name == all[i-1] {
				s.Errorf("limit %d: %q came twice", limit, name)
			}
			if _, found := slices.BinarySearch(stay, name); found {
				stayed = append(stayed, name)
			}
		}
		want(s.T, "limit "+strconv.Itoa(limit), stayed, stay)
	}
	done.Store(true)
	others.Wait()
	want(s.T, "at rest", s.readAll(list, 10), stay)
	for i, name := range stay {
		if goes(name); i%50 == 0 {
			want(s.T, "after some have gone", s.readAll(list, 10), stay[i+1:])
		}
	}
	want(s.T, "at the end", s.readAll(list, 10), nil)
}

func listedConnections(s *suite) {
	a, b := s.node("a"), s.node("b")
	s.wantListed(b.listConnections,
		func(name string) { a.add(name, "") },
		func(name string) { a.remove(name) })
}

func listedUsers(s *suite) {
	a, b := s.node("a"), s.node("b")
	s.wantListed(b.listUsers,
		func(name string) { a.add(name, name); b.add(name+"'s other", name) },
		func(name string) { b.remove(name); a.remove(name + "'s other") })
}

func (n *node) listRooms(cursor string, limit int) ([]string, string, error) {
	return n.Rooms().List(context.Background(), cursor, limit)
}

func listedRooms(s *suite) {
	a, b := s.node("a"), s.node("b")
	a.add("1", "")
	b.describe("described", "", "{}") // no members: not in the list
	s.wantListed(b.listRooms,
		func(name string) { a.join(name, "1", false) },
		func(name string) { b.leave(name, "1") })
}

func (n *node) listDescriptions(cursor string, limit int) (rooms []string, next string, err error) {
	page, next, err := n.RoomMetadata().List(context.Background(), cursor, limit)
	for _, v := range page {
		if string(v.Metadata) != "of "+v.Room {
			n.t.Errorf("the metadata of %q is %q", v.Room, v.Metadata)
		}
		rooms = append(rooms, v.Room)
	}
	return rooms, next, err
}

func listedDescriptions(s *suite) {
	a, b := s.node("a"), s.node("b")
	a.add("1", "")
	a.join("joined", "1", false) // no metadata: not in the list
	s.wantListed(b.listDescriptions,
		func(name string) { a.describe(name, "", "of "+name) },
		func(name string) { b.describe(name, "of "+name, "") })
}

func badCursors(s *suite) {
	a := s.node("a")
	a.add("1", "u")
	a.join("room", "1", false)
	a.describe("room", "", "of room")
	a.write("r", "1")
	for name, list := range map[string]lister{
		"connections": a.listConnections, "users": a.listUsers, "rooms": a.listRooms, "descriptions": a.listDescriptions,
		"records": a.listRecords,
	} {
		for _, cursor := range []string{"?", "no cursor", "\x00\xff", "-1", " "} {
			if page, next, err := list(cursor, 5); !errors.Is(err, backplane.ErrCursor) {
				s.Errorf("%s beyond %q: %q, %q, %v", name, cursor, page, next, err)
			}
		}
	}
}
