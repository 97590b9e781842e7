package operation_test

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// echo has operations that together have fields of every type, and keeps what
// the last call got.
type echo struct {
	table operation.Table
	send  abi.ConnectionsSendRequest
	set   abi.PresenceSetRequest
}

func newEcho() *echo {
	e := &echo{table: operation.Table{}}
	operation.Define(e.table, abi.OpConnectionsSend, func(_ context.Context, _ operation.Caller, q *abi.ConnectionsSendRequest) (a abi.ConnectionsSendResponse, err error) {
		e.send = *q
		a.Sent = -5
		return a, nil
	})
	operation.Define(e.table, abi.OpPresenceSet, func(_ context.Context, _ operation.Caller, q *abi.PresenceSetRequest) (a abi.PresenceSetResponse, err error) {
		e.set = *q
		return a, nil
	})
	operation.Define(e.table, abi.OpPluginsList, func(context.Context, operation.Caller, *abi.PluginsListRequest) (a abi.PluginsListResponse, err error) {
		return a, nil
	})
	return e
}

func TestJSONRequest(t *testing.T) {
	t.Parallel()
	e := newEcho()
	text := []byte(`{"exclude":[],"payload": {"b":1.50, "a":[null]} ,"command":"\ud83c\udf89\"","to":["a","","ü"]}`)
	if _, err := e.table[abi.OpConnectionsSend].JSON(ctx, caller, text); err != nil {
		t.Fatal(err)
	}
	clear(text) // a request may be reused
	want := abi.ConnectionsSendRequest{
		To: []string{"a", "", "ü"}, Command: `🎉"`, Payload: json.RawMessage(`{"b":1.50, "a":[null]}`), Exclude: []string{},
	}
	if !reflect.DeepEqual(e.send, want) {
		t.Errorf("got %+v, want %+v", e.send, want)
	}
	if _, err := e.table[abi.OpPresenceSet].JSON(ctx, caller, []byte(`{"roomName":"r","connectionId":"c","state":null,"expireAfter":-9223372036854775808,"silent":true}`)); err != nil {
		t.Fatal(err)
	}
	wantSet := abi.PresenceSetRequest{RoomName: "r", ConnectionID: "c", State: json.RawMessage("null"), ExpireAfter: -1 << 63, Silent: true}
	if !reflect.DeepEqual(e.set, wantSet) {
		t.Errorf("got %+v, want %+v", e.set, wantSet)
	}
	if _, err := e.table[abi.OpPresenceSet].JSON(ctx, caller, []byte(`{"roomName":"","connectionId":"c","state":0}`)); err != nil {
		t.Error(err)
	}
}

func TestJSONRefuses(t *testing.T) {
	t.Parallel()
	ops := newEcho().table
	const (
		send, set = abi.OpConnectionsSend, abi.OpPresenceSet
		here      = `"roomName":"r","connectionId":"c","state":1`
	)
	for _, c := range []struct{ name, operation, text, want string }{
		{"nothing", send, ``, "the request is not JSON in UTF-8, nested at most 128 deep"},
		{"cut off", send, `{"to":[]`, "the request is not JSON in UTF-8"},
		{"more behind it", send, `{} {}`, "the request is not JSON in UTF-8"},
		{"broken UTF-8", send, "{\"to\":[\"\xff\"]}", "the request is not JSON in UTF-8"},
		{"deep", set, `{"state":` + strings.Repeat("[", 128) + strings.Repeat("]", 128) + `}`, "the request is not JSON in UTF-8"},
		{"a list", send, `[]`, "the request is not a JSON object"},
		{"null", send, `null`, "the request is not a JSON object"},
		{"missing", send, `{"to":[]}`, "command: is missing"},
		{"missing JSON", set, `{"roomName":"r","connectionId":"c"}`, "state: is missing"},
		{"unknown", set, `{` + here + `,"colour":1}`, `"colour": unknown field, presence.set takes roomName, connectionId, state, expireAfter, silent`},
		{"unknown, none taken", abi.OpPluginsList, `{"name":1}`, `"name": unknown field, plugins.list takes none`},
		{"another case", set, `{"roomname":"r"}`, `"roomname": unknown field`},
		{"long unknown", set, `{"` + strings.Repeat("x", 1000) + `":1}`, `"` + strings.Repeat("x", 256) + `": unknown field`},
		{"twice", set, `{` + here + `,"state":2}`, "state: is there twice"},
		{"twice, escaped", set, `{` + here + `,"\u0073tate":2}`, "state: is there twice"},
		{"number for a string", set, `{"roomName":1}`, "roomName: must be a string, not a number"},
		{"null for a string", set, `{"roomName":null}`, "roomName: must be a string, not null"},
		{"object for a string", set, `{"roomName":{}}`, "roomName: must be a string, not an object"},
		{"string for an int", set, `{"expireAfter":"1"}`, "expireAfter: must be a whole number, not a string"},
		{"null for an int", set, `{"expireAfter":null}`, "expireAfter: must be a whole number, not null"},
		{"fraction", set, `{"expireAfter":1.0}`, "expireAfter: must be a whole number, without point and exponent"},
		{"exponent", set, `{"expireAfter":1e3}`, "expireAfter: must be a whole number, without point and exponent"},
		{"too large", set, `{"expireAfter":9223372036854775808}`, "expireAfter: must be a whole number of at most 64 bits"},
		{"string for a bool", set, `{"silent":"true"}`, "silent: must be true or false, not a string"},
		{"null for a bool", set, `{"silent":null}`, "silent: must be true or false, not null"},
		{"string for a list", send, `{"to":"a"}`, "to: must be a list of strings, not a string"},
		{"null for a list", send, `{"to":null}`, "to: must be a list of strings, not null"},
		{"null in a list", send, `{"to":["a",null]}`, "to: element 1 must be a string, not null"},
		{"list in a list", send, `{"to":[["a"]]}`, "to: element 0 must be a string, not a list"},
	} {
		answer, err := ops[c.operation].JSON(ctx, caller, []byte(c.text))
		e := protocol.AsError(err)
		if e == nil || e.Code != abi.CodePayload || !strings.HasPrefix(e.Message, c.want) || answer != nil {
			t.Errorf("%s: %s, %v, want EPAYLOAD: %s", c.name, answer, err, c.want)
		}
	}
}

// A door that takes JSON and serves Flat answers as JSON does.
func TestJSONByFlat(t *testing.T) {
	t.Parallel()
	e := newEcho()
	for _, c := range []struct{ operation, text string }{
		{abi.OpConnectionsSend, `{"exclude":[],"payload": {"b":1.50, "a":[null]} ,"command":"\ud83c\udf89\"","to":["a","","ü"]}`},
		{abi.OpConnectionsSend, `{"command":"x","to":[]}`},
		{abi.OpPresenceSet, `{"roomName":"","connectionId":"c","state":null,"expireAfter":-9223372036854775808,"silent":true}`},
		{abi.OpPluginsList, `{}`},
		{abi.OpPluginsList, `{"name":1}`},
		{abi.OpPresenceSet, `{"roomName":"r","connectionId":"c"}`},
		{abi.OpPresenceSet, ``},
	} {
		o := e.table[c.operation]
		want, refused := o.JSON(ctx, caller, []byte(c.text))
		send, set := e.send, e.set
		flat, err := o.ToFlat([]byte(c.text))
		if err != nil || refused != nil {
			if !reflect.DeepEqual(err, refused) {
				t.Errorf("%s: %v, want %v", c.text, err, refused)
			}
			continue
		}
		response, err := o.Flat(ctx, caller, flat, nil)
		if err != nil {
			t.Fatalf("%s: %v", c.text, err)
		}
		got, err := o.ToJSON(response)
		if err != nil || string(got) != string(want) {
			t.Errorf("%s: %s, %v, want %s", c.text, got, err, want)
		}
		if c.operation == abi.OpConnectionsSend && len(e.send.Exclude) == 0 { // a list that is empty is absent
			e.send.Exclude, send.Exclude = nil, nil
		}
		if !reflect.DeepEqual(e.send, send) || !reflect.DeepEqual(e.set, set) {
			t.Errorf("%s: served %+v and %+v, not %+v and %+v", c.text, e.send, e.set, send, set)
		}
	}
	if _, err := e.table[abi.OpConnectionsSend].ToJSON([]byte{1}); err == nil {
		t.Error("half a response is one")
	}
	refusing := operation.Table{}
	operation.Refuse(refusing, abi.OpHTTPFetch, protocol.NewError(abi.CodeUnavailable, "not here"))
	o := refusing[abi.OpHTTPFetch]
	if _, err := o.Flat(ctx, caller, nil, nil); protocol.AsError(err).Code != abi.CodeUnavailable {
		t.Error(err)
	}
}

// What is empty is written as what it is, and what is optional and empty is
// left out.
func TestJSONResponse(t *testing.T) {
	t.Parallel()
	ops := operation.Table{}
	var users abi.UsersListResponse
	operation.Define(ops, abi.OpUsersList, func(context.Context, operation.Caller, *abi.UsersListRequest) (abi.UsersListResponse, error) {
		return users, nil
	})
	var states abi.PresenceListResponse
	operation.Define(ops, abi.OpPresenceList, func(context.Context, operation.Caller, *abi.PresenceListRequest) (abi.PresenceListResponse, error) {
		return states, nil
	})
	var swapped abi.KVCompareAndSetResponse
	operation.Define(ops, abi.OpKVCompareAndSet, func(context.Context, operation.Caller, *abi.KVCompareAndSetRequest) (abi.KVCompareAndSetResponse, error) {
		return swapped, nil
	})
	check := func(name, q, want string) {
		t.Helper()
		if got, err := ops[name].JSON(ctx, caller, []byte(q)); err != nil || string(got) != want || !json.Valid(got) {
			t.Errorf("%s answers %s, %v, want %s", name, got, err, want)
		}
	}
	check(abi.OpUsersList, `{}`, `{"users":[]}`)
	check(abi.OpPresenceList, `{"roomName":"r"}`, `{"present":[],"states":null}`)
	check(abi.OpKVCompareAndSet, `{"key":"k"}`, `{"swapped":false}`)

	users = abi.UsersListResponse{Users: []string{"a\n", "<b>\xff"}, Cursor: "next"}
	states = abi.PresenceListResponse{Present: []string{"c"}, States: json.RawMessage(`{"c": 1.0}`)}
	swapped = abi.KVCompareAndSetResponse{Swapped: true, Current: json.RawMessage("null")}
	check(abi.OpUsersList, `{"limit":2}`, `{"users":["a\n","<b>`+"\uFFFD"+`"],"cursor":"next"}`)
	check(abi.OpPresenceList, `{"roomName":"r"}`, `{"present":["c"],"states":{"c": 1.0}}`)
	check(abi.OpKVCompareAndSet, `{"key":"k"}`, `{"swapped":true,"current":null}`)
}

// FuzzJSON wants everything that passes to mean what encoding/json reads.
func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"roomName":"r","connectionId":"c","state":{"a":[1]},"expireAfter":-1,"silent":true}`))
	f.Add([]byte(`{"roomName":"\ud800","connectionId":"","state":null}`))
	f.Add([]byte(`{"to":["a","\u0000"],"command":"x","payload":1e9,"exclude":[]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		e := newEcho()
		if _, err := e.table[abi.OpPresenceSet].JSON(ctx, caller, text); err == nil {
			var want abi.PresenceSetRequest
			if err := json.Unmarshal(text, &want); err != nil || !reflect.DeepEqual(e.set, want) {
				t.Errorf("%q reads as %+v, want %+v, %v", text, e.set, want, err)
			}
		} else if protocol.AsError(err) == nil {
			t.Error(err)
		}
		if _, err := e.table[abi.OpConnectionsSend].JSON(ctx, caller, text); err == nil {
			var want abi.ConnectionsSendRequest
			if err := json.Unmarshal(text, &want); err != nil || !reflect.DeepEqual(e.send, want) {
				t.Errorf("%q reads as %+v, want %+v, %v", text, e.send, want, err)
			}
		}
	})
}

func BenchmarkJSON(b *testing.B) {
	ops := newEcho().table
	request := []byte(`{"to":["abcdefghijklmnopqrstuv"],"command":"news","payload":{"a":1,"b":"two"}}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ops[abi.OpConnectionsSend].JSON(ctx, caller, request); err != nil {
			b.Fatal(err)
		}
	}
}

// Bytes are base64 text in JSON.
func TestJSONBytes(t *testing.T) {
	t.Parallel()
	var got abi.HTTPFetchRequest
	table := operation.Table{}
	operation.Define(table, abi.OpHTTPFetch, func(_ context.Context, _ operation.Caller, q *abi.HTTPFetchRequest) (abi.HTTPFetchResponse, error) {
		got = *q
		return abi.HTTPFetchResponse{Status: 200, Body: []byte{0, 0xFF, 'a', '"'}}, nil
	})
	fetch := table[abi.OpHTTPFetch].JSON
	answer, err := fetch(ctx, caller, []byte(`{"url":"u","body":"AP9h"}`))
	if err != nil || string(got.Body) != "\x00\xffa" || string(answer) != `{"status":200,"headers":[],"body":"AP9hIg=="}` {
		t.Errorf("%q is answered %s, %v", got.Body, answer, err)
	}
	for _, bad := range []string{`5`, `null`, `["AP9h"]`, `"AP9"`, `"AP9h!"`, `"AP9i_w=="`} {
		if _, err := fetch(ctx, caller, []byte(`{"url":"u","body":`+bad+`}`)); err == nil || !strings.Contains(err.Error(), "body") {
			t.Errorf("%s gives %v", bad, err)
		}
	}
}
