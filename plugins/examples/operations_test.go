package examples_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/mesh-host/mesh-host/abi"
)

// message is a request or response among the ABI's test vectors.
type message struct {
	Name       string                     `json:"name"`
	Operation  string                     `json:"operation"`
	Message    string                     `json:"message"`
	Value      map[string]json.RawMessage `json:"value"`
	Hex        string                     `json:"hex"`
	DecodeOnly bool                       `json:"decodeOnly"`
}

func (m message) bytes(t *testing.T) []byte {
	t.Helper()
	b, err := hex.DecodeString(m.Hex)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// object writes a message's value as the JSON object that a command takes or
// replies with: the text of JSON members becomes what it says, and members that
// are absent are left out, or sent as null.
func (m message) object(t *testing.T, fields []abi.Field, nulls bool) []byte {
	t.Helper()
	members := map[string]any{}
	for _, f := range fields {
		text := m.Value[f.Name]
		absent := string(text) == "null" || f.Optional && string(text) == "false"
		switch {
		case absent && nulls:
			members[f.Name] = nil
		case absent:
		case f.Type == "json":
			var value string
			if err := json.Unmarshal(text, &value); err != nil {
				t.Fatal(err)
			}
			members[f.Name] = json.RawMessage(value)
		case f.Type == "int":
			members[f.Name] = json.RawMessage(bytes.Trim(text, `"`))
		default:
			members[f.Name] = text
		}
	}
	b, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readMessages(t *testing.T) []message {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "abi", "testdata", "vectors", "operations.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list []message
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// exchange is a host that answers one operation with a vector.
type exchange struct {
	operation       abi.Operation
	asked, answered []byte
}

func (x *exchange) host() *host {
	h := &host{operations: map[string]func([]byte) ([]byte, *abi.Error){}}
	for _, o := range abi.Operations {
		h.operations[o.Name] = func(arguments []byte) ([]byte, *abi.Error) {
			if o.Name != x.operation.Name {
				return nil, &abi.Error{Code: abi.CodeServer, Message: "it calls " + o.Name}
			}
			x.asked = bytes.Clone(arguments)
			return x.answered, nil
		}
	}
	return h
}

// TestConformanceOperations lets every command of an operation make the calls
// of the vectors, and reply with their answers.
func TestConformanceOperations(t *testing.T) {
	t.Parallel()
	x := new(exchange)
	g := compile(t, "conformance-go.wasm", true, x.host()).instantiate(t)
	g.registration(t)
	vectors := readMessages(t)
	for _, o := range abi.Operations {
		if o.Door == abi.DoorOperator {
			continue
		}
		x.operation = o
		var requests, responses []message
		for _, v := range vectors {
			switch {
			case v.Operation != o.Name:
			case v.Message == "request":
				requests = append(requests, v)
			default:
				responses = append(responses, v)
			}
		}
		for _, v := range requests {
			x.answered = responses[0].bytes(t)
			for _, nulls := range []bool{false, true} {
				checkAsked(t, g, x, v, nulls)
			}
		}
		for _, v := range responses {
			x.answered = v.bytes(t)
			checkReply(t, g, x, requests[0], v)
		}
	}
}

func checkAsked(t *testing.T, g *guest, x *exchange, v message, nulls bool) {
	t.Helper()
	if v.DecodeOnly || nulls && slices.ContainsFunc(x.operation.Request, func(f abi.Field) bool { return !f.Optional && string(v.Value[f.Name]) == "null" }) {
		return
	}
	payload := string(v.object(t, x.operation.Request, nulls))
	x.asked = nil
	reply := g.command(t, v.Operation, payload)
	if !bytes.Equal(x.asked, v.bytes(t)) {
		t.Errorf("%s: %s %s asked with %x, want %s; the reply is %s", v.Name, v.Operation, payload, x.asked, v.Hex, reply)
	}
}

func checkReply(t *testing.T, g *guest, x *exchange, request, v message) {
	t.Helper()
	reply := g.command(t, v.Operation, string(request.object(t, x.operation.Request, false)))
	if len(x.operation.Response) == 0 {
		if reply != "" && reply != "null" {
			t.Errorf("%s: got %s, want null", v.Name, reply)
		}
		return
	}
	want := v.object(t, x.operation.Response, false)
	if !reflect.DeepEqual(tree(t, []byte(reply)), tree(t, want)) {
		t.Errorf("%s: got %s, want %s", v.Name, reply, want)
	}
}

func tree(t *testing.T, text []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

// TestConformanceGuards asks each guard through the ABI alone.
func TestConformanceGuards(t *testing.T) {
	t.Parallel()
	h := &host{operations: map[string]func([]byte) ([]byte, *abi.Error){
		abi.OpRoomsHas: func(arguments []byte) ([]byte, *abi.Error) {
			var q abi.RoomsHasRequest
			err := q.Decode(arguments)
			return (&abi.RoomsHasResponse{Member: err == nil && q == abi.RoomsHasRequest{RoomName: "guarded:x", ConnectionID: "c1"}}).Append(nil), nil
		},
	}}
	g := compile(t, "conformance-go.wasm", true, h).instantiate(t)
	g.registration(t)
	access := (&abi.Access{Topic: abi.TopicConnection, Action: abi.ActionMetadata}).Append(nil)
	write := (&abi.Access{Topic: abi.TopicRecord, Action: abi.ActionWrite, Strategy: "replace"}).Append(nil)
	merge := (&abi.Access{Topic: abi.TopicRecord, Action: abi.ActionWrite, Strategy: "deepMerge"}).Append(nil)
	remove := (&abi.Access{Topic: abi.TopicRecord, Action: abi.ActionDelete}).Append(nil)
	for _, test := range []struct {
		guard, want string
		request     abi.Request
	}{
		{"members", "", abi.Request{Name: "guarded:x", ConnectionID: "c1"}},
		{"members", "EDENIED: This is for members of the room guarded:x.", abi.Request{Name: "guarded:x", ConnectionID: "c2"}},
		{"users", "", abi.Request{Name: "closed:x", ConnectionID: "c1", User: "ann"}},
		{"users", "EDENIED: This is for known users.", abi.Request{Name: "closed:x", ConnectionID: "c1"}},
		{"admins", "", abi.Request{Name: "c2", ConnectionID: "c1", Metadata: []byte(`{"admin":true}`)}},
		{"admins", "EDENIED: Only for administrators: connection metadata.", abi.Request{Name: "c2", ConnectionID: "c1", Metadata: []byte(`{"admin":1}`)}},
		{"rubbish", "ERUBBISH: rubbish", abi.Request{Name: "bad:rubbish", ConnectionID: "c1"}},
		{"owners", "", abi.Request{Name: "own:ann", ConnectionID: "c1", User: "ann", Payload: []byte(`1`), Detail: write}},
		{"owners", "EDENIED: This is not yours.", abi.Request{Name: "own:ann", ConnectionID: "c1", User: "bob", Payload: []byte(`1`), Detail: write}},
		{"values", "", abi.Request{Name: "checked:a", ConnectionID: "c1", Payload: []byte(`{"ok":true}`), Detail: write}},
		{"values", "EDENIED: Not this: record write [1].", abi.Request{Name: "checked:a", ConnectionID: "c1", Payload: []byte(`[1]`), Detail: write}},
		{"values", "EDENIED: Not this: record delete .", abi.Request{Name: "checked:a", ConnectionID: "c1", Detail: remove}},
		{"merges", "", abi.Request{Name: "merged:a", ConnectionID: "c1", Payload: []byte(`{"a":1}`), Detail: merge}},
		{"merges", "EDENIED: Not so: write deepMerge 1.", abi.Request{Name: "merged:a", ConnectionID: "c1", Payload: []byte(`1`), Detail: merge}},
		{"merges", `EDENIED: Not so: write replace {"a":1}.`, abi.Request{Name: "merged:a", ConnectionID: "c1", Payload: []byte(`{"a":1}`), Detail: write}},
		{"merges", "EDENIED: Not so: delete  .", abi.Request{Name: "merged:a", ConnectionID: "c1", Detail: remove}},
	} {
		test.request.Kind = abi.KindGuard
		if test.request.Detail == nil {
			test.request.Detail = access
		}
		response, err := g.send(t.Context(), g.handlers[test.guard], &test.request)
		if err != nil {
			t.Fatal(err)
		}
		if got := outcome(t, response); got != test.want || (response.Status == abi.StatusRefuse) != (test.want != "") {
			t.Errorf("%s: got %d, %q, want %q", test.guard, response.Status, got, test.want)
		}
	}
}

// TestConformanceHooks sets off each hook through the ABI alone.
func TestConformanceHooks(t *testing.T) {
	t.Parallel()
	var kept []string
	h := &host{operations: map[string]func([]byte) ([]byte, *abi.Error){
		abi.OpKVGet: func([]byte) ([]byte, *abi.Error) {
			return (&abi.KVGetResponse{Value: []byte(`[1,2]`)}).Append(nil), nil
		},
		abi.OpKVSet: func(arguments []byte) ([]byte, *abi.Error) {
			var q abi.KVSetRequest
			err := q.Decode(arguments)
			kept = append(kept, fmt.Sprint(q.Key, " ", string(q.Value), " ", err))
			return nil, nil
		},
		abi.OpKVIncrement: func(arguments []byte) ([]byte, *abi.Error) {
			var q abi.KVIncrementRequest
			err := q.Decode(arguments)
			kept = append(kept, fmt.Sprint(q.Key, " ", q.By, " ", err))
			return (&abi.KVIncrementResponse{Value: 1}).Append(nil), nil
		},
	}}
	g := compile(t, "conformance-go.wasm", true, h).instantiate(t)
	g.registration(t)
	left := abi.RoomChange{Room: "lobby", Reason: abi.LeftByDisconnect}
	gone := abi.Departure{Code: 1006}
	removed := abi.RecordChange{RecordID: "hooked:a", Version: 3, Epoch: "e1", Reason: abi.RemovedByExpiry}
	for _, r := range []abi.Request{
		{Kind: abi.KindConnect, Name: "connect"},
		{Kind: abi.KindJoin, Name: "join", Detail: (&abi.RoomChange{Room: "lobby"}).Append(nil)},
		{Kind: abi.KindLeave, Name: "leave", Metadata: []byte(`{"a":1}`), Detail: left.Append(nil)},
		{Kind: abi.KindDisconnect, Name: "disconnect", User: "ann", Detail: gone.Append(nil)},
		{Kind: abi.KindRecordUpdate, Name: "recordUpdate", Payload: []byte(`null`), Detail: (&abi.RecordChange{RecordID: "hooked:a", Version: 3, Epoch: "e1"}).Append(nil)},
		{Kind: abi.KindRecordRemoved, Name: "recordRemoved", Payload: []byte(`{"x":1}`), Detail: removed.Append(nil)},
	} {
		r.ConnectionID = "c1"
		response, err := g.send(t.Context(), g.handlers[r.Name], &r)
		if err != nil || response.Status != abi.StatusContinue {
			t.Errorf("%s: got %+v, %v", r.Name, response, err)
		}
	}
	want := []string{
		`last:connect {"connectionId":"c1","user":"","metadata":null} <nil>`, `hook:connect 1 <nil>`,
		`last:join:lobby {"connectionId":"c1","user":"","metadata":null,"roomName":"lobby"} <nil>`, `hook:join:lobby 1 <nil>`,
		`last:leave:lobby {"connectionId":"c1","user":"","metadata":{"a":1},"roomName":"lobby","reason":"disconnect"} <nil>`, `hook:leave:lobby 1 <nil>`,
		`last:disconnect {"connectionId":"c1","user":"ann","metadata":null,"code":1006,"reason":""} <nil>`, `hook:disconnect 1 <nil>`,
		`versions:hooked:a [1,2,3] <nil>`,
		`last:recordUpdate:hooked:a {"connectionId":"c1","user":"","metadata":null,"recordId":"hooked:a","value":null,"version":3,"epoch":"e1","reason":""} <nil>`,
		`hook:recordUpdate:hooked:a 1 <nil>`,
		`versions:hooked:a [1,2,3] <nil>`,
		`last:recordRemoved:hooked:a {"connectionId":"c1","user":"","metadata":null,"recordId":"hooked:a","value":{"x":1},"version":3,"epoch":"e1","reason":"expired"} <nil>`,
		`hook:recordRemoved:hooked:a 1 <nil>`,
	}
	if !slices.Equal(kept, want) {
		t.Errorf("it kept\n%q, want\n%q", kept, want)
	}
}

// TestConformanceResolvers asks each resolver through the ABI alone.
func TestConformanceResolvers(t *testing.T) {
	t.Parallel()
	var list string
	h := &host{operations: map[string]func([]byte) ([]byte, *abi.Error){
		abi.OpKVSet:       func([]byte) ([]byte, *abi.Error) { return nil, nil },
		abi.OpKVIncrement: func([]byte) ([]byte, *abi.Error) { return (&abi.KVIncrementResponse{Value: 1}).Append(nil), nil },
		abi.OpRecordsGet: func(arguments []byte) ([]byte, *abi.Error) {
			var q abi.RecordsGetRequest
			if err := q.Decode(arguments); err != nil || q.RecordID != "list:x" {
				return nil, &abi.Error{Code: abi.CodePayload, Message: q.RecordID}
			}
			return (&abi.RecordsGetResponse{Value: []byte(list), Version: 1, Epoch: "e1"}).Append(nil), nil
		},
		abi.OpRecordsList: func(arguments []byte) ([]byte, *abi.Error) {
			var q abi.RecordsListRequest
			if err := q.Decode(arguments); err != nil || q.Pattern != "/^record:.+$/" || q.Limit != 1000 {
				return nil, &abi.Error{Code: abi.CodePayload, Message: fmt.Sprintf("%+v", q)}
			}
			return (&abi.RecordsListResponse{Records: []byte(`[{"recordId":"record:a","version":1,"epoch":"e1"},{"recordId":"record:b","version":1,"epoch":"e1"}]`)}).Append(nil), nil
		},
	}}
	g := compile(t, "conformance-go.wasm", true, h).instantiate(t)
	r := g.registration(t)
	for _, test := range []struct{ pattern, collection, list, want string }{
		{"/^list:.+$/", "list:x", `["a","b"]`, `["a","b"]`},
		{"/^few:.+$/", "few:x", `["a","b","c"]`, `["a","b","c"]`},
		{"/^users:.+$/", "users:x", `[]`, `[]`},
		{"/^one:.+$/", "one:x", `null`, `[]`},
		{"/^one:.+$/", "one:x", `"rubbish"`, `["record:a","","\n"]`},
		{"/^list:.+$/", "list:x", `{"a":1}`, `ELIST: The list is none: {"a":1}`},
		{"/^list:.+$/", "list:y", `[]`, `EPAYLOAD: list:y`},
		{"records", "records", ``, `["record:a","record:b"]`},
		{"mine", "mine", ``, `["own:ann","private:ann","private:all","secret","record:mine"]`},
	} {
		list = test.list
		at := slices.IndexFunc(r.Collections, func(c abi.CollectionExposure) bool { return c.Pattern == test.pattern })
		if at < 0 {
			t.Errorf("there is no collection %s", test.pattern)
			continue
		}
		response, err := g.send(t.Context(), r.Collections[at].Handler, &abi.Request{Kind: abi.KindResolve, Name: test.collection, ConnectionID: "c1", User: "ann"})
		if err != nil {
			t.Fatal(err)
		}
		if got := outcome(t, response); got != test.want {
			t.Errorf("%s: got %s, want %s", test.collection, got, test.want)
		}
	}
}
