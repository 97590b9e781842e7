package command_test

import (
	"context"
	"strings"
	"testing"

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
		{"mesh/publish-record-update", `{"recordId":"open:a","newValue":1,"options":{"expectVersion":2}}`, `ECONFLICT expectVersion: the record is at version 3, not 2`},
		{"mesh/publish-record-update", `{"recordId":"open:a","newValue":1,"options":{"expectVersion":"3"}}`, `EPAYLOAD expectVersion: must be a version`},
		{"mesh/publish-record-update", `{"recordId":"open:a","newValue":1,"options":{"strategy":"mix"}}`, `EPAYLOAD strategy: must be replace, merge or deepMerge`},
		{"mesh/publish-record-update", `{"recordId":"open:a","newValue":1,"options":{"strategy":1}}`, `EPAYLOAD options.strategy: must be a string`},
		{"mesh/publish-record-update", `{"recordId":"open:a","newValue":1,"options":[]}`, `EPAYLOAD options: must be an object`},
		{"mesh/publish-record-update", `{"recordId":"open:a"}`, `EPAYLOAD newValue: is missing`},
		{"mesh/publish-record-update", `{"recordId":"read:a","newValue":1}`, `ESERVER Record "read:a" is not writable by this connection.`},
		{"mesh/publish-record-update", `{"recordId":"unexposed","newValue":1}`, `ESERVER Record "unexposed" is not writable by this connection.`},
		{"mesh/publish-record-update", `{"recordId":"shut:a","newValue":1}`, `ENO no`},
		{"mesh/publish-record-update", `{"recordId":"lost:a","newValue":1}`, `EPLUGIN Guard "p.lost" is not loaded`},
		{"mesh/publish-record-update", `{"recordId":"shut:a","newValue":"` + strings.Repeat("x", 1<<20) + `"}`, `ETOOLARGE value: 1048578 bytes are more than limits.record_size allows`},
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
	record := func(action string) abi.Access { return abi.Access{Topic: abi.TopicRecord, Action: action} }
	want := []asked{
		{record(abi.ActionWrite), "shut:a", `{"a":1}`}, {record(abi.ActionWrite), "shut:a", `{"b":2}`},
		{record(abi.ActionDelete), "shut:a", ""}, {record(abi.ActionWrite), "shut:b", "[1]"},
		{record(abi.ActionSubscribe), "shut:b", ""},
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
