package backplanetest

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/host/backplane"
)

func runRoomMetadata(t *testing.T, b Backend) {
	t.Helper()
	b.run(t, tests{
		"metadata is swapped":               swapsDescription,
		"metadata is any bytes, and copied": copiedDescription,
		"metadata outlives the members":     outlivesMembers,
		"metadata of all rooms is limited":  limitedDescriptions,
		"rooms with metadata are listed":    listedDescriptions,
		"hammer: no update is lost":         hammerDescription,
		"hammer: the limit holds":           hammerDescriptions,
	})
}

func swapsDescription(s *suite) {
	a, b := s.node("a"), s.node("b")
	for i, step := range swapSteps {
		n := []*node{a, b}[i%2]
		swapped, current, err := n.RoomMetadata().Swap(context.Background(), "r", optional(step.expected), optional(step.value), 0)
		step.check(s.T, swapped, current, err)
		is(s.T, "metadata", a.description("r"), step.left)
		is(s.T, "metadata of another", b.description("other"), "")
	}
}

func copiedDescription(s *suite) {
	a, b := s.node("a"), s.node("b")
	ctx := context.Background()
	for _, room := range anyNames {
		value := []byte("\x00\xff" + room)
		if _, _, err := a.RoomMetadata().Swap(ctx, room, nil, value, 0); err != nil {
			s.Fatal(err)
		}
		clear(value)
	}
	for _, room := range anyNames {
		is(s.T, "metadata", b.description(room), "\x00\xff"+room)
	}
	if _, _, err := a.RoomMetadata().Swap(ctx, "empty", nil, []byte{}, 0); err != nil {
		s.Fatal(err)
	}
	if got, err := b.RoomMetadata().Get(ctx, "empty"); got == nil || len(got) > 0 || err != nil {
		s.Errorf("empty metadata is %q, nil: %v (%v)", got, got == nil, err)
	}
}

func outlivesMembers(s *suite) {
	a, b := s.node("a"), s.node("b")
	a.add("1", "")
	a.join("r", "1", true)
	b.describe("r", "", "{}")
	b.leave("r", "1")
	is(s.T, "metadata", a.description("r"), "{}")
	want(s.T, "rooms", s.readAll(a.listRooms, 10), nil)
	a.join("r", "1", true)
	a.remove("1")
	is(s.T, "metadata", a.description("r"), "{}")
	want(s.T, "members", a.membersIn("r"), nil)
	b.describe("r", "{}", "")
	is(s.T, "metadata", a.description("r"), "")
}

func limitedDescriptions(s *suite) {
	a, b := s.node("a"), s.node("b")
	limit := cost("r1", "12") + cost("r2", "9")
	swap := func(n *node, room, expected, value string) error {
		_, _, err := n.RoomMetadata().Swap(context.Background(), room, optional(expected), optional(value), limit)
		return err
	}
	for _, step := range []struct {
		n                     *node
		room, expected, value string
		full                  bool
	}{
		{a, "r1", "", "12", false},
		{b, "r2", "", "9", false},
		{a, "r3", "", "1", true},
		{a, "r1", "12", "123", true},
		{b, "r1", "other", "123", false}, // not swapped, but not for the limit
		{b, "r1", "12", "34", false},
		{b, "r2", "9", "", false},
		{a, "r3", "", "5", false},
		{b, "r3", "5", "55", true},
		{a, "r1", "34", "3", false},
		{b, "r3", "5", "55", false},
	} {
		if err := swap(step.n, step.room, step.expected, step.value); errors.Is(err, backplane.ErrFull) != step.full || !step.full && err != nil {
			s.Errorf("%+v: %v", step, err)
		}
	}
	is(s.T, "r1", a.description("r1"), "3")
	is(s.T, "r2", a.description("r2"), "")
	is(s.T, "r3", a.description("r3"), "55")
	a.clear("r1")
	is(s.T, "in the place of what was cleared", swap(b, "r4", "", "1"), nil)
	big := strings.Repeat("x", 1000)
	a.describe("big", "", big)
	is(s.T, "over the limit, less", swap(b, "big", big, big[:999]), nil)
	is(s.T, "over the limit, more", errors.Is(swap(b, "big", big[:999], big), backplane.ErrFull), true)
}

func hammerDescription(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	nodes[0].describe("r", "", "0")
	hammer(func(worker int) {
		n := nodes[worker%2]
		for done := 0; done < s.rounds/10; {
			old := n.description("r")
			i, _ := strconv.Atoi(old)
			if n.describe("r", old, strconv.Itoa(i+1)) {
				done++
			}
		}
	})
	is(s.T, "metadata", nodes[0].description("r"), strconv.Itoa(workers*(s.rounds/10)))
}

func hammerDescriptions(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	limit := 5 * cost("0", "1")
	swap := func(n *node, room, expected, value string) {
		_, _, err := n.RoomMetadata().Swap(context.Background(), room, optional(expected), optional(value), limit)
		if err != nil && !errors.Is(err, backplane.ErrFull) {
			s.Error(err)
		}
	}
	count := func() (n int) {
		for i := range 10 {
			n += len(nodes[0].description(strconv.Itoa(i)))
		}
		return n
	}
	hammer(func(worker int) {
		n := nodes[worker%2]
		for range s.rounds {
			room := strconv.Itoa(rand.IntN(10))
			switch rand.IntN(5) {
			case 0:
				n.clear(room)
			case 1:
				swap(n, room, "1", "")
			default:
				swap(n, room, "", "1")
			}
		}
	})
	for i := range 10 {
		swap(nodes[1], strconv.Itoa(i), "", "1")
	}
	is(s.T, "rooms with metadata", count(), 5)
}
