package engine_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/hub"
)

// pages reads a list to its end, and returns what it read and in how many
// pages.
func pages[T any](t *testing.T, limit int64, read func(engine.Paging) ([]T, string, error)) (all []T, count int) {
	t.Helper()
	for p := (engine.Paging{Limit: limit}); ; count++ {
		page, next, err := read(p)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page...)
		if next == "" {
			return all, count + 1
		}
		p.Cursor = next
	}
}

func TestDirectory(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{})
	var ids []string
	for i := range 25 {
		c := e.connect(t, hub.Info{User: fmt.Sprint("u", i%5), Metadata: json.RawMessage(fmt.Sprint(i))})
		ids = append(ids, c.ID())
		e.join(t, fmt.Sprint("r", i%2), c)
	}
	users, _ := pages(t, 2, func(p engine.Paging) ([]string, string, error) { return e.Users(ctx, p) })
	slices.Sort(users)
	if !slices.Equal(users, []string{"u0", "u1", "u2", "u3", "u4"}) {
		t.Errorf("users are %q", users)
	}
	of, err := e.ConnectionsOf(ctx, "u3")
	if err != nil || len(of) != 5 || !slices.Contains(of, ids[3]) {
		t.Errorf("connections of u3 are %q (%v)", of, err)
	}
	metadata, _ := pages(t, 3, func(p engine.Paging) ([]engine.MetadataEntry, string, error) { return e.ListMetadata(ctx, "", p) })
	if len(metadata) != len(ids) {
		t.Errorf("%d entries of metadata", len(metadata))
	}
	of, count := pages(t, 5, func(p engine.Paging) (list []string, next string, err error) {
		entries, next, err := e.ListMetadata(ctx, "r0", p)
		for _, m := range entries {
			list = append(list, m.Connection)
		}
		return list, next, err
	})
	members, _ := e.Members(ctx, "r0")
	if !slices.Equal(of, members) || count != 3 {
		t.Errorf("metadata of %d members in %d pages", len(of), count)
	}
	rooms, _ := pages(t, 1, func(p engine.Paging) ([]string, string, error) { return e.Rooms(ctx, "", p) })
	if slices.Sort(rooms); !slices.Equal(rooms, []string{"r0", "r1"}) {
		t.Errorf("rooms are %q", rooms)
	}
	if left, err := e.LeaveAll(ctx, ids[0]); err != nil || !slices.Equal(left, []string{"r0"}) {
		t.Errorf("left %q (%v)", left, err)
	}
	if shared, err := e.ShareRoom(ctx, ids[1], ids[3]); !shared || err != nil {
		t.Errorf("two of one room: %v, %v", shared, err)
	}
	if shared, err := e.ShareRoom(ctx, ids[1], ids[2]); shared || err != nil {
		t.Errorf("two of different rooms: %v, %v", shared, err)
	}
	_, _, err = e.Users(ctx, engine.Paging{Cursor: "made up"})
	wantError(t, err, abi.CodePayload)
}

func TestPagesOfLargeEntriesEndEarly(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{ReplySize: 64 << 10})
	large := []byte(`"` + strings.Repeat("x", 10_000) + `"`)
	for i := range 100 {
		if _, err := e.SetRoomMetadata(ctx, fmt.Sprint("r", i), large, ""); err != nil {
			t.Fatal(err)
		}
	}
	rooms, count := pages(t, 1000, func(p engine.Paging) (list []string, next string, err error) {
		page, next, err := e.ListRoomMetadata(ctx, p)
		for _, r := range page {
			list = append(list, r.Room)
		}
		return list, next, err
	})
	slices.Sort(rooms)
	if len(slices.Compact(rooms)) != 100 || count < 5 {
		t.Errorf("%d rooms in %d pages", len(rooms), count)
	}
}

func TestRoomMetadata(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{RoomMetadata: 1000})
	for _, c := range []struct{ metadata, strategy, want string }{
		{`{"a":1}`, "", `{"a":1}`},
		{`{"b":{"c":2}}`, engine.Merge, `{"a":1,"b":{"c":2}}`},
		{`{"b":{"d":3}}`, engine.DeepMerge, `{"a":1,"b":{"c":2,"d":3}}`},
		{`null`, "", ``},
	} {
		after, err := e.SetRoomMetadata(ctx, "r", []byte(c.metadata), c.strategy)
		got, _ := e.RoomMetadata(ctx, "r")
		if err != nil || string(after) != c.want || string(got) != c.want {
			t.Errorf("%s makes %s and %s (%v), want %s", c.metadata, after, got, err, c.want)
		}
	}
	_, err := e.SetRoomMetadata(ctx, "r", []byte(`"`+strings.Repeat("x", 1000)+`"`), "")
	wantError(t, err, abi.CodeLimit)
	if n := e.store.Stats().Rooms; n != 0 {
		t.Errorf("%d rooms are left", n)
	}
}
