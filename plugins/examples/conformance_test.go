package examples_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/abi"
)

// store is a host with a counter, and ears for what the plugin says.
func store() (h *host, said *[]string) {
	n, lines := int64(0), []string{}
	h = &host{operations: map[string]func([]byte) ([]byte, *abi.Error){
		abi.OpKVIncrement: func(arguments []byte) ([]byte, *abi.Error) {
			var q abi.KVIncrementRequest
			if err := q.Decode(arguments); err != nil || q.Key != "count" || q.By != 1 {
				return nil, &abi.Error{Code: abi.CodePayload, Message: fmt.Sprintf("%+v, %v", q, err)}
			}
			n += q.By
			return (&abi.KVIncrementResponse{Value: n}).Append(nil), nil
		},
		abi.OpLog: func(arguments []byte) ([]byte, *abi.Error) {
			var q abi.LogRequest
			err := q.Decode(arguments)
			lines = append(lines, fmt.Sprint(q.Level, " ", q.Message, " ", err))
			return nil, nil
		},
		abi.OpConnectionsSend: func(arguments []byte) ([]byte, *abi.Error) {
			var q abi.ConnectionsSendRequest
			err := q.Decode(arguments)
			lines = append(lines, fmt.Sprintf("%q %s %s %q %v", q.To, q.Command, q.Payload, q.Exclude, err))
			return (&abi.ConnectionsSendResponse{Sent: int64(len(q.To))}).Append(nil), nil
		},
	}}
	return h, &lines
}

func TestConformance(t *testing.T) {
	t.Parallel()
	h, said := store()
	p := compile(t, "conformance-go.wasm", true, h)
	g := p.instantiate(t)
	g.registration(t)
	long := `"` + strings.Repeat("x", 100_000) + `"`
	tests := []struct{ command, payload, want string }{
		{"echo", `{"a":[1,"ü"]}`, `{"a":[1,"ü"]}`},
		{"echo", ``, ``},
		{"echo", long, long},
		{"echo", `1`, `1`},
		{"add", `{"a":1,"b":2}`, `{"sum":3}`},
		{"add", `{"a":1}`, `EPAYLOAD: field "b" is missing`},
		{"fail", `{"message":"oops","code":"EBEER","name":"B"}`, `EBEER: oops`},
		{"fail", `{"message":"oops"}`, `: oops`},
		{"whoami", ``, `{"connectionId":"c1","locals":null,"metadata":{"user":"ann"}}`},
		{"count", ``, `{"n":1}`},
		{"count", ``, `{"n":2}`},
		{"send", `{"to":["c1","c2"],"command":"hi","payload":[1],"exclude":["c2"]}`, `{"sent":2}`},
		{"broadcast", `{"command":"hi"}`, `ENOTFOUND: no broadcast`},
		{"log", `{"message":"hello\n","level":"warn"}`, ``},
	}
	for _, test := range tests {
		if got := g.command(t, test.command, test.payload); got != test.want {
			t.Errorf("%s %.50s: got %.200s, want %.200s", test.command, test.payload, got, test.want)
		}
	}
	want := []string{`["c1" "c2"] hi [1] ["c2"] <nil>`, "warn hello\n <nil>"}
	if !slices.Equal(*said, want) {
		t.Errorf("the host heard %q, want %q", *said, want)
	}
}

func TestConformanceRegistration(t *testing.T) {
	t.Parallel()
	h, _ := store()
	p := compile(t, "conformance-go.wasm", true, h)
	g := p.instantiate(t)
	r := g.registration(t)
	if r.Name != "conformance" || r.Error != "" {
		t.Errorf("got %+v", r)
	}
	var names []string
	for _, c := range r.Commands {
		names = append(names, c.Name)
	}
	want := strings.Fields("echo add fail whoami count send hooks spin grow trap recurse")
	imports := []string{abi.ImportTake}
	for _, o := range abi.Operations {
		if o.Door != abi.DoorOperator {
			want, imports = append(want, o.Name), append(imports, o.Name)
		}
		if o.Capability != "" && !slices.ContainsFunc(r.Capabilities, func(c abi.Capability) bool { return c.Name == o.Capability }) {
			t.Errorf("it does not ask for %s", o.Capability)
		}
	}
	slices.Sort(names)
	slices.Sort(want)
	if !slices.Equal(names, want) {
		t.Errorf("the commands are %q, want %q", names, want)
	}
	if again := p.instantiate(t); again.document != g.document {
		t.Errorf("another instance registers %s", again.document)
	}
	slices.Sort(imports)
	if got := p.needs(); !slices.Equal(got, imports) {
		t.Errorf("it imports %q, want what it calls, %q", got, imports)
	}
}

// TestMisbehaviour: each of these calls ends, with an error, and leaves other
// instances alone.
func TestMisbehaviour(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		command, want string
		deadline      time.Duration
	}{
		{"spin", "deadline", 50 * time.Millisecond},
		{"grow", "unreachable", time.Minute},
		{"trap", "out of bounds memory access", time.Minute},
		{"recurse", "unreachable", time.Minute},
	} {
		t.Run(test.command, func(t *testing.T) {
			t.Parallel()
			h, _ := store()
			p := compile(t, "conformance-go.wasm", true, h)
			bad, good := p.instantiate(t), p.instantiate(t)
			bad.registration(t)
			good.registration(t)
			ctx, cancel := context.WithTimeout(t.Context(), test.deadline)
			defer cancel()
			_, err := bad.send(ctx, bad.commands[test.command], &abi.Request{Kind: abi.KindCommand, Name: test.command})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want something about %q", err, test.want)
			}
			if size := bad.module.Memory(); size != nil && size.Size() > memoryPages<<16 {
				t.Errorf("it took %d bytes", size.Size())
			}
			if got := good.command(t, "echo", `1`); got != `1` {
				t.Errorf("another instance answers %s", got)
			}
		})
	}
}

// TestGarbageIsCollected: a guest that allocates in each call lives on the same
// memory for ever. Standard Go's collector needs a clock that moves.
func TestGarbageIsCollected(t *testing.T) {
	t.Parallel()
	h, _ := store()
	g := compile(t, "conformance-go.wasm", false, h).instantiate(t)
	g.registration(t)
	payload := `{"message":"` + strings.Repeat("x", 1000) + `"}`
	for range 30_000 { // 30 MB and more, twice what there is
		if got := g.command(t, "fail", payload); len(got) != 1002 {
			t.Fatalf("got %.100s", got)
		}
	}
	if size := g.module.Memory().Size(); size > 8<<20 {
		t.Errorf("the memory has grown to %d bytes", size)
	}
}
