package plugintest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/command"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// asked is a question to a guard, and its answer: "" allows.
type asked struct {
	guard, name string
	session     *hub.Session
	access      abi.Access
	value, want string
}

func (k *kit) ask(q asked) string {
	table := k.router.Acquire()
	defer table.Release()
	guard := table.Guards[conformance+"."+q.guard]
	if guard == nil {
		return "there is no such guard"
	}
	var value []byte
	if q.value != "" {
		value = []byte(q.value)
	}
	call := command.NewCall(q.session, "x", nil, nil)
	defer call.Release()
	err := guard.Ask(context.Background(), call, q.name, q.access, value)
	if err == nil {
		return ""
	}
	if e := protocol.AsError(err); e != nil {
		return e.Code + ": " + e.Message
	}
	return err.Error()
}

func (k *kit) guards(t *testing.T) {
	nobody, root, fake := k.connect(t, "", ""), k.connect(t, "root", `{"x":"admin","admin" : true}`), k.connect(t, "bob", `{"admin":1}`)
	k.server.program(func(operation string, arguments []byte) ([]byte, error) {
		var q abi.RoomsHasRequest
		if err := q.Decode(arguments); operation != abi.OpRoomsHas || err != nil {
			return nil, protocol.NewError("ETEST", "asked "+operation)
		}
		if q.RoomName == "broken" {
			return nil, protocol.NewError(abi.CodeUnavailable, "no answer")
		}
		return (&abi.RoomsHasResponse{Member: q == abi.RoomsHasRequest{RoomName: "guarded:x", ConnectionID: k.session.ID()}}).Append(nil), nil
	})
	defer k.server.program(nil)
	read := abi.Access{Topic: abi.TopicConnection, Action: abi.ActionMetadata}
	write := abi.Access{Topic: abi.TopicRecord, Action: abi.ActionWrite, Strategy: "replace"}
	merge := abi.Access{Topic: abi.TopicRecord, Action: abi.ActionWrite, Strategy: "deepMerge"}
	shallow := abi.Access{Topic: abi.TopicRecord, Action: abi.ActionWrite, Strategy: "merge"}
	remove := abi.Access{Topic: abi.TopicRecord, Action: abi.ActionDelete}
	for _, q := range []asked{
		{"members", "guarded:x", k.session, read, "", ""},
		{"members", "guarded:x", nobody, read, "", "EDENIED: This is for members of the room guarded:x."},
		{"members", "broken", k.session, read, "", "EUNAVAILABLE: no answer"},
		{"users", "closed:x", k.session, read, "", ""},
		{"users", "closed:x", nobody, read, "", "EDENIED: This is for known users."},
		{"admins", "c2", root, read, "", ""},
		{"admins", "c2", fake, read, "", "EDENIED: Only for administrators: connection metadata."},
		{"admins", "c2", nobody, read, "", "EDENIED: Only for administrators: connection metadata."},
		{"rubbish", "bad:rubbish", k.session, read, "", `EPLUGIN: Plugin "conformance" failed`},
		{"owners", "own:ann", k.session, write, `1`, ""},
		{"owners", "own:ann", fake, write, `1`, "EDENIED: This is not yours."},
		{"owners", "own:", nobody, write, `1`, "EDENIED: This is not yours."},
		{"values", "checked:a", nobody, write, `{"ok":true}`, ""},
		{"values", "checked:a", nobody, write, `{"ok":"true"}`, `EDENIED: Not this: record write {"ok":"true"}.`},
		{"values", "checked:a", nobody, write, `[1]`, "EDENIED: Not this: record write [1]."},
		{"values", "checked:a", nobody, remove, ``, "EDENIED: Not this: record delete ."},
		{"merges", "merged:a", nobody, merge, `{"a":1}`, ""},
		{"merges", "merged:a", nobody, shallow, `{"a":1}`, ""},
		{"merges", "merged:a", nobody, merge, `1`, "EDENIED: Not so: write deepMerge 1."},
		{"merges", "merged:a", nobody, write, `{"a":1}`, `EDENIED: Not so: write replace {"a":1}.`},
		{"merges", "merged:a", nobody, remove, ``, "EDENIED: Not so: delete  ."},
	} {
		got := k.ask(q)
		if strings.HasPrefix(q.want, abi.CodePlugin) {
			got, _, _ = strings.Cut(got, ":")
			q.want = abi.CodePlugin
		}
		if got != q.want {
			t.Errorf("%s of %s: got %q, want %q", q.guard, q.name, got, q.want)
		}
	}
}

// kept is what the hooks and resolvers keep: "set <key> <ttl> <value>" and
// "increment <key> <by> <ttl>" in their order.
func (k *kit) kept(t *testing.T, answered map[string]string) (take func() []string) {
	t.Helper()
	var list []string
	k.server.program(func(operation string, arguments []byte) ([]byte, error) {
		switch operation {
		case abi.OpKVGet:
			var q abi.KVGetRequest
			err := q.Decode(arguments)
			a := abi.KVGetResponse{}
			if value, ok := answered[q.Key]; ok {
				a.Value = json.RawMessage(value)
			}
			return a.Append(nil), err
		case abi.OpKVSet:
			var q abi.KVSetRequest
			err := q.Decode(arguments)
			list = append(list, fmt.Sprintf("set %s %d %s", q.Key, q.TTL, q.Value))
			return nil, err
		case abi.OpKVIncrement:
			var q abi.KVIncrementRequest
			err := q.Decode(arguments)
			list = append(list, fmt.Sprintf("increment %s %d %d", q.Key, q.By, q.TTL))
			return (&abi.KVIncrementResponse{Value: 1}).Append(nil), err
		case abi.OpRecordsGet:
			var q abi.RecordsGetRequest
			err := q.Decode(arguments)
			value, ok := answered[q.RecordID]
			if !ok {
				return nil, protocol.NewError(abi.CodePayload, q.RecordID)
			}
			return (&abi.RecordsGetResponse{Value: json.RawMessage(value), Version: 1, Epoch: "e1"}).Append(nil), err
		case abi.OpRecordsList:
			var q abi.RecordsListRequest
			if err := q.Decode(arguments); err != nil || q != (abi.RecordsListRequest{Pattern: "/^record:.+$/", Limit: 1000}) {
				return nil, protocol.NewError(abi.CodePayload, fmt.Sprintf("%+v", q))
			}
			return (&abi.RecordsListResponse{Records: json.RawMessage(answered["records"])}).Append(nil), nil
		}
		return nil, protocol.NewError("ETEST", "asked "+operation)
	})
	return func() []string {
		taken := list
		list = nil
		return taken
	}
}

// alike compares lists of what was kept, values as JSON.
func alike(got, want []string) bool {
	return slices.EqualFunc(got, want, func(a, b string) bool {
		x, y := strings.SplitN(a, " ", 4), strings.SplitN(b, " ", 4)
		return a == b || len(x) == 4 && len(y) == 4 && slices.Equal(x[:3], y[:3]) && same(x[3], y[3])
	})
}

func (k *kit) hooks(t *testing.T) {
	table := k.router.Acquire()
	defer table.Release()
	defer k.server.program(nil)
	if len(table.Observers) != 1 || len(table.RoomObservers) != 1 || len(table.RecordObservers) != 1 {
		t.Fatal("it does not observe sessions, rooms and records")
	}
	ctx, s, nobody := context.Background(), table.Observers[0], k.connect(t, "", "")
	ann, id := `"connectionId":"`+k.session.ID()+`","user":"ann","metadata":{"user":"ann"}`, nobody.ID()
	anyone := `"connectionId":"` + id + `","user":"","metadata":null`
	rooms, records := table.RoomObservers[0], table.RecordObservers[0]
	change := engine.RecordEvent{Connection: id}
	change.ID, change.Number, change.Epoch, change.Value = "hooked:a", 3, "e1", []byte(`null`)
	removed := engine.RecordEvent{User: "ann", Metadata: []byte(`[1]`), Connection: "c9"}
	removed.ID, removed.Number, removed.Epoch, removed.Previous, removed.Expired = "hooked:b", 1<<53+1, "e1", []byte(`{"x":"ü"}`), true
	deleted := engine.RecordEvent{}
	deleted.ID, deleted.Number, deleted.Epoch, deleted.Previous = "hooked:a", 4, "e1", []byte(`1`)
	long := strings.Repeat("x", 201)
	for _, test := range []struct {
		what string
		run  func()
		want []string
	}{
		{"connect", func() { s.Connected(ctx, k.session) }, []string{`set last:connect 3600000 {` + ann + `}`, `increment hook:connect 1 3600000`}},
		{"connect of nobody", func() { s.Connected(ctx, nobody) }, []string{`set last:connect 3600000 {` + anyone + `}`, `increment hook:connect 1 3600000`}},
		{"join", func() { rooms.RoomChanged(ctx, engine.RoomEvent{Joined: true, Room: "lobby", Connection: id}) },
			[]string{`set last:join:lobby 3600000 {` + anyone + `,"roomName":"lobby"}`, `increment hook:join:lobby 1 3600000`}},
		{"join of a long room", func() { rooms.RoomChanged(ctx, engine.RoomEvent{Joined: true, Room: long, Connection: id}) }, nil},
		{"leave", func() {
			rooms.RoomChanged(ctx, engine.RoomEvent{Room: "lobby", Reason: abi.LeftByDisconnect, Connection: id, Metadata: []byte(`{"a":1}`)})
		}, []string{`set last:leave:lobby 3600000 {"connectionId":"` + id + `","user":"","metadata":{"a":1},"roomName":"lobby","reason":"disconnect"}`, `increment hook:leave:lobby 1 3600000`}},
		{"disconnect", func() { s.Disconnected(ctx, k.session, hub.Cause{Code: 4003, Reason: `"bye"`}) },
			[]string{`set last:disconnect 3600000 {` + ann + `,"code":4003,"reason":"\"bye\""}`, `increment hook:disconnect 1 3600000`}},
		{"recordUpdate", func() { records.RecordChanged(ctx, change) }, []string{`set versions:hooked:a 3600000 [1,2,3]`,
			`set last:recordUpdate:hooked:a 3600000 {` + anyone + `,"recordId":"hooked:a","value":null,"version":3,"epoch":"e1","reason":""}`, `increment hook:recordUpdate:hooked:a 1 3600000`}},
		{"recordRemoved", func() { records.RecordChanged(ctx, removed) }, []string{`set versions:hooked:b 3600000 [9007199254740993]`,
			`set last:recordRemoved:hooked:b 3600000 {"connectionId":"c9","user":"ann","metadata":[1],"recordId":"hooked:b","value":{"x":"ü"},"version":9007199254740993,"epoch":"e1","reason":"expired"}`, `increment hook:recordRemoved:hooked:b 1 3600000`}},
		{"recordRemoved by deletion", func() { records.RecordChanged(ctx, deleted) }, []string{`set versions:hooked:a 3600000 [1,2,4]`,
			`set last:recordRemoved:hooked:a 3600000 {"connectionId":"","user":"","metadata":null,"recordId":"hooked:a","value":1,"version":4,"epoch":"e1","reason":"deleted"}`, `increment hook:recordRemoved:hooked:a 1 3600000`}},
	} {
		take := k.kept(t, map[string]string{"versions:hooked:a": `[1,2]`})
		test.run()
		if got := take(); !alike(got, test.want) {
			t.Errorf("%s: it kept\n%s\nwant\n%s", test.what, strings.Join(got, "\n"), strings.Join(test.want, "\n"))
		}
	}
	k.readsHooks(t)
}

// readsHooks asks for what the hooks have kept.
func (k *kit) readsHooks(t *testing.T) {
	t.Helper()
	k.kept(t, map[string]string{"hook:connect": `2`, "last:connect": `{"a":[]}`, "hook:join:lobby": `3`, "last:join:lobby": `1`, "hook:resolve:list:x": `4`, "last:resolve:list:x": `"l"`})
	for _, test := range [][2]string{
		{`{"event":"connect"}`, `{"count":2,"last":{"a":[]}}`},
		{`{"event":"join","roomName":"lobby"}`, `{"count":3,"last":1}`},
		{`{"event":"resolve","collectionId":"list:x","roomName":null}`, `{"count":4,"last":"l"}`},
		{`{"event":"recordUpdate","recordId":"hooked:a"}`, `{"count":0,"last":null}`},
		{`{}`, `EPAYLOAD PayloadError: field "event" is missing`},
		{`{"event":"join","roomName":1}`, `EPAYLOAD PayloadError: field "roomName" must be text`},
	} {
		if got := k.outcome("hooks", test[0]); !same(got, test[1]) {
			t.Errorf("hooks %s: got %s, want %s", test[0], got, test[1])
		}
	}
}

// resolve asks the resolver of the collections with a pattern.
func (k *kit) resolve(pattern, collection string, s *hub.Session) string {
	table := k.router.Acquire()
	defer table.Release()
	for _, c := range table.Exposures.Collections {
		if c.Pattern.String() != pattern {
			continue
		}
		call := command.NewCall(s, "x", nil, nil)
		defer call.Release()
		ids, err := table.Resolvers[c.Resolver].Resolve(context.Background(), call, collection)
		if e := protocol.AsError(err); e != nil {
			return e.Code + ": " + e.Message
		}
		return fmt.Sprintf("%q %v", ids, err)
	}
	return "there is no such collection"
}

func (k *kit) resolvers(t *testing.T) {
	defer k.server.program(nil)
	ann := `{"connectionId":"` + k.session.ID() + `","user":"ann","metadata":{"user":"ann"}}`
	none := `{"connectionId":"","user":"","metadata":null}`
	for _, test := range []struct {
		pattern, collection, list, want string
		shared                          bool
	}{
		{"/^list:.+$/", "list:x", `["a","b"]`, `["a" "b"] <nil>`, false},
		{"/^few:.+$/", "few:x", `["a","b","ü\n"]`, `["a" "b" "ü\n"] <nil>`, false},
		{"/^users:.+$/", "users:x", `[]`, `[] <nil>`, false},
		{"/^one:.+$/", "one:x", `null`, `[] <nil>`, true},
		{"/^one:.+$/", "one:x", `"rubbish"`, `["record:a" "" "\n"] <nil>`, true},
		{"/^list:.+$/", "list:x", `{"a":1}`, `ELIST: The list is none: {"a":1}`, false},
		{"/^list:.+$/", "list:x", `["a",1]`, `ELIST: The list is none: ["a",1]`, false},
		{"/^list:.+$/", "list:y", ``, `EPAYLOAD: list:y`, false},
		{"records", "records", `[{"recordId":"record:a","version":1,"epoch":"e1"},{"version":2,"recordId":"record:b","epoch":"e1"}]`, `["record:a" "record:b"] <nil>`, true},
		{"mine", "mine", ``, `["own:ann" "private:ann" "private:all" "secret" "record:mine"] <nil>`, false},
	} {
		name := "records"
		if test.pattern != "records" {
			name = "list:x"
		}
		take := k.kept(t, map[string]string{name: test.list})
		session, seen := k.session, ann
		if test.shared {
			session, seen = nil, none
		}
		if got := k.resolve(test.pattern, test.collection, session); got != test.want {
			t.Errorf("%s of %s: got %s, want %s", test.collection, test.list, got, test.want)
		}
		want := []string{`set last:resolve:` + test.collection + ` 3600000 ` + seen, `increment hook:resolve:` + test.collection + ` 1 3600000`}
		if got := take(); !alike(got, want) {
			t.Errorf("%s: it kept %q, want %q", test.collection, got, want)
		}
	}
}
