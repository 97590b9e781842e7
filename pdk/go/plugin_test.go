//go:build !wasm

package mesh

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/pdk/go/internal/codec"
	"github.com/mesh-host/mesh-host/pdk/go/internal/env"
)

func none(*Call) (JSON, error)              { return nil, nil }
func nothing(*Call) error                   { return nil }
func passing(*MiddlewareCall) error         { return nil }
func departed(*Departure) error             { return nil }
func moved(*RoomChange) error               { return nil }
func allow(*GuardCall) error                { return nil }
func changed(*RecordChange) error           { return nil }
func noRecords(*Call) ([]string, error)     { return nil, nil }
func unknown(*Handshake) (*Identity, error) { return nil, nil }

func TestRegistrationDocument(t *testing.T) {
	t.Parallel()
	g := guest{setup: func(p *Plugin) error {
		p.Name("everything")
		p.Version("1.2")
		p.Order(-5)
		p.ConfigSchema(JSON(`{"type":"object"}`))
		p.Capability("kv", "counts \"calls\"")
		p.Middleware("m", passing, Global(), Order(0))
		p.Middleware("n", passing)
		p.Command("a", none)
		p.Command("b", none, Concurrent(), Using("n", "m"))
		p.Guard("g", allow)
		p.Channel("a")
		p.Channel("/^b:.+$/", GuardedBy("g"), Publishable(), History(5), HistoryTTL(90*Second), SlowDrop)
		p.Channel("c", PublishableBy("g"), HistoryTTL(0))
		p.Presence("/^b:.+$/", GuardedBy("g"), TTL(1500*Millisecond), SlowConflate)
		p.Room("/^b:.+$/", GuardedBy("g"), MetadataGuardedBy("g"))
		p.Record("r")
		p.Record("/^b:.+$/", GuardedBy("g"), Writable(), TTL(Minute), SlowConflate)
		p.Record("w", WritableBy("g"), TTL(0))
		p.Collection("c", noRecords)
		p.Collection("/^c:.+$/", noRecords, GuardedBy("g"), DependsOn("r", "/^b:.+$/"), Shared(), Limit(50))
		p.MetadataGuard("g")
		p.Authenticate(unknown, Order(7))
		p.OnConnect(nothing)
		p.OnDisconnect(departed)
		p.OnJoin(moved)
		p.OnLeave(moved)
		p.OnRecordUpdate(changed, "r", "/^b:.+$/")
		p.OnRecordRemoved(changed)
		p.Every("30s", "tick", nothing)
		p.Cron("0 4 * * *", "nightly", nothing, OncePerCluster())
		return nil
	}}
	want := `{"name":"everything","version":"1.2","order":-5,` +
		`"commands":[{"name":"a","handler":2},{"name":"b","handler":3,"concurrent":true,"middleware":["n","m"]}],` +
		`"middleware":[{"name":"m","handler":0,"global":true,"order":0},{"name":"n","handler":1}],` +
		`"guards":[{"name":"g","handler":4}],` +
		`"channels":[{"pattern":"a"},` +
		`{"pattern":"/^b:.+$/","guard":"g","publish":true,"history":5,"historyTtl":"90s","slowConsumer":"drop"},` +
		`{"pattern":"c","publish":true,"publishGuard":"g"}],` +
		`"presence":[{"pattern":"/^b:.+$/","guard":"g","ttl":"1500ms","slowConsumer":"conflate"}],` +
		`"rooms":[{"pattern":"/^b:.+$/","guard":"g","metadataGuard":"g"}],` +
		`"records":[{"pattern":"r"},{"pattern":"/^b:.+$/","guard":"g","writable":true,"ttl":"1m","slowConsumer":"conflate"},` +
		`{"pattern":"w","writable":true,"writeGuard":"g"}],` +
		`"collections":[{"pattern":"c","handler":5},{"pattern":"/^c:.+$/","handler":6,"guard":"g","records":["r","/^b:.+$/"],"shared":true,"limit":50}],` +
		`"metadataGuard":"g",` +
		`"hooks":[{"event":"authenticate","handler":7,"order":7},{"event":"connect","handler":8},{"event":"disconnect","handler":9},` +
		`{"event":"join","handler":10},{"event":"leave","handler":11},{"event":"recordUpdate","handler":12,"records":["r","/^b:.+$/"]},` +
		`{"event":"recordRemoved","handler":13}],` +
		`"schedules":[{"name":"tick","handler":14,"every":"30s"},{"name":"nightly","handler":15,"cron":"0 4 * * *","scope":"cluster"}],` +
		`"capabilities":[{"name":"kv","reason":"counts \"calls\""}],` +
		`"configSchema":{"type":"object"}}`
	if got := g.Register(); string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestRegistrationErrors(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		setup func(*Plugin) error
		want  string
	}{
		"no Main":      {nil, `{"error":"the plugin has not called mesh.Main"}`},
		"set-up fails": {func(*Plugin) error { return errors.New(`no "tokens"`) }, `{"error":"no \"tokens\""}`},
		"no handler":   {func(p *Plugin) error { p.Command("a", nil); return nil }, `{"error":"command \"a\" has no handler"}`},
		"no handlers": {func(p *Plugin) error {
			p.Middleware("m", nil)
			p.Guard("g", nil)
			p.Authenticate(nil)
			p.OnJoin(nil)
			p.Collection("c", nil)
			p.OnRecordRemoved(nil)
			p.Every("1s", "s", nil)
			return errors.New("and more")
		}, `{"error":"middleware \"m\" has no handler\nguard \"g\" has no handler\nhook \"authenticate\" has no handler\nhook \"join\" has no handler\ncollection \"c\" has no handler\nhook \"recordRemoved\" has no handler\nschedule \"s\" has no handler\nand more"}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := guest{setup: test.setup}
			if got := g.Register(); string(got) != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// answer is a response as the host reads it.
type answer struct {
	status       int64
	body, locals []byte
}

func ask(t *testing.T, g *guest, handler uint32, payload string) answer {
	t.Helper()
	f := codec.Decode(g.Call(handler, command(payload)))
	status, _ := f.Int()
	a := answer{status, f.Bytes(), f.Bytes()}
	if f.Err() != nil {
		t.Fatal(f.Err())
	}
	return a
}

func command(payload string) []byte {
	b := codec.AppendString(codec.AppendInt(nil, 1), "x")
	b = codec.AppendString(b, "c1")
	b = codec.AppendString(b, "ann")
	b = codec.AppendBytes(b, []byte(`{"m":1}`))
	b = codec.AppendAbsent(b)
	b = codec.AppendString(b, payload)
	return codec.AppendAbsent(b)
}

func TestReplies(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("y", 100_000)
	static := JSON(`"static"`)
	tests := map[string]struct {
		handler func(*Call) (JSON, error)
		want    string
	}{
		"the payload":            {func(c *Call) (JSON, error) { return c.Payload(), nil }, `{"a":"b"}`},
		"a part of the payload":  {func(c *Call) (JSON, error) { return c.Payload().Get("a"), nil }, `"b"`},
		"the metadata":           {func(c *Call) (JSON, error) { return c.Metadata(), nil }, `{"m":1}`},
		"a small object":         {func(c *Call) (JSON, error) { return c.Object().Text("u", c.User()).JSON(), nil }, `{"u":"ann"}`},
		"an object of its own":   {func(*Call) (JSON, error) { return Object().Int("n", 1).JSON(), nil }, `{"n":1}`},
		"a large object":         {func(c *Call) (JSON, error) { return c.Object().Text("t", long).JSON(), nil }, `{"t":"` + long + `"}`},
		"something kept":         {func(*Call) (JSON, error) { return static, nil }, `"static"`},
		"an object in an object": {nestObjects, `{"outer":1,"inner":{"deep":2},"after":3}`},
		"more objects than fit":  {manyObjects, `{"n":19,"inner":{"n":18,"inner":{"n":17}}}`},
		"empty text":             {func(*Call) (JSON, error) { return JSON{}, nil }, ``},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := &guest{setup: func(p *Plugin) error { p.Command("x", test.handler); return nil }}
			g.Register()
			for range 3 {
				a := ask(t, g, 0, `{"a":"b"}`)
				if a.status != statusReply || string(a.body) != test.want || a.body == nil || a.locals != nil {
					t.Errorf("got %d, %.100q, %q", a.status, a.body, a.locals)
				}
			}
		})
	}
}

func nestObjects(c *Call) (JSON, error) {
	outer := c.Object().Int("outer", 1)
	inner := c.Object().Int("deep", 2).JSON()
	return outer.Raw("inner", inner).Int("after", 3).JSON(), nil
}

func manyObjects(c *Call) (JSON, error) {
	var last, before JSON
	for i := range int64(20) {
		o := c.Object().Int("n", i)
		if i > 17 {
			o.Raw("inner", before)
		}
		last = o.JSON()
		before = last
	}
	return last, nil
}

func TestNilRepliesNull(t *testing.T) {
	t.Parallel()
	g := &guest{setup: func(p *Plugin) error { p.Command("x", none); return nil }}
	g.Register()
	if a := ask(t, g, 0, `1`); a.status != statusContinue || a.body != nil {
		t.Errorf("got %+v", a)
	}
}

func TestErrorsOfHandlers(t *testing.T) {
	t.Parallel()
	denied := Denied("not you").WithData(JSON(`{"a":1}`))
	tests := map[string]struct {
		err  error
		want Error
	}{
		"any error":     {errors.New("oops"), Error{Message: "oops"}},
		"the kit's":     {denied, Error{Code: CodeDenied, Name: "DeniedError", Message: "not you", Data: JSON(`{"a":1}`)}},
		"wrapped":       {fmt.Errorf("send: %w", NotFound("no c9")), Error{Code: CodeNotFound, Name: "CommandError", Message: "send: no c9"}},
		"joined":        {errors.Join(errors.New("one"), BadPayload("a", "is wrong")), Error{Code: CodePayload, Name: "PayloadError", Message: "one\nfield \"a\" is wrong"}},
		"wrapped twice": {fmt.Errorf("b: %w", fmt.Errorf("a: %w", denied)), Error{Code: CodeDenied, Name: "DeniedError", Message: "b: a: not you", Data: JSON(`{"a":1}`)}},
		"its own code":  {NewError("ENOBEER", "empty"), Error{Code: "ENOBEER", Message: "empty"}},
		"no message":    {&Error{Code: "EX"}, Error{Code: "EX"}},
		"a status":      {Refuse(403, "banned"), Error{Code: CodeDenied, Name: "DeniedError", Message: "banned", HTTP: 403}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := &guest{setup: func(p *Plugin) error {
				p.Command("c", func(*Call) (JSON, error) { return nil, test.err })
				p.Middleware("m", func(*MiddlewareCall) error { return test.err })
				p.Guard("g", func(*GuardCall) error { return test.err })
				p.Authenticate(func(*Handshake) (*Identity, error) { return nil, test.err })
				p.OnConnect(func(*Call) error { return test.err })
				p.Every("1s", "s", func(*Call) error { return test.err })
				p.Collection("c", func(*Call) ([]string, error) { return nil, test.err })
				p.OnRecordUpdate(func(*RecordChange) error { return test.err })
				return nil
			}}
			g.Register()
			for handler, status := range []int64{statusError, statusError, statusRefuse, statusRefuse, statusError, statusError, statusError, statusError} {
				a := ask(t, g, uint32(handler), `{}`)
				if want := test.want.append(nil); a.status != status || !bytes.Equal(a.body, want) {
					t.Errorf("handler %d: got %d, %q, want %d, %q", handler, a.status, a.body, status, want)
				}
			}
		})
	}
}

func TestUnknownHandler(t *testing.T) {
	t.Parallel()
	g := &guest{setup: func(p *Plugin) error { p.Command("x", none); return nil }}
	want := NewError(CodePlugin, "the plugin has no such handler").append(nil)
	if a := ask(t, g, 0, `1`); a.status != statusError || !bytes.Equal(a.body, want) {
		t.Errorf("before mesh_register: got %d, %q", a.status, a.body)
	}
	g.Register()
	if a := ask(t, g, 1, `1`); a.status != statusError || !bytes.Equal(a.body, want) {
		t.Errorf("got %d, %q", a.status, a.body)
	}
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	tests := []struct {
		identity *Identity
		status   int64
		body     string
	}{
		{nil, statusContinue, ""},
		{&Identity{User: "ann"}, statusReply, `{"user":"ann"}`},
		{&Identity{User: "a\"n", Metadata: JSON(`[1]`)}, statusReply, `{"user":"a\"n","metadata":[1]}`},
		{&Identity{Metadata: JSON(`{}`)}, statusReply, `{"user":"","metadata":{}}`},
	}
	for _, test := range tests {
		g := &guest{setup: func(p *Plugin) error {
			p.Authenticate(func(*Handshake) (*Identity, error) { return test.identity, nil })
			return nil
		}}
		g.Register()
		if a := ask(t, g, 0, ``); a.status != test.status || string(a.body) != test.body {
			t.Errorf("%+v: got %d, %q", test.identity, a.status, a.body)
		}
	}
}

// TestHostErrors is not parallel: it stands in for the host.
func TestHostErrors(t *testing.T) {
	defer func() { env.Host = nil }()
	if _, err := KV.Get("k"); err == nil || err.Error() != CodeServer {
		t.Errorf("without a host: %v", err)
	}
	result := (&Error{Code: CodeLimit, Name: "LimitError", Message: "full", Data: JSON(`{"max":1}`)}).append(nil)
	env.Host = func(string, []byte) (uint32, []byte) { return 10, result }
	for name, run := range map[string]func() error{
		"nothing": func() error { return KV.Set("k", Int(1), Second) },
		"small":   func() error { _, err := KV.Increment("k", 1, Forever); return err },
		"bytes":   func() error { _, err := KV.Get("k"); return err },
	} {
		var e *Error
		if err := run(); !errors.As(err, &e) || e.Code != CodeLimit || e.Message != "full" || string(e.Data) != `{"max":1}` {
			t.Errorf("%s: got %v", name, err)
		}
	}
	env.Host = func(string, []byte) (uint32, []byte) { return 0, []byte{1, 0, 0} }
	if _, err := KV.Get("k"); !errors.Is(err, codec.ErrTruncated) {
		t.Errorf("malformed: %v", err)
	}
	if _, err := KV.Increment("k", 1, 0); !errors.Is(err, codec.ErrTruncated) {
		t.Errorf("malformed small: %v", err)
	}
}

func TestDurationsAreReadable(t *testing.T) {
	t.Parallel()
	for d, want := range map[Duration]string{
		0: `{}`, 5: `{"d":"5ms"}`, Second: `{"d":"1s"}`, 90 * Second: `{"d":"90s"}`, 2 * Minute: `{"d":"2m"}`,
		Day: `{"d":"24h"}`, 61*Minute + 1: `{"d":"3660001ms"}`, -Second: `{"d":"-1s"}`,
	} {
		o := Object()
		duration(o, "d", d)
		if got := o.JSON(); string(got) != want {
			t.Errorf("%d: got %s, want %s", d, got, want)
		}
	}
}
