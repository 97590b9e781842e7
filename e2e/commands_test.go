//go:build linux

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestEchoKeepsEveryByte(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance}})
	c := h.dial(t, dialing{})
	for _, payload := range []string{
		`1.0`, `12345678901234567890`, `-0`, `1e400`, `0.1000000000000000055511151231257827`, `1E+2`,
		`{"z":1,"a":2,"m":{"y":null,"b":[]}}`, `{"a":1,"a":2}`, `{ "spaced" :	[ 1 , 2 ] }`,
		`"ü – 🚀 \u00fc \ud83d\ude80 \/ \" \\ \u0000"`, `"\ud800"`, `""`, `null`, `true`, `false`, `0`, `[]`, `{}`,
		`"` + strings.Repeat("x", 60_000) + `"`, `[` + strings.Repeat(`{"a":[1,2,3]},`, 2000) + `0]`,
		`{"error":"looks like one","code":1}`, `{"` + strings.Repeat("k", 5000) + `":"</script>\u2028"}`,
	} {
		reply, err := c.ask("echo", payload)
		if err != nil || reply != payload {
			t.Errorf("%.60s comes back as %.60s, error %v", payload, reply, err)
		}
	}
	if reply := c.call(t, "echo", ""); reply != "null" {
		t.Errorf("no payload comes back as %s", reply)
	}
}

func TestAdd(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance}})
	c := h.dial(t, dialing{})
	for payload, want := range map[string]string{
		`{"a":1,"b":2}`: `{"sum":3}`, `{"b":-7,"x":[],"a":7}`: `{"sum":0}`, `{"a":9223372036854775807,"b":0}`: `{"sum":9223372036854775807}`,
	} {
		if reply := c.call(t, "add", payload); reply != want {
			t.Errorf("add %s = %s", payload, reply)
		}
	}
	for payload, field := range map[string]string{
		`{"a":1}`: "b", `{"a":"1","b":2}`: "a", `{"a":1,"b":1.5}`: "b", `[1,2]`: "", `null`: "", ``: "",
		`{"a":9223372036854775807,"b":1}`: "b",
	} {
		if f := c.fails(t, "add", payload); f.Code != "EPAYLOAD" || f.Name != "PayloadError" || !strings.Contains(f.Message, field) {
			t.Errorf("add %s fails with %v", payload, f)
		}
	}
}

func TestFail(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance}})
	c := h.dial(t, dialing{})
	for payload, want := range map[string]failure{
		`{"message":"no tea","code":"ETEA","name":"TeaError"}`: {Message: "no tea", Code: "ETEA", Name: "TeaError"},
		`{"message":"no tea","code":"ETEA"}`:                   {Message: "no tea", Code: "ETEA", Name: "Error"},
		`{"message":"\"quoted\" ü\n"}`:                         {Message: "\"quoted\" ü\n", Code: "ESERVER", Name: "Error"},
	} {
		if f := c.fails(t, "fail", payload); f.Message != want.Message || f.Code != want.Code || f.Name != want.Name || f.Ref != "" {
			t.Errorf("fail %s gives %+v", payload, f)
		}
	}
	if f := c.fails(t, "no.such", `{}`); f.Message != `Command "no.such" not found` || f.Code != "ENOTFOUND" || f.Name != "CommandError" {
		t.Errorf("an unknown command gives %+v", f)
	}
}

func TestWhoami(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance}})
	for _, c := range h.dialMany(t, 3, dialing{}) {
		want := fmt.Sprintf(`{"connectionId":%q,"locals":null,"metadata":null}`, c.id)
		if reply := c.call(t, "whoami", ""); reply != want {
			t.Errorf("whoami: %s, not %s", reply, want)
		}
		if reply := c.call(t, "mesh/get-my-connection-metadata", "{}"); reply != `{"metadata":null}` {
			t.Errorf("metadata: %s", reply)
		}
	}
}

// The number is exact however many clients and instances count at once.
func TestCountAcrossClients(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance}})
	const perClient = 20
	clients := h.dialMany(t, 50, dialing{})
	var (
		mu      sync.Mutex
		numbers []int
		group   sync.WaitGroup
	)
	for _, c := range clients {
		group.Go(func() {
			for range perClient {
				reply, err := c.ask("count", "")
				var counted struct{ N int }
				if err := errors.Join(err, json.Unmarshal([]byte(reply), &counted)); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				numbers = append(numbers, counted.N)
				mu.Unlock()
			}
		})
	}
	group.Wait()
	slices.Sort(numbers)
	for i, n := range numbers {
		if n != i+1 {
			t.Fatalf("the %dth number is %d", i+1, n)
		}
	}
	if len(numbers) != perClient*len(clients) {
		t.Errorf("%d numbers", len(numbers))
	}
}

func TestSendAndBroadcast(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance}})
	c := h.dialMany(t, 5, dialing{})
	ids := func(clients ...*client) string {
		var all []string
		for _, c := range clients {
			all = append(all, c.id)
		}
		text, _ := json.Marshal(all)
		return string(text)
	}
	for _, step := range []struct {
		command, payload, sent string
		push                   string
		receivers              []*client
	}{
		{"send", `{"to":` + ids(c[1], c[2]) + `,"command":"one","payload":{"n":1.0}}`, `{"sent":2}`, "one", c[1:3]},
		{"send", `{"to":` + ids(c[0]) + `,"command":"self"}`, `{"sent":1}`, "self", c[:1]},
		{"send", `{"to":["nobody"],"command":"lost"}`, `{"sent":0}`, "lost", nil},
		{"send", `{"to":` + ids(c[3], c[4]) + `,"command":"but","exclude":` + ids(c[4]) + `}`, `{"sent":1}`, "but", c[3:4]},
		{"broadcast", `{"command":"all","payload":[1.0]}`, `{"sent":5}`, "all", c},
		{"broadcast", `{"command":"others","payload":1,"exclude":` + ids(c[0]) + `}`, `{"sent":4}`, "others", c[1:]},
	} {
		if reply := c[0].call(t, step.command, step.payload); reply != step.sent {
			t.Errorf("%s %s: %s, not %s", step.command, step.payload, reply, step.sent)
		}
		for _, receiver := range step.receivers {
			receiver.push(t, step.push)
		}
	}
	if payload := c[1].push(t, "one"); payload != `{"n":1.0}` {
		t.Errorf("the push's payload is %s", payload)
	}
	for i, want := range []map[string]int{{"self": 1, "all": 1}, {"one": 1, "all": 1, "others": 1}, {"one": 1, "all": 1, "others": 1}, {"but": 1, "all": 1, "others": 1}, {"all": 1, "others": 1}} {
		c[i].echoes(t) // what was pushed before has arrived
		for _, name := range []string{"one", "self", "lost", "but", "all", "others"} {
			if n := c[i].count(name); n != want[name] {
				t.Errorf("client %d has %d pushes %s", i, n, name)
			}
		}
	}
	// The server's own frames cannot be forged.
	if f := c[0].fails(t, "broadcast", `{"command":"mesh/assign-id","payload":"x"}`); f.Code != "EPAYLOAD" {
		t.Errorf("a push under mesh/ gives %v", f)
	}
}

func TestLogLine(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance}, env: []string{"MESH_LOG_LEVEL=debug"}})
	c := h.dial(t, dialing{})
	for _, level := range []string{"debug", "info", "warn", "error"} {
		c.call(t, "log", fmt.Sprintf(`{"message":"said at %s","level":%q}`, level, level))
		r := h.awaitLog(t, 0, map[string]string{"msg": "said at " + level})
		if r["level"] != strings.ToUpper(level) || r["plugin"] != "conformance" {
			t.Errorf("logged %v", r)
		}
	}
	c.call(t, "log", `{"message":"one\nline=\"forged\""}`)
	h.awaitLog(t, 0, map[string]string{"msg": "one\nline=\"forged\"", "plugin": "conformance"})
}

// A frame without id runs and is never answered.
func TestOneWay(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance}})
	w, err := h.connect(t, dialing{subprotocols: []string{"mesh.v1"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, frame := range []string{
		`{"command":"count"}`, `{"command":"fail","payload":{"message":"unheard"}}`, `{"command":"no.such"}`, `{"command":"mesh/noop"}`,
		`{"command":"count","payload":{}}`, `{"id":"last","command":"count"}`,
	} {
		if err := w.send(frame); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for range 2 {
		text, err := w.next()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(text))
	}
	if !strings.Contains(got[0], "mesh/assign-id") || got[1] != `{"id":"last","command":"count","payload":{"n":3}}` {
		t.Errorf("got %q", got)
	}
}

// Commands of one session start in the order of their arrival, one at a time;
// concurrent ones run beside them.
func TestSerialOrder(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance}, content: map[string][]byte{"slow.wasm": slow}})
	c := h.shake(t)
	var all []byte
	all = append(all, text(request("0", "slow", "null"))...)
	for i := range 100 {
		all = append(all, text(request(fmt.Sprint(i+1), "count", "null"))...)
	}
	all = append(all, text(request(`"beside"`, "slow.beside", "null"))...)
	all = append(all, text(request(`"after"`, "echo", "1"))...)
	all = append(all, text(request(`"noop"`, "noop", "{}"))...)
	c.send(t, all)
	want := []string{`{"id":0,"command":"slow","payload":"slow"}`}
	for i := range 100 {
		want = append(want, fmt.Sprintf(`{"id":%d,"command":"count","payload":{"n":%d}}`, i+1, i+1))
	}
	want = append(want, `{"id":"after","command":"echo","payload":1}`)
	var serial, beside []string
	for range len(want) + 2 {
		if reply := c.reply(t); strings.Contains(reply, `beside`) || strings.Contains(reply, `noop`) {
			beside = append(beside, reply)
		} else {
			serial = append(serial, reply)
		}
	}
	if !slices.Equal(serial, want) {
		t.Errorf("the serial replies are %q", serial)
	}
	// noop never queues, and is done before the slow one that came earlier.
	if !slices.Equal(beside, []string{`{"id":"noop","command":"noop","payload":true}`, `{"id":"beside","command":"slow.beside","payload":"slow"}`}) {
		t.Errorf("the replies of concurrent commands are %q", beside)
	}
}
