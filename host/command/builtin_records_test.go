package command_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/command"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/protocol"
)

func TestRecordBuiltins(t *testing.T) {
	t.Parallel()
	b := bind(refusing, command.Builtins{})
	s := b.session(t, hub.Info{Subprotocol: protocol.SubprotocolV1})
	if _, err := b.engine.Write(ctx, engine.Write{Record: "read:a", Value: []byte(`{"z":1.0,"a":12345678901234567890}`)}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.engine.Write(ctx, engine.Write{Record: "shut:a", Value: []byte(`1`)}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, payload, want string }{
		{"mesh/subscribe-record", `{"recordId":"open:a"}`, `{"success":true,"record":null,"version":0}`},
		{"mesh/subscribe-record", `{"recordId":"open:a","mode":null,"epoch":"","version":7}`, `{"success":true,"record":null,"version":0}`},
		{"mesh/subscribe-record", `{"recordId":"open:a","mode":"patch","epoch":"x","version":7}`, `{"success":true,"record":null,"version":0,"recovered":false}`},
		{"mesh/subscribe-record", `{"recordId":"read:a"}`, `{"success":true,"record":{"z":1.0,"a":12345678901234567890},"version":1,"epoch":`},
		{"mesh/subscribe-record", `{"recordId":"shut:a"}`, `{"success":false}`},
		{"mesh/subscribe-record", `{"recordId":"lost:a"}`, `{"success":false}`},
		{"mesh/subscribe-record", `{"recordId":"unexposed"}`, `{"success":false}`},
		{"mesh/subscribe-record", `{"recordId":"open:a","mode":"half"}`, `EPAYLOAD mode: must be full or patch`},
		{"mesh/subscribe-record", `{"recordId":""}`, `EPAYLOAD recordId:`},
		{"mesh/subscribe-record", `{}`, `EPAYLOAD recordId: is missing`},
		{"mesh/publish-record-update", `{"recordId":"open:a","newValue":null}`, `{"success":true,"version":1,"epoch":`},
		{"mesh/publish-record-update", `{"recordId":"open:a","newValue":{"a":1}}`, `{"success":true,"version":2,"epoch":`},
		{"mesh/publish-record-update", `{"recordId":"open:a","newValue":{"b":1},"options":{"strategy":"merge","expectVersion":2}}`, `{"success":true,"version":3,"epoch":`},
		{"mesh/publish-record-update", `{"recordId":"open:a","newValue":{"b":1.0},"options":{"strategy":"deepMerge"}}`, `{"success":true,"version":3,"epoch":`},
		{"mesh/publish-record-update", `{"recordId":"open:a","newValue":1,"options":{"expectVersion":2}}`, `ECONFLICT options.expectVersion: the record is at version 3, not 2`},
		{"mesh/publish-record-update", `{"recordId":"open:a","newValue":1,"options":{"expectVersion":"3"}}`, `EPAYLOAD options.expectVersion: must be a version`},
		{"mesh/publish-record-update", `{"recordId":"open:a","newValue":1,"options":{"strategy":"mix"}}`, `EPAYLOAD options.strategy: must be replace, merge or deepMerge`},
		{"mesh/publish-record-update", `{"recordId":"open:a","newValue":1,"options":{"strategy":1}}`, `EPAYLOAD options.strategy: must be a string`},
		{"mesh/publish-record-update", `{"recordId":"open:a","newValue":1,"options":[]}`, `EPAYLOAD options: must be an object`},
		{"mesh/publish-record-update", `{"recordId":"open:a"}`, `EPAYLOAD newValue: is missing`},
		{"mesh/publish-record-update", `{"recordId":"read:a","newValue":1}`, `ESERVER Record "read:a" is not writable by this connection.`},
		{"mesh/publish-record-update", `{"recordId":"unexposed","newValue":1}`, `ESERVER Record "unexposed" is not writable by this connection.`},
		{"mesh/publish-record-update", `{"recordId":"shut:a","newValue":1}`, `ENO no`},
		{"mesh/publish-record-update", `{"recordId":"lost:a","newValue":1}`, `EPLUGIN Guard "p.lost" is not loaded`},
		{"mesh/publish-record-update", `{"recordId":"shut:a","newValue":"` + strings.Repeat("x", 1<<20) + `"}`, `ETOOLARGE newValue: 1048578 bytes are more than limits.record_size allows`},
		{"mesh/transaction", `{"operations":[{"op":"write","recordId":"open:b","value":1},{"op":"delete","recordId":"open:a"}]}`, `{"id":"`},
		{"mesh/transaction", `{"operations":[{"op":"write","recordId":"open:b","value":2},{"op":"write","recordId":"read:a","value":1}]}`, `ESERVER Record "read:a" is not writable`},
		{"mesh/transaction", `{"operations":[{"op":"write","recordId":"open:b","value":2},{"op":"delete","recordId":"shut:a"}]}`, `ENO no`},
		{"mesh/transaction", `{"operations":[{"op":"write","recordId":"open:b","value":2},{"op":"delete","recordId":"open:b"}]}`, `ETXN operations: record "open:b" is there twice`},
		{"mesh/transaction", `{"operations":[]}`, `ETXN operations: a transaction has 1 to 100`},
		{"mesh/transaction", `{"operations":{}}`, `ETXN operations: must be a list`},
		{"mesh/transaction", `{"operations":[1]}`, `ETXN operations[0]: must be an object`},
		{"mesh/transaction", `{"operations":[{"op":"read","recordId":"open:b"}]}`, `ETXN operations[0].op: must be "write" or "delete"`},
		{"mesh/transaction", `{"operations":[{"op":"write","recordId":7,"value":1}]}`, `ETXN operations[0].recordId: must be a string`},
		{"mesh/transaction", `{"operations":[{"op":"write","recordId":"open:b"}]}`, `ETXN operations[0].value: is missing`},
		{"mesh/transaction", `{"operations":[{"op":"delete","recordId":"open:b","value":1}]}`, `ETXN operations[0].value: means nothing`},
		{"mesh/transaction", `{"operations":[{"op":"delete","recordId":"open:b","expectVersion":1}]}`, `ETXN operations[0]: "expectVersion" is unknown`},
		{"mesh/transaction", `{"operations":[{"op":"delete","op":"write","recordId":"open:b"}]}`, `ETXN operations[0]: "op" is there twice`},
		{"mesh/transaction", `{}`, `EPAYLOAD operations: is missing`},
		{"mesh/transaction", `{"operations":[{"op":"write","recordId":"open:c","value":1},{"op":"write","recordId":"open:d","value":1,"options":{"strategy":"mix"}}]}`, `EPAYLOAD operations[1].options.strategy: must be replace`},
		{"mesh/transaction", `{"operations":[{"op":"write","recordId":"open:c","value":1},{"op":"write","recordId":"","value":1}]}`, `EPAYLOAD operations[1].recordId: name is empty`},
		{"mesh/transaction", `{"operations":[{"op":"write","recordId":"open:c","value":1,"options":{"expectVersion":7}}]}`, `ECONFLICT operations[0].options.expectVersion: the record is at version 0`},
		{"mesh/publish-record-update", `{"recordId":"open:e","newValue":1,"options":{"ttl":-5}}`, `{"success":true,"version":1,"epoch":`},
		{"mesh/publish-record-update", `{"recordId":"open:e","newValue":2,"options":{"ttl":"soon"}}`, `{"success":true,"version":2,"epoch":`},
		{"mesh/transaction", `{"operations":[{"op":"write","recordId":"open:e","value":3,"options":{"ttl":-5}}]}`, `{"id":"`},
		{"mesh/transaction", `{"operations":[{"op":"delete","recordId":"open:e"}]}`, `{"id":"`},
		{"mesh/subscribe-collection", `{"collectionId":"unexposed"}`, `{"success":false,"ids":[],"records":[],"version":0}`},
		{"mesh/subscribe-collection", `{"collectionId":"open:all"}`, `{"success":true,"ids":["open:b"],"records":[{"id":"open:b","record":1,"version":1}],"version":1}`},
		{"mesh/unsubscribe-collection", `{"collectionId":"open:all"}`, `true`},
		{"mesh/unsubscribe-collection", `{"collectionId":"open:all"}`, `false`},
		{"mesh/unsubscribe-record", `{"recordId":"open:a"}`, `true`},
		{"mesh/unsubscribe-record", `{"recordId":"open:a"}`, `false`},
	} {
		got := b.ask(t, s, c.name, c.payload)
		if exact := strings.HasSuffix(c.want, "}") || c.want == "true" || c.want == "false"; !strings.HasPrefix(got, c.want) || exact && got != c.want {
			if len(c.payload) > 200 {
				c.payload = c.payload[:200]
			}
			t.Errorf("%s %s: got %s, want %s", c.name, c.payload, got, c.want)
		}
	}
}

// asked is what a guard was asked.
type asked struct {
	access abi.Access
	name   string
	value  string
}

// recording is a guard that allows everything and takes note of it.
type recording struct{ all []asked }

// Ask implements command.Guard.
func (r *recording) Ask(_ context.Context, _ *command.Call, name string, a abi.Access, value []byte) error {
	r.all = append(r.all, asked{a, name, string(value)})
	return nil
}

func TestWriteGuardsSeeWhatIsWritten(t *testing.T) {
	t.Parallel()
	g := new(recording)
	b := bind(map[string]command.Guard{"p.shut": g}, command.Builtins{})
	s := b.session(t, hub.Info{})
	for _, payload := range []string{
		`{"recordId":"shut:a","newValue":{"a":1}}`,
		`{"recordId":"shut:a","newValue":{"b":2},"options":{"strategy":"merge"}}`,
	} {
		b.ask(t, s, "mesh/publish-record-update", payload)
	}
	b.ask(t, s, "rt/transaction", `{"operations":[{"op":"delete","recordId":"shut:a"},{"op":"write","recordId":"shut:b","value":[1]}]}`)
	b.ask(t, s, "subscribe-record", `{"recordId":"shut:b"}`)
	record := func(action, strategy string) abi.Access {
		return abi.Access{Topic: abi.TopicRecord, Action: action, Strategy: strategy}
	}
	want := []asked{
		{record(abi.ActionWrite, "replace"), "shut:a", `{"a":1}`}, {record(abi.ActionWrite, "merge"), "shut:a", `{"b":2}`},
		{record(abi.ActionDelete, ""), "shut:a", ""}, {record(abi.ActionWrite, "replace"), "shut:b", "[1]"},
		{record(abi.ActionSubscribe, ""), "shut:b", ""},
	}
	if len(g.all) != len(want) {
		t.Fatalf("asked %+v", g.all)
	}
	for i := range want {
		if g.all[i] != want[i] {
			t.Errorf("asked %+v, want %+v", g.all[i], want[i])
		}
	}
	if r, err := b.engine.Record(ctx, "shut:b"); err != nil || string(r.Value) != "[1]" {
		t.Errorf("the record is %s, %v", r.Value, err)
	}
}

func TestWhoMayReadARecord(t *testing.T) {
	t.Parallel()
	writable := exposure.Record{Pattern: mustParse("/^r.*$/"), Writable: true, WriteGuard: "p.shut"}
	guarded := exposure.Record{Pattern: mustParse("/^ra.*$/"), Guard: "p.shut"}
	b := bind(refusing, command.Builtins{})
	s := b.session(t, hub.Info{})
	for _, c := range []struct {
		name    string
		set     []exposure.Record
		id      string
		allowed bool
	}{
		{"closed", nil, "ra", false},
		{"implicitly", []exposure.Record{writable}, "ra", true},
		{"not where a read pattern matches", []exposure.Record{writable, guarded}, "ra", false},
		{"whatever the order", []exposure.Record{guarded, writable}, "ra", false},
		{"elsewhere", []exposure.Record{writable, guarded}, "rb", true},
	} {
		b.Expose(exposure.Set{Records: c.set})
		want := `{"success":false}`
		if c.allowed {
			want = `{"success":true,"record":null,"version":0}`
		}
		if got := b.ask(t, s, "mesh/subscribe-record", `{"recordId":"`+c.id+`"}`); got != want {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

func TestNoGuardIsAskedOfWhatCannotBe(t *testing.T) {
	t.Parallel()
	g := new(recording)
	b := bind(map[string]command.Guard{"p.shut": g}, command.Builtins{})
	s := b.session(t, hub.Info{})
	for _, operations := range []string{
		`{"op":"write","recordId":"shut:a","value":1},{"op":"delete","recordId":"shut:a"}`,
		`{"op":"write","recordId":"shut:a","value":1},{"op":"write","recordId":"shut:b","value":1,"options":{"strategy":"mix"}}`,
		strings.TrimSuffix(strings.Repeat(`{"op":"write","recordId":"shut:a","value":1},`, 101), ","),
	} {
		b.ask(t, s, "mesh/transaction", `{"operations":[`+operations+`]}`)
	}
	b.ask(t, s, "mesh/publish-record-update", `{"recordId":"shut:a","newValue":1,"options":{"expectVersion":-1}}`)
	if len(g.all) > 0 {
		t.Errorf("asked %+v", g.all)
	}
}

// A client never says how long a record is kept.
func TestClientsSetNoTTL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := bind(refusing, command.Builtins{})
		s := b.session(t, hub.Info{})
		b.ask(t, s, "mesh/publish-record-update", `{"recordId":"open:a","newValue":1,"options":{"ttl":1000}}`)
		b.ask(t, s, "mesh/transaction", `{"operations":[{"op":"write","recordId":"open:b","value":1,"options":{"ttl":1000}}]}`)
		<-time.After(time.Minute)
		for _, id := range []string{"open:a", "open:b"} {
			if r, err := b.engine.Record(ctx, id); err != nil || r.Value == nil {
				t.Errorf("%s is gone: %+v, %v", id, r, err)
			}
		}
	})
}

// ending is a guard that allows what is ended while it is asked.
type ending struct {
	engine *engine.Engine
	end    func(e *engine.Engine, name, connection string) (bool, error)
}

// Ask implements command.Guard.
func (g *ending) Ask(_ context.Context, c *command.Call, name string, _ abi.Access, _ []byte) error {
	_, err := g.end(g.engine, name, c.Session.ID())
	return err
}

func TestWhatIsEndedWhileItsGuardIsAskedDoesNotBegin(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		command, payload string
		end              func(e *engine.Engine, name, connection string) (bool, error)
	}{
		"record": {"mesh/subscribe-record", `{"recordId":"shut:a"}`, func(e *engine.Engine, name, connection string) (bool, error) {
			return e.EndRecord(ctx, name, connection, "")
		}},
		"collection": {"mesh/subscribe-collection", `{"collectionId":"shut:all"}`, func(e *engine.Engine, name, connection string) (bool, error) {
			return e.EndCollection(ctx, name, connection, "")
		}},
		"channel": {"mesh/subscribe-channel", `{"channel":"shut:a"}`, func(e *engine.Engine, name, connection string) (bool, error) {
			return e.EndChannel(ctx, name, connection, "")
		}},
		"presence": {"mesh/subscribe-presence", `{"roomName":"shut:a"}`, func(e *engine.Engine, name, connection string) (bool, error) {
			return e.EndPresence(ctx, name, connection, "")
		}},
	} {
		g := &ending{end: c.end}
		b := bind(map[string]command.Guard{"p.shut": g}, command.Builtins{})
		g.engine = b.engine
		s := b.session(t, hub.Info{})
		if got := b.ask(t, s, c.command, c.payload); !strings.HasPrefix(got, `{"success":false`) {
			t.Errorf("%s: %s", name, got)
		}
		for _, kind := range []hub.Kind{hub.RecordTopic, hub.CollectionTopic, hub.ChannelTopic, hub.PresenceTopic} {
			if n := s.Subscriptions(kind); n > 0 {
				t.Errorf("%s: %d subscriptions of kind %s", name, n, kind)
			}
		}
	}
}

// Who gets an error instead of a value has no subscription that builds on it.
func TestWhatIsTooLargeForAReplyDoesNotBegin(t *testing.T) {
	t.Parallel()
	b := bind(refusing, command.Builtins{})
	s := b.session(t, hub.Info{})
	large := `"` + strings.Repeat("x", 900<<10) + `"`
	for i := range 5 {
		if _, err := b.engine.Write(ctx, engine.Write{Record: "open:" + strings.Repeat(`"`, 200) + string(rune('a'+i)), Value: []byte(large)}); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.ask(t, s, "mesh/subscribe-collection", `{"collectionId":"open:all"}`); !strings.HasPrefix(got, "ETOOLARGE") {
		t.Errorf("got %.100s", got)
	}
	if n := s.Subscriptions(hub.CollectionTopic); n > 0 || b.engine.Collections() > 0 {
		t.Errorf("%d subscriptions", n)
	}
}
