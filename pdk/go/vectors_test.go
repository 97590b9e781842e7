//go:build !wasm

package mesh

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/mesh-host/mesh-host/pdk/go/internal/codec"
	"github.com/mesh-host/mesh-host/pdk/go/internal/env"
	"github.com/mesh-host/mesh-host/pdk/go/internal/vectors"
)

// member shortens the structures that the vectors' values are read into.
type member = vectors.Bytes

func TestMessageVectors(t *testing.T) {
	t.Parallel()
	checks := map[string]func(*testing.T, vectors.Vector){
		"Request": checkRequest, "Response": checkResponse, "Error": checkError,
		"Handshake": checkHandshake, "Departure": checkDeparture,
	}
	for _, v := range vectors.Read(t, "messages.json") {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			check := checks[v.Type]
			if check == nil {
				t.Fatalf("the kit has no check for the type %q", v.Type)
			}
			check(t, v)
		})
	}
}

// received is what a handler sees of a call.
type received struct {
	name, connectionID, user          string
	metadata, locals, payload, detail JSON
}

// receive passes a request to a handler as the host does.
func receive(request []byte) received {
	var got received
	g := guest{setup: func(p *Plugin) error {
		p.Command("x", func(c *Call) (JSON, error) {
			got = received{
				c.Name(), c.ConnectionID(), c.User(),
				c.Metadata().Copy(), c.Locals().Copy(), c.Payload().Copy(), JSON(c.request.detail()).Copy(),
			}
			return nil, nil
		})
		return nil
	}}
	g.Register()
	g.Call(0, request)
	return got
}

func checkRequest(t *testing.T, v vectors.Vector) {
	t.Helper()
	if v.Error != "" {
		defer func() {
			if recover() == nil {
				t.Error("a malformed request was taken")
			}
		}()
		receive(v.Bytes(t))
		return
	}
	var want struct{ Name, ConnectionID, User, Metadata, Locals, Payload, Detail member }
	v.Into(t, &want)
	expected := received{
		string(want.Name), string(want.ConnectionID), string(want.User),
		JSON(want.Metadata), JSON(want.Locals), JSON(want.Payload), JSON(want.Detail),
	}
	if got := receive(v.Bytes(t)); !reflect.DeepEqual(got, expected) {
		t.Errorf("got %+v, want %+v", got, expected)
	}
}

// checkResponse lets middleware say what the vector says: it can say all that
// a response holds. The kit leaves absent trailing fields out, so it is what
// the host reads that is compared.
func checkResponse(t *testing.T, v vectors.Vector) {
	t.Helper()
	if v.Error != "" || v.DecodeOnly {
		return // the kit decodes no responses
	}
	var want struct {
		Status       int64
		Body, Locals member
	}
	v.Into(t, &want)
	g := guest{setup: func(p *Plugin) error {
		p.Middleware("x", func(c *MiddlewareCall) error {
			c.SetLocals(JSON(want.Locals))
			switch want.Status {
			case statusReply:
				c.Reply(JSON(want.Body))
			case statusContinue:
				c.SetPayload(JSON(want.Body))
			default:
				return decodeError(want.Body)
			}
			return nil
		})
		p.Guard("y", func(*Call) error { return decodeError(want.Body) })
		return nil
	}}
	g.Register()
	handler := uint32(0)
	if want.Status == statusRefuse {
		handler = 1
	}
	f := codec.Decode(g.Call(handler, nil))
	status, _ := f.Int()
	body, locals := f.Bytes(), f.Bytes()
	if want.Body == nil && want.Status == statusRefuse {
		want.Body = body // the kit always gives a reason
	}
	if status != want.Status || !bytes.Equal(body, want.Body) || !bytes.Equal(locals, want.Locals) || f.Err() != nil {
		t.Errorf("got %d, %q, %q, %v", status, body, locals, f.Err())
	}
}

func checkError(t *testing.T, v vectors.Vector) {
	t.Helper()
	got := decodeError(v.Bytes(t))
	if v.Error != "" {
		if got.Code != CodeServer {
			t.Errorf("a malformed error has the code %q", got.Code)
		}
		return
	}
	var want struct {
		Code, Name, Message, Data member
		HTTP                      vectors.Int
	}
	v.Into(t, &want)
	expected := &Error{string(want.Code), string(want.Name), string(want.Message), JSON(want.Data), int(want.HTTP)}
	if !v.DecodeOnly {
		if encoded := expected.append(nil); !bytes.Equal(encoded, v.Bytes(t)) {
			t.Errorf("encoded as %x, want %s", encoded, v.Hex)
		}
	}
	if expected.Code == "" {
		expected.Code = CodeServer
	}
	if !reflect.DeepEqual(got, expected) {
		t.Errorf("got %+v, want %+v", got, expected)
	}
}

func checkHandshake(t *testing.T, v vectors.Vector) {
	t.Helper()
	got := decodeHandshake(v.Bytes(t))
	if v.Error != "" {
		if got.Headers != nil {
			t.Errorf("malformed headers were read as %q", got.Headers)
		}
		return
	}
	want := new(Handshake)
	v.Into(t, want)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func checkDeparture(t *testing.T, v vectors.Vector) {
	t.Helper()
	var want, got Departure
	v.Into(t, &want)
	g := guest{setup: func(p *Plugin) error {
		p.OnDisconnect(func(d *Departure) error {
			got = Departure{Code: d.Code, Reason: d.Reason}
			return nil
		})
		return nil
	}}
	g.Register()
	request := codec.AppendInt(nil, 6)
	for range 6 {
		request = codec.AppendAbsent(request)
	}
	g.Call(0, codec.AppendBytes(request, v.Bytes(t)))
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// members are those of any operation's request or response.
type members struct {
	Level, Message, Key, Value, Expected, Config, Current   member
	ConnectionID, Metadata, User, Strategy, Reason, Command member
	Payload                                                 member
	TTL, By, Code, Sent                                     vectors.Int
	To, Exclude                                             []string
	Deleted, Swapped, Disconnected                          bool
}

// The kit's functions of each operation, called with the members of a request
// and giving those of the response. kv.increment's value is a number.
var operations = map[string]func(q members) (members, int64, error){
	"log": func(q members) (members, int64, error) {
		Log(string(q.Level), string(q.Message))
		return members{}, 0, nil
	},
	"config.get": func(members) (members, int64, error) {
		v, err := Config()
		return members{Config: member(v)}, 0, err
	},
	"kv.get": func(q members) (members, int64, error) {
		v, err := KV.Get(string(q.Key))
		return members{Value: member(v)}, 0, err
	},
	"kv.set": func(q members) (members, int64, error) {
		return members{}, 0, KV.Set(string(q.Key), JSON(q.Value), Duration(q.TTL))
	},
	"kv.delete": func(q members) (members, int64, error) {
		v, err := KV.Delete(string(q.Key))
		return members{Deleted: v}, 0, err
	},
	"kv.increment": func(q members) (members, int64, error) {
		v, err := KV.Increment(string(q.Key), int64(q.By), Duration(q.TTL))
		return members{}, v, err
	},
	"kv.compareAndSet": func(q members) (members, int64, error) {
		swapped, current, err := KV.CompareAndSet(string(q.Key), JSON(q.Expected), JSON(q.Value), Duration(q.TTL))
		return members{Swapped: swapped, Current: member(current)}, 0, err
	},
	"connections.metadata.get": func(q members) (members, int64, error) {
		metadata, user, err := ConnectionMetadata(string(q.ConnectionID))
		r := members{Metadata: member(metadata)}
		if user != "" {
			r.User = member(user)
		}
		return r, 0, err
	},
	"connections.metadata.set": func(q members) (members, int64, error) {
		v, err := SetConnectionMetadata(string(q.ConnectionID), JSON(q.Metadata), string(q.Strategy))
		return members{Metadata: member(v)}, 0, err
	},
	"connections.send": func(q members) (members, int64, error) {
		v, err := Send(q.To, string(q.Command), JSON(q.Payload), q.Exclude...)
		return members{Sent: vectors.Int(v)}, 0, err
	},
	"broadcast": func(q members) (members, int64, error) {
		v, err := Broadcast(string(q.Command), JSON(q.Payload), q.Exclude...)
		return members{Sent: vectors.Int(v)}, 0, err
	},
	"connections.disconnect": func(q members) (members, int64, error) {
		v, err := Disconnect(string(q.ConnectionID), int(q.Code), string(q.Reason))
		return members{Disconnected: v}, 0, err
	},
}

// TestOperationVectors is not parallel: it stands in for the host.
func TestOperationVectors(t *testing.T) {
	for _, v := range vectors.Read(t, "operations.json") {
		t.Run(v.Name, func(t *testing.T) {
			run := operations[v.Operation]
			if run == nil {
				t.Fatalf("the kit has no function for %s", v.Operation)
			}
			var called string
			var arguments, result []byte
			env.Host = func(operation string, given []byte) (uint32, []byte) {
				called, arguments = operation, bytes.Clone(given)
				return 0, result
			}
			defer func() { env.Host = nil }()
			if v.Message == "request" {
				var q members
				v.Into(t, &q)
				if _, _, err := run(q); err != nil {
					t.Error(err)
				}
				if called != v.Operation || !bytes.Equal(arguments, v.Bytes(t)) {
					t.Errorf("called %s with %x, want %s", called, arguments, v.Hex)
				}
				return
			}
			result = v.Bytes(t)
			var want members
			number := readMembers(t, v, &want)
			got, value, err := run(members{})
			if err != nil || !reflect.DeepEqual(got, want) || value != number {
				t.Errorf("got %+v, %d, %v, want %+v, %d", got, value, err, want, number)
			}
		})
	}
}

// readMembers reads a value. The one member that is an integer in one operation
// and JSON in the others is returned apart.
func readMembers(t *testing.T, v vectors.Vector, m *members) (value int64) {
	t.Helper()
	if v.Operation != "kv.increment" || v.Message != "response" {
		v.Into(t, m)
		return 0
	}
	var number struct{ Value vectors.Int }
	v.Into(t, &number)
	return int64(number.Value)
}

// TestEveryOperationHasVectors is the reminder to add some.
func TestEveryOperationHasVectors(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for _, v := range vectors.Read(t, "operations.json") {
		seen[v.Operation] |= map[string]int{"request": 1, "response": 2}[v.Message]
	}
	for name := range operations {
		if seen[name] != 3 {
			t.Errorf("%s lacks a vector of its request or its response", name)
		}
	}
}
