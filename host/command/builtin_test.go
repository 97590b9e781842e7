package command_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
	"github.com/mesh-host/mesh-host/host/command"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/hub/hubtest"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// bound is a router with all built-ins, over an engine in memory.
type bound struct {
	*command.Router
	engine *engine.Engine
	hub    *hub.Hub
}

// guard decides by a function.
type guard func(name string, a abi.Access) error

// Ask implements command.Guard.
func (g guard) Ask(_ context.Context, _ *command.Call, name string, a abi.Access, _ []byte) error {
	return g(name, a)
}

func mustParse(text string) exposure.Pattern {
	p, err := exposure.Parse(text)
	if err != nil {
		panic(err)
	}
	return p
}

// bind makes a bound router. Names that begin with "open" are open for
// everything, those with "shut" guarded by a guard that refuses, those with
// "lost" by one that is not there.
func bind(guards map[string]command.Guard, o command.Builtins) bound {
	b := bound{Router: command.NewRouter(silent), hub: hub.New(hub.Limits{Outbox: 1 << 20})}
	var set exposure.Set
	for prefix, guard := range map[string]string{"open": "", "shut": "p.shut", "lost": "p.lost"} {
		pattern := mustParse("/^" + prefix + ".*$/")
		set.Channels = append(set.Channels, exposure.Channel{
			Pattern: pattern, Guard: guard, Publish: true, PublishGuard: guard, History: 10, HistoryTTL: time.Hour,
		})
		set.Presence = append(set.Presence, exposure.Presence{Pattern: pattern, Guard: guard})
		set.Records = append(set.Records, exposure.Record{Pattern: pattern, Guard: guard, Writable: true, WriteGuard: guard})
	}
	set.Records = append(set.Records, exposure.Record{Pattern: mustParse("/^read.*$/")})
	set.Collections = []exposure.Collection{{
		Pattern: mustParse("shut:all"), Records: []exposure.Pattern{mustParse("none")}, Guard: "p.shut", Limit: 10,
	}, {
		Pattern: mustParse("open:all"), Records: []exposure.Pattern{mustParse("/^(open|shut).*$/")}, Limit: 10,
	}}
	set.Rooms = []exposure.Room{
		{Pattern: mustParse("closed"), Guard: "p.shut"}, {Pattern: mustParse("known"), MetadataGuard: "p.open"},
	}
	b.Expose(set)
	b.engine = engine.New(engine.Options{
		Hub: b.hub, Node: memory.New(memory.Options{}).Node("n"), Rules: b.Router, Observer: b.Router, Resolver: b.Resolver(), Log: silent,
		Limits: engine.Limits{Subscriptions: 100, Rooms: 100, PresenceState: 100, MetadataSize: 1000},
	})
	b.Bind(b.engine, o)
	b.Swap(command.NewTable(command.Entries{Guards: guards}, nil))
	return b
}

var refusing = map[string]command.Guard{
	"p.shut": guard(func(string, abi.Access) error { return protocol.NewError("ENO", "no") }),
	"p.open": guard(func(string, abi.Access) error { return nil }),
}

func (b bound) session(tb testing.TB, info hub.Info) *hub.Session {
	tb.Helper()
	s, err := b.hub.Register(hubtest.NewWire(tb), info)
	if err != nil {
		tb.Fatal(err)
	}
	if err := b.engine.Open(ctx, s); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		s.End()
		b.engine.Close(ctx, s)
	})
	return s
}

// ask runs a built-in in the session's dialect and returns the reply, or the
// error's code and message.
func (b bound) ask(t *testing.T, s *hub.Session, name, payload string) string {
	t.Helper()
	reply, err := call(t, b.Router, s, name, payload)
	if err != nil {
		return err.Code + " " + err.Message
	}
	return reply
}

func TestBuiltins(t *testing.T) {
	t.Parallel()
	b := bind(refusing, command.Builtins{})
	s := b.session(t, hub.Info{User: "ann", Metadata: []byte(`{"a":1}`)})
	me := `"` + s.ID() + `"`
	for _, c := range []struct{ name, payload, want string }{
		{"mesh/subscribe-channel", `{"channel":"open"}`, `{"success":true,"history":[],"epoch":`},
		{"mesh/subscribe-channel", `{"channel":"shut"}`, `{"success":false,"history":[]}`},
		{"mesh/subscribe-channel", `{"channel":"lost"}`, `{"success":false,"history":[]}`},
		{"mesh/subscribe-channel", `{"channel":"unexposed"}`, `{"success":false,"history":[]}`},
		{"mesh/publish-channel", `{"channel":"open","message":"a"}`, `{"success":true,"offset":1}`},
		{"mesh/publish-channel", `{"channel":"open","message":{"b":1},"history":5}`, `{"success":true,"offset":2}`},
		{"mesh/publish-channel", `{"channel":"open","message":null}`, `{"success":true,"offset":3}`},
		{"mesh/publish-channel", `{"channel":"open"}`, `EPAYLOAD message: is missing`},
		{"mesh/publish-channel", `{"channel":"shut","message":"a"}`, `ENO no`},
		{"mesh/publish-channel", `{"channel":"lost","message":"a"}`, `EPLUGIN Guard "p.lost" is not loaded`},
		{"mesh/publish-channel", `{"channel":"unexposed","message":"a"}`, `EDENIED Channel "unexposed" is not open`},
		{"mesh/get-channel-history", `{"channel":"open"}`, `{"success":true,"history":["null","{\"b\":1}","a"],"epoch":`},
		{"mesh/get-channel-history", `{"channel":"open","limit":1}`, `{"success":true,"history":["null"],"epoch":`},
		{"mesh/get-channel-history", `{"channel":"open","since":"2"}`, `{"success":true,"history":["null"],"epoch":`},
		{"mesh/get-channel-history", `{"channel":"open","since":99999999999999}`, `{"success":true,"history":[],"epoch":`},
		{"mesh/get-channel-history", `{"channel":"shut"}`, `{"success":false,"history":[]}`},
		{"mesh/unsubscribe-channel", `{"channel":"open"}`, `true`},
		{"mesh/unsubscribe-channel", `{"channel":"open"}`, `false`},
		{"mesh/join-room", `{"roomName":"closed"}`, `ENO no`},
		{"mesh/join-room", `{"roomName":"lobby"}`, `{"success":true,"present":[` + me + `]}`},
		{"mesh/join-room", `{"roomName":"open"}`, `{"success":true,"present":[` + me + `]}`},
		{"mesh/join-room", `{"roomName":"shut"}`, `{"success":true,"present":[]}`},
		{"mesh/subscribe-presence", `{"roomName":"open"}`, `{"success":true,"present":[` + me + `],"states":{}}`},
		{"mesh/subscribe-presence", `{"roomName":"lobby"}`, `{"success":false,"present":[]}`},
		{"mesh/subscribe-presence", `{"roomName":"shut"}`, `{"success":false,"present":[]}`},
		{"mesh/publish-presence-state", `{"roomName":"open","state":{"x":1}}`, `true`},
		{"mesh/publish-presence-state", `{"roomName":"open","state":""}`, `false`},
		{"mesh/publish-presence-state", `{"roomName":"open"}`, `false`},
		{"mesh/publish-presence-state", `{"roomName":"shut","state":1}`, `false`},
		{"mesh/publish-presence-state", `{"roomName":"lobby","state":1}`, `false`},
		{"mesh/publish-presence-state", `{"roomName":"open","state":"` + strings.Repeat("x", 100) + `"}`, `ETOOLARGE state: 102 bytes`},
		{"mesh/publish-presence-state", `{"roomName":"open","state":1,"silent":"yes"}`, `EPAYLOAD silent: must be true or false`},
		{"mesh/get-presence-state", `{"roomName":"open"}`, `{"success":true,"present":[` + me + `],"states":{` + me + `:{"x":1}}}`},
		{"mesh/clear-presence-state", `{"roomName":"open"}`, `true`},
		{"mesh/clear-presence-state", `{"roomName":"open:other"}`, `false`},
		{"mesh/unsubscribe-presence", `{"roomName":"open"}`, `true`},
		{"mesh/unsubscribe-presence", `{"roomName":"open"}`, `false`},
		{"mesh/get-room-metadata", `{"roomName":"lobby"}`, `{"metadata":null}`},
		{"mesh/get-room-metadata", `{"roomName":"den"}`, `EDENIED Only members`},
		{"mesh/get-room-metadata", `{"roomName":"known"}`, `{"metadata":null}`},
		{"mesh/leave-room", `{"roomName":"lobby"}`, `{"success":true}`},
		{"mesh/get-connection-metadata", `{"connectionId":` + me + `}`, `{"metadata":{"a":1}}`},
		{"mesh/get-connection-metadata", `{"connectionId":"someone"}`, `EDENIED Only the metadata`},
		{"mesh/get-my-connection-metadata", `{}`, `{"metadata":{"a":1},"user":"ann"}`},
		{"mesh/set-my-connection-metadata", `{"metadata":{"a":2}}`, `EDENIED Clients may not set`},
	} {
		if got := b.ask(t, s, c.name, c.payload); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s %s answers %s, want %s", c.name, c.payload, got, c.want)
		}
	}
}

func TestNamesAreChecked(t *testing.T) {
	t.Parallel()
	b := bind(refusing, command.Builtins{Writable: []string{"*"}})
	s := b.session(t, hub.Info{})
	fields := map[string][]string{
		"channel":      {"subscribe-channel", "unsubscribe-channel", "publish-channel", "get-channel-history"},
		"roomName":     {"join-room", "leave-room", "subscribe-presence", "unsubscribe-presence", "get-presence-state", "publish-presence-state", "clear-presence-state", "get-room-metadata"},
		"connectionId": {"get-connection-metadata"},
	}
	for field, names := range fields {
		for _, name := range names {
			for _, payload := range []string{
				``, `{}`, `{"` + field + `":null}`, `{"` + field + `":5}`, `{"` + field + `":[]}`, `{"` + field + `":""}`,
				`{"` + field + `":"` + strings.Repeat("x", 257) + `"}`, `{"` + field + `":"a\u0000"}`, `{"` + field + `":"a\n"}`,
			} {
				if got := b.ask(t, s, "mesh/"+name, payload); !strings.HasPrefix(got, "EPAYLOAD "+field+": ") {
					t.Errorf("%s %s answers %s", name, payload, got)
				}
			}
			for _, payload := range []string{`null`, `[]`, `"x"`, `1`} {
				if got := b.ask(t, s, "mesh/"+name, payload); !strings.HasPrefix(got, "EPAYLOAD payload: must be an object") {
					t.Errorf("%s %s answers %s", name, payload, got)
				}
			}
		}
	}
}

func TestDialectsOfReplies(t *testing.T) {
	t.Parallel()
	b := bind(refusing, command.Builtins{})
	s := b.session(t, hub.Info{Metadata: []byte(`{"a":1}`)})
	s.SetDialect(protocol.DialectRT)
	for _, message := range []string{"1", "2", "3"} {
		b.ask(t, s, "rt/publish-channel", `{"channel":"open","message":`+message+`}`)
	}
	if got := b.ask(t, s, "rt/get-channel-history", `{"channel":"open","limit":2}`); !strings.HasPrefix(got, `{"success":true,"history":["2","3"]`) {
		t.Errorf("the history is %s", got)
	}
	want := `{"success":true,"present":[{"id":"` + s.ID() + `","metadata":{"a":1}}]}`
	if got := b.ask(t, s, "rt/join-room", `{"roomName":"open"}`); got != want {
		t.Errorf("joining answers %s, want %s", got, want)
	}
}

func TestClientsWriteOnlyWhatTheyMay(t *testing.T) {
	t.Parallel()
	b := bind(refusing, command.Builtins{Writable: []string{"name", "mood"}})
	s := b.session(t, hub.Info{Metadata: []byte(`{"role":"user","name":"x"}`)})
	for _, c := range []struct{ payload, want, after string }{
		{`{"metadata":{"mood":"fine"}}`, `{"success":true}`, `{"role":"user","mood":"fine"}`},
		{`{"metadata":{"name":"ann"},"options":{"strategy":"merge"}}`, `{"success":true}`, `{"role":"user","mood":"fine","name":"ann"}`},
		{`{"metadata":{"role":"admin"}}`, `EDENIED`, `{"role":"user","mood":"fine","name":"ann"}`},
		{`{"metadata":{"r\u006fle":"admin","name":"b"},"options":{"strategy":"merge"}}`, `EDENIED`, `{"role":"user","mood":"fine","name":"ann"}`},
		{`{"metadata":{"name":"a","name":"b"}}`, `{"success":true}`, `{"role":"user","name":"b"}`},
		{`{"metadata":[]}`, `EPAYLOAD`, `{"role":"user","name":"b"}`},
		{`{"metadata":null}`, `EPAYLOAD`, `{"role":"user","name":"b"}`},
		{`{"metadata":{},"options":5}`, `EPAYLOAD options: must be an object`, `{"role":"user","name":"b"}`},
		{`{"metadata":{},"options":{"strategy":"x"}}`, `EPAYLOAD`, `{"role":"user","name":"b"}`},
		{`{"metadata":{}}`, `{"success":true}`, `{"role":"user"}`},
	} {
		if got := b.ask(t, s, "mesh/set-my-connection-metadata", c.payload); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s answers %s", c.payload, got)
		}
		if got := string(s.Metadata()); got != c.after {
			t.Errorf("after %s it is %s, want %s", c.payload, got, c.after)
		}
	}
}

// FuzzBuiltins sends any payload to every built-in: the answer is JSON or an
// error of the table.
func FuzzBuiltins(f *testing.F) {
	for _, seed := range []string{
		`{"channel":"open","historyLimit":-1,"since":1e300,"recover":{"epoch":"","offset":-0.5}}`,
		`{"roomName":"open","state":{"a":[1]},"expireAfter":9e18,"silent":true}`,
		`{"metadata":{"a":1},"options":{"strategy":"deepMerge"}}`, `null`, `[]`, `{"connectionId":"\ud800"}`,
	} {
		f.Add([]byte(seed))
	}
	names := []string{
		"subscribe-channel", "publish-channel", "get-channel-history", "join-room", "publish-presence-state",
		"subscribe-presence", "get-presence-state", "clear-presence-state", "get-room-metadata", "get-connection-metadata",
		"set-my-connection-metadata", "get-my-connection-metadata", "leave-room", "unsubscribe-presence", "unsubscribe-channel",
	}
	b := bind(refusing, command.Builtins{Writable: []string{"*"}})
	f.Fuzz(func(t *testing.T, payload []byte) {
		if !protocol.Valid(payload) {
			return
		}
		s := b.session(t, hub.Info{Subprotocol: protocol.SubprotocolV1})
		for _, name := range names {
			reply, err := call(t, b.Router, s, "mesh/"+name, string(payload))
			if err != nil {
				if _, known := abi.LookupError(err.Code); !known && err.Code != "ENO" || err.Ref != "" {
					t.Errorf("%s fails with %v", name, err)
				}
			} else if !protocol.Valid([]byte(reply)) {
				t.Errorf("%s answers %q", name, reply)
			}
		}
	})
}
