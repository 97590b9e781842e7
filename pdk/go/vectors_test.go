//go:build !wasm

package mesh

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/mesh-host/mesh-host/pdk/go/internal/codec"
	"github.com/mesh-host/mesh-host/pdk/go/internal/vectors"
)

// member shortens the structures that the vectors' values are read into.
type member = vectors.Bytes

func TestMessageVectors(t *testing.T) {
	t.Parallel()
	checks := map[string]func(*testing.T, vectors.Vector){
		"Request": checkRequest, "Response": checkResponse, "Error": checkError,
		"Handshake": checkHandshake, "Departure": checkDeparture, "Access": checkAccess, "RoomChange": checkRoomChange,
		"RecordChange": checkRecordChange,
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
		p.Guard("y", func(*GuardCall) error { return decodeError(want.Body) })
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
	g.Call(0, detailed(6, v.Bytes(t)))
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// detailed is a request with nothing but a detail.
func detailed(kind int64, detail []byte) []byte {
	request := codec.AppendInt(nil, kind)
	for range 6 {
		request = codec.AppendAbsent(request)
	}
	return codec.AppendBytes(request, detail)
}

// access is what a guard is asked about.
type access struct{ Topic, Action, Strategy string }

// intact is what can be read of malformed ones: a field that is malformed reads
// as none.
var intact = map[string]access{
	"access cut off in its action":   {Topic: "channel"},
	"access cut off in its strategy": {Topic: "record", Action: "write"},
}

func checkAccess(t *testing.T, v vectors.Vector) {
	t.Helper()
	var want, got access
	if v.Error == "" {
		v.Into(t, &want)
	} else {
		want = intact[v.Name]
	}
	g := guest{setup: func(p *Plugin) error {
		p.Guard("x", func(c *GuardCall) error {
			got = access{c.Topic(), c.Action(), c.Strategy()}
			return nil
		})
		return nil
	}}
	g.Register()
	g.Call(0, detailed(3, v.Bytes(t)))
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func checkRoomChange(t *testing.T, v vectors.Vector) {
	t.Helper()
	var want, got RoomChange
	v.Into(t, &want)
	take := func(c *RoomChange) error {
		got = RoomChange{Room: c.Room, Reason: c.Reason}
		return nil
	}
	g := guest{setup: func(p *Plugin) error {
		p.OnJoin(take)
		p.OnLeave(take)
		return nil
	}}
	g.Register()
	for handler := range uint32(2) {
		g.Call(handler, detailed(8+int64(handler), v.Bytes(t)))
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func checkRecordChange(t *testing.T, v vectors.Vector) {
	t.Helper()
	var want struct {
		RecordID, Epoch, Reason string
		Version                 vectors.Int
	}
	if v.Error == "" {
		v.Into(t, &want)
	}
	var got RecordChange
	take := func(c *RecordChange) error {
		got = *c
		got.Call = nil
		return nil
	}
	g := guest{setup: func(p *Plugin) error {
		p.OnRecordUpdate(take)
		p.OnRecordRemoved(take)
		return nil
	}}
	g.Register()
	for handler := range uint32(2) {
		g.Call(handler, detailed(11+int64(handler), v.Bytes(t)))
		expected := RecordChange{RecordID: want.RecordID, Version: int64(want.Version), Epoch: want.Epoch, Reason: want.Reason}
		if v.Error != "" {
			expected = RecordChange{RecordID: "n", Version: got.Version} // what is malformed, and all behind it, reads as none
		}
		if got != expected {
			t.Errorf("got %+v, want %+v", got, expected)
		}
	}
}
