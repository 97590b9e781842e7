//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

const trackedConfig = "[[presence]]\npattern = \"/^tracked:.+$/\"\n"

func TestJoinAndLeaveRoom(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: trackedConfig})
	for _, dialect := range dialects {
		for _, room := range []string{"plain" + dialect, "tracked:" + dialect} {
			a, b := h.dial(t, dialing{}), h.dial(t, dialing{})
			payload := object("roomName", room)
			a.says(t, dialect+"join-room", payload, `{"success":true,"present":`+present(dialect, a)+`}`)
			b.says(t, dialect+"join-room", payload, `{"success":true,"present":`+present(dialect, a, b)+`}`)
			b.says(t, dialect+"join-room", payload, `{"success":true,"present":`+present(dialect, a, b)+`}`)
			h.opSays(t, "rooms.members", payload, `{"members":`+list(a.id, b.id)+`}`)
			for range 2 {
				a.says(t, dialect+"leave-room", payload, `{"success":true}`)
			}
			h.opSays(t, "rooms.members", payload, `{"members":`+list(b.id)+`}`)
			if err := b.conn.CloseNow(); err != nil {
				t.Error(err)
			}
			eventually(t, patience, "the room is empty", func() bool { return h.op(t, "rooms.members", payload) == `{"members":[]}` })
		}
	}
	h.opSays(t, "rooms.list", "{}", `{"rooms":[]}`)
}

// In rt/ the members come with their metadata.
func TestPresentWithMetadata(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: trackedConfig})
	a, b := h.dial(t, dialing{}), h.dial(t, dialing{})
	h.describe(t, a, `{"nick":"ann"}`)
	entries := []string{fmt.Sprintf(`{"id":%q,"metadata":{"nick":"ann"}}`, a.id), fmt.Sprintf(`{"id":%q,"metadata":null}`, b.id)}
	slices.Sort(entries)
	all := "[" + strings.Join(entries, ",") + "]"
	for _, room := range []string{"plain", "tracked:x"} {
		payload := object("roomName", room)
		a.call(t, "rt/join-room", payload)
		b.says(t, "rt/join-room", payload, `{"success":true,"present":`+all+`}`)
	}
	b.says(t, "rt/subscribe-presence", `{"roomName":"tracked:x"}`, `{"success":true,"present":`+all+`,"states":{}}`)
	// States are by id in every dialect.
	b.says(t, "rt/get-presence-state", `{"roomName":"tracked:x"}`, `{"success":true,"present":`+list(a.id, b.id)+`,"states":{}}`)
	// Who is no member does not see the metadata of members.
	stranger := h.dial(t, dialing{})
	stranger.says(t, "rt/subscribe-presence", `{"roomName":"tracked:x"}`, `{"success":true,"present":`+present("rt/", a, b)+`,"states":{}}`)
}

func TestRoomOperations(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: trackedConfig})
	a, b := h.dial(t, v1), h.dial(t, v1)
	in := func(c *client, room string) string { return object("roomName", room, "connectionId", c.id) }
	h.opSays(t, "rooms.add", in(a, "r1"), `{"joined":true}`)
	h.opSays(t, "rooms.add", in(a, "r1"), `{"joined":false}`)
	h.opSays(t, "rooms.add", in(a, "tracked:r"), `{"joined":true}`)
	h.opSays(t, "rooms.add", in(b, "r1"), `{"joined":true}`)
	h.opSays(t, "rooms.has", in(a, "r1"), `{"member":true}`)
	h.opSays(t, "rooms.has", in(b, "tracked:r"), `{"member":false}`)
	h.opSays(t, "rooms.has", object("roomName", "r1", "connectionId", "nobody"), `{"member":false}`)
	if got := h.paged(t, "rooms.list", "rooms", `"limit":9`); !slices.Equal(got, []string{"r1", "tracked:r"}) { // in no order
		t.Errorf("the rooms are %q", got)
	}
	h.opSays(t, "rooms.list", object("connectionId", b.id), `{"rooms":["r1"]}`)
	h.opSays(t, "presence.list", `{"roomName":"tracked:r"}`, `{"present":`+list(a.id)+`,"states":{}}`)
	h.opSays(t, "rooms.remove", in(b, "r1"), `{"left":true}`)
	h.opSays(t, "rooms.remove", in(b, "r1"), `{"left":false}`)
	h.opSays(t, "rooms.removeFromAll", object("connectionId", a.id), `{"rooms":["r1","tracked:r"]}`)
	h.opSays(t, "rooms.removeFromAll", object("connectionId", a.id), `{"rooms":[]}`)
	h.opSays(t, "rooms.list", "{}", `{"rooms":[]}`)
	h.opSays(t, "presence.list", `{"roomName":"tracked:r"}`, `{"present":[],"states":{}}`)
	if status, f := h.opFails(t, "rooms.add", object("roomName", "r1", "connectionId", "nobody")); status != 404 || f.Code != "ENOTFOUND" {
		t.Errorf("adding nobody gives %d %v", status, &f)
	}
	nowhere := object("roomName", "", "connectionId", a.id)
	for operation, request := range map[string]string{
		"rooms.add": nowhere, "rooms.remove": nowhere, "rooms.has": nowhere, "presence.clear": nowhere, "presence.unsubscribe": nowhere,
		"rooms.members": `{"roomName":""}`, "rooms.clear": `{"roomName":""}`, "rooms.metadata.get": `{"roomName":""}`, "presence.list": `{"roomName":""}`,
	} {
		if status, f := h.opFails(t, operation, request); status != 400 || f.Code != "EPAYLOAD" || !strings.Contains(f.Message, "roomName") {
			t.Errorf("%s without a name gives %d %v", operation, status, &f)
		}
	}
}

// Clearing a room takes its members and metadata; emptying it leaves the
// metadata.
func TestClearRoom(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: trackedConfig})
	const room = "tracked:clear"
	payload := object("roomName", room)
	watcher := h.dial(t, v1)
	watcher.call(t, "mesh/subscribe-presence", payload)
	members := h.dialMany(t, 3, v1)
	var joins []string
	for _, c := range members {
		c.call(t, "mesh/join-room", payload)
		joins = append(joins, joined(c, room))
	}
	h.op(t, "rooms.metadata.set", `{"roomName":"`+room+`","metadata":{"topic":"tea"}}`)
	members[0].call(t, "mesh/publish-presence-state", `{"roomName":"`+room+`","state":1}`)
	h.opSays(t, "rooms.clear", payload, `{"removed":3}`)
	h.opSays(t, "rooms.clear", payload, `{"removed":0}`)
	h.opSays(t, "rooms.members", payload, `{"members":[]}`)
	h.opSays(t, "presence.list", payload, `{"present":[],"states":{}}`)
	h.opSays(t, "rooms.metadata.get", payload, `{"metadata":null}`)
	h.opSays(t, "rooms.metadata.list", "{}", `{}`)
	got := untimed(t, watcher.receives(t, "mesh/presence-update", 7))
	var leaves []string
	for _, c := range members {
		leaves = append(leaves, left(c, room))
	}
	slices.Sort(leaves)
	if len(got) != 7 || !slices.Equal(got[:4], append(joins, state(members[0], room, "1"))) || !slices.Equal(slices.Sorted(slices.Values(got[4:])), leaves) {
		t.Errorf("the watcher has %q", got)
	}
	// The members are still connected, and may come back.
	members[0].says(t, "mesh/join-room", payload, `{"success":true,"present":`+list(members[0].id)+`}`)
	h.op(t, "rooms.metadata.set", `{"roomName":"`+room+`","metadata":7}`)
	members[0].call(t, "mesh/leave-room", payload)
	h.opSays(t, "rooms.metadata.get", payload, `{"metadata":7}`)
}

func TestRoomMetadata(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: "[limits]\nmetadata_size = \"1KiB\"\nroom_metadata = \"2KiB\"\n"})
	c := h.dial(t, v1)
	payload := `{"roomName":"m"}`
	set := func(metadata, more string) string {
		return h.op(t, "rooms.metadata.set", `{"roomName":"m","metadata":`+metadata+more+`}`)
	}
	c.denied(t, "mesh/get-room-metadata", payload, "EDENIED", "members")
	c.call(t, "mesh/join-room", payload)
	c.says(t, "mesh/get-room-metadata", payload, `{"metadata":null}`)
	for _, step := range []struct{ metadata, more, want string }{
		{`{"a":{"x":1},"b":[1]}`, ``, `{"a":{"x":1},"b":[1]}`},
		{`{"a":{"y":2}}`, `,"strategy":"deepMerge"`, `{"a":{"x":1,"y":2},"b":[1]}`},
		{`{"b":[2]}`, `,"strategy":"deepMerge"`, `{"a":{"x":1,"y":2},"b":[2]}`},
		{`{"a":{"z":3}}`, `,"strategy":"merge"`, `{"a":{"z":3},"b":[2]}`},
		{`"text"`, `,"strategy":"replace"`, `"text"`},
		{`{"c":1}`, `,"strategy":"merge"`, `{"c":1}`},
		{`[1,2]`, ``, `[1,2]`},
		{`0`, ``, `0`},
		{`false`, ``, `false`},
	} {
		if got := set(step.metadata, step.more); got != `{"metadata":`+step.want+`}` {
			t.Errorf("set %s%s gives %s", step.metadata, step.more, got)
		}
		c.says(t, "mesh/get-room-metadata", payload, `{"metadata":`+step.want+`}`)
	}
	for _, bad := range []struct{ request, code, part string }{
		{`{"roomName":"m","metadata":[1],"strategy":"merge"}`, "EPAYLOAD", "metadata"},
		{`{"roomName":"m","metadata":"x","strategy":"deepMerge"}`, "EPAYLOAD", "metadata"},
		{`{"roomName":"m","metadata":{},"strategy":"union"}`, "EPAYLOAD", "strategy"},
		{`{"roomName":"m"}`, "EPAYLOAD", "metadata"},
		{`{"roomName":"m","metadata":"` + strings.Repeat("x", 1100) + `"}`, "ETOOLARGE", "limits.metadata_size"},
	} {
		if status, f := h.opFails(t, "rooms.metadata.set", bad.request); f.Code != bad.code || !strings.Contains(f.Message, bad.part) {
			t.Errorf("%.80s gives %d %v", bad.request, status, &f)
		}
	}
	c.says(t, "mesh/get-room-metadata", payload, `{"metadata":false}`)
	// All rooms together have a bound, which a room that goes gives back.
	large := `"metadata":"` + strings.Repeat("x", 900) + `"}`
	h.op(t, "rooms.metadata.set", `{"roomName":"n",`+large)
	h.op(t, "rooms.metadata.set", `{"roomName":"o",`+large)
	if status, f := h.opFails(t, "rooms.metadata.set", `{"roomName":"p",`+large); status != 429 || f.Code != "ELIMIT" || !strings.Contains(f.Message, "limits.room_metadata") {
		t.Errorf("too much gives %d %v", status, &f)
	}
	h.opSays(t, "rooms.metadata.set", `{"roomName":"n","metadata":null}`, `{"metadata":null}`)
	h.op(t, "rooms.metadata.set", `{"roomName":"p",`+large)
	for _, room := range []string{"m", "o", "p"} {
		h.op(t, "rooms.clear", object("roomName", room))
	}
	h.opSays(t, "rooms.metadata.list", "{}", "{}")
}

// Lists come in pages that together are everything, each entry once.
func TestPages(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{auth}, config: tokens})
	c := h.dial(t, dialing{query: "token=right"})
	var rooms []string
	for i := range 25 {
		room := fmt.Sprintf("room %02d", i)
		rooms = append(rooms, room)
		c.call(t, "mesh/join-room", object("roomName", room))
		h.op(t, "rooms.metadata.set", `{"roomName":"`+room+`","metadata":`+fmt.Sprint(i)+`}`)
	}
	others := append(h.dialMany(t, 24, dialing{}), c)
	for _, o := range others {
		o.call(t, "mesh/join-room", `{"roomName":"room 00"}`)
	}
	for _, p := range []struct {
		operation, field, more string
		want                   []string
	}{
		{"rooms.list", "rooms", "", rooms},
		{"rooms.metadata.list", "", "", rooms},
		{"connections.list", "connections", "", slices.Sorted(slices.Values(ids(others...)))},
		{"connections.metadata.list", "", "", slices.Sorted(slices.Values(ids(others...)))},
		{"connections.metadata.list", "", `,"roomName":"room 00"`, slices.Sorted(slices.Values(ids(others...)))},
		{"users.list", "users", "", []string{"ann"}},
	} {
		for _, limit := range []int{1, 7, 25, 1000} {
			if got := h.paged(t, p.operation, p.field, fmt.Sprintf(`"limit":%d%s`, limit, p.more)); !slices.Equal(got, p.want) {
				t.Errorf("%s%s by %d: %q, not %q", p.operation, p.more, limit, got, p.want)
			}
		}
	}
	for _, limit := range []string{"-1", "0", "100000"} {
		if got := h.paged(t, "rooms.list", "rooms", `"limit":`+limit); !slices.Equal(got, rooms) {
			t.Errorf("by %s: %q", limit, got)
		}
	}
	for _, cursor := range []string{"no such cursor", "x", "ff", "-1"} {
		if status, f := h.opFails(t, "rooms.list", object("cursor", cursor)); status != 400 || f.Code != "EPAYLOAD" || !strings.Contains(f.Message, "cursor") {
			t.Errorf("the cursor %q gives %d %v", cursor, status, &f)
		}
	}
}

// paged reads all pages of a list and returns the names in it, sorted.
func (h *host) paged(t *testing.T, operation, field, query string) (names []string) {
	t.Helper()
	for cursor, pages := "", 0; ; pages++ {
		if pages > 100 {
			t.Fatalf("%s does not end", operation)
		}
		a := h.post(t, "/api/"+operation, `{`+query+`,"cursor":`+encoded(cursor)+`}`)
		var page struct {
			Result json.RawMessage
			Cursor string
		}
		if err := json.Unmarshal([]byte(a.body), &page); err != nil || a.status != 200 {
			t.Fatalf("%s: %d %s", operation, a.status, a.body)
		}
		var next struct{ Cursor string }
		if field != "" {
			var result map[string]json.RawMessage
			if err := json.Unmarshal(page.Result, &result); err != nil {
				t.Fatal(err)
			}
			_ = json.Unmarshal(page.Result, &next)
			page.Result, page.Cursor = result[field], next.Cursor
		}
		names = append(names, namesIn(t, page.Result)...)
		if cursor = page.Cursor; cursor == "" {
			slices.Sort(names)
			return names
		}
	}
}

// namesIn returns the texts of a list, the keys of an object or of a list's
// objects, or their connectionId.
func namesIn(t *testing.T, list json.RawMessage) (names []string) {
	t.Helper()
	var texts []string
	var object map[string]json.RawMessage
	var objects []map[string]json.RawMessage
	switch {
	case json.Unmarshal(list, &texts) == nil:
		return texts
	case json.Unmarshal(list, &object) == nil:
		objects = append(objects, object)
	case json.Unmarshal(list, &objects) != nil:
		t.Fatalf("no list: %s", list)
	}
	for _, o := range objects {
		if id := ""; json.Unmarshal(o["connectionId"], &id) == nil {
			names = append(names, id)
			continue
		}
		for name := range o {
			names = append(names, name)
		}
	}
	return names
}
