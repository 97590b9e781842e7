package plugintest

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// conformance is the name under which the plugin registers that the kits of all
// languages have.
const conformance = "conformance"

// misbehaving are its commands that are meant to fail.
var misbehaving = []string{"spin", "grow", "trap", "recurse"}

// conform checks what the README of the conformance example says.
func (k *kit) conform(t *testing.T) {
	t.Helper()
	t.Run("registration", k.registration)
	t.Run("replies", k.replies)
	t.Run("errors", k.failures)
	t.Run("count", k.count)
	t.Run("operations", k.operations)
	t.Run("errors of operations", k.operationFailures)
	t.Run("bad requests", k.badRequests)
	t.Run("log", k.logs)
	t.Run("config", k.settings)
	t.Run("guards", k.guards)
	t.Run("hooks", k.hooks)
	t.Run("resolvers", k.resolvers)
	t.Run("memory", k.memory)
	t.Run("misbehaviour", k.misbehaviour)
}

// registered is what every conformance plugin registers, without the numbers of
// handlers and the reasons for capabilities, which are each one's own.
//
//go:embed testdata/conformance.json
var registered []byte

func (k *kit) registration(t *testing.T) {
	var want abi.Registration
	if err := json.Unmarshal(registered, &want); err != nil {
		t.Fatal(err)
	}
	want.Commands = slices.DeleteFunc(want.Commands, func(c abi.CommandRegistration) bool { return slices.Contains(k.lacks, c.Name) })
	got := *k.manager.Registration(fileName)
	comparableOf(t, &got)
	comparableOf(t, &want)
	if !reflect.DeepEqual(got, want) {
		g, _ := json.MarshalIndent(got, "", " ")
		w, _ := json.MarshalIndent(want, "", " ")
		t.Errorf("it registers\n%s", differences(string(g), string(w)))
	}
	again := k.again(t, patience)
	if first, second := k.manager.Registration(fileName), again.manager.Registration(fileName); !reflect.DeepEqual(first, second) {
		t.Error("another host gets another registration")
	}
}

// comparableOf takes out of a registration what may differ: order where it means
// nothing, numbers, the version, words for people, ways to write a time.
func comparableOf(t *testing.T, r *abi.Registration) {
	t.Helper()
	r.Version, r.ConfigSchema = "", nil
	r.Commands, r.Guards = slices.Clone(r.Commands), slices.Clone(r.Guards)
	r.Hooks, r.Collections, r.Capabilities = slices.Clone(r.Hooks), slices.Clone(r.Collections), slices.Clone(r.Capabilities)
	for i := range r.Commands {
		r.Commands[i].Handler = 0
	}
	for i := range r.Guards {
		r.Guards[i].Handler = 0
	}
	for i := range r.Hooks {
		r.Hooks[i].Handler = 0
	}
	for i := range r.Collections {
		r.Collections[i].Handler = 0
	}
	for i := range r.Capabilities {
		r.Capabilities[i].Reason = ""
	}
	r.Presence, r.Records = slices.Clone(r.Presence), slices.Clone(r.Records)
	for i := range r.Presence {
		r.Presence[i].TTL = sameTime(t, r.Presence[i].TTL)
	}
	for i := range r.Records {
		r.Records[i].TTL = sameTime(t, r.Records[i].TTL)
	}
	slices.SortFunc(r.Commands, func(a, b abi.CommandRegistration) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(r.Guards, func(a, b abi.GuardRegistration) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(r.Hooks, func(a, b abi.HookRegistration) int { return strings.Compare(a.Event, b.Event) })
	slices.SortFunc(r.Capabilities, func(a, b abi.Capability) int { return strings.Compare(a.Name, b.Name) })
}

func sameTime(t *testing.T, text string) string {
	t.Helper()
	if text == "" {
		return ""
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Error(err)
	}
	return d.String()
}

// differences lists the lines of each of two texts that the other has not.
func differences(got, want string) string {
	var b strings.Builder
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for _, line := range g {
		if !slices.Contains(w, line) {
			b.WriteString("has   " + line + "\n")
		}
	}
	for _, line := range w {
		if !slices.Contains(g, line) {
			b.WriteString("lacks " + line + "\n")
		}
	}
	if b.Len() == 0 {
		b.WriteString(got + "\nin another order than\n" + want)
	}
	return b.String()
}

// has tells whether the plugin should have a command.
func (k *kit) has(name string) bool { return !slices.Contains(k.lacks, name) }

// outcome is the reply to a command, or "code name: message" of its error.
func (k *kit) outcome(name, payload string) string {
	reply, err := k.call(name, payload, "")
	if err != nil {
		return err.Code + " " + err.Name + ": " + err.Message
	}
	return reply
}

func (k *kit) replies(t *testing.T) {
	id := k.session.ID()
	long := `"` + strings.Repeat("x", 100_000) + `"`
	for _, test := range []struct{ command, payload, want string }{
		{"echo", `{"a":[1,"ü"]}`, `{"a":[1,"ü"]}`},
		{"echo", `{"a" : 1.50, "a":"\ud83c\udf89"}`, `{"a" : 1.50, "a":"\ud83c\udf89"}`},
		{"echo", `null`, `null`},
		{"echo", ``, `null`},
		{"echo", long, long},
		{"echo", `1`, `1`},
		{"add", `{"a":1,"b":2}`, `{"sum":3}`},
		{"add", ` { "b" : -9223372036854775808 , "x":{"a":5}, "a" : 9223372036854775807 } `, `{"sum":-1}`},
		{"add", `{"a":0,"b":0}`, `{"sum":0}`},
		{"add", `{"\u0061":9007199254740993,"b":0}`, `{"sum":9007199254740993}`},
		{"whoami", ``, `{"connectionId":"` + id + `","locals":null,"metadata":{"user":"ann"}}`},
	} {
		got, err := k.call(test.command, test.payload, "")
		if err != nil || !same(got, test.want) {
			t.Errorf("%s %.100s: got %.200s, %v, want %.200s", test.command, test.payload, got, err, test.want)
		}
	}
	want := `{"connectionId":"` + id + `","locals":{"a":{"b":"\"ü"}},"metadata":{"user":"ann"}}`
	if got, err := k.call("whoami", "", `{"a":{"b":"\"ü"}}`); err != nil || !same(got, want) {
		t.Errorf("whoami with locals: got %s, %v, want %s", got, err, want)
	}
}

// same compares JSON texts, of numbers the digits.
func same(a, b string) bool {
	if a == b {
		return true
	}
	x, errX := tree(a)
	y, errY := tree(b)
	return errX == nil && errY == nil && reflect.DeepEqual(x, y)
}

func tree(text string) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	return v, d.Decode(&v)
}

func (k *kit) failures(t *testing.T) {
	const bad = "EPAYLOAD PayloadError: "
	for _, test := range []struct{ command, payload, want string }{
		{"fail", `{"message":"oops","code":"EBEER","name":"BeerError"}`, `EBEER BeerError: oops`},
		{"fail", `{"message":"oops \"ü\"\n","code":"EBEER"}`, "EBEER Error: oops \"ü\"\n"},
		{"fail", `{"message":"oops"}`, `ESERVER Error: oops`},
		{"fail", `{"message":"oops","code":null,"name":null}`, `ESERVER Error: oops`},
		{"fail", `{"message":"oops","code":"EDENIED"}`, `EDENIED DeniedError: oops`},
		{"fail", `{}`, bad + `field "message" is missing`},
		{"fail", `{"message":null}`, bad + `field "message" must be text`},
		{"fail", `{"message":"oops","code":1}`, bad + `field "code" must be text`},
		{"add", ``, bad + `payload must be an object`},
		{"add", `[1,2]`, bad + `payload must be an object`},
		{"add", `{"a":1}`, bad + `field "b" is missing`},
		{"add", `{"a":1,"b":"2"}`, bad + `field "b" must be an integer`},
		{"add", `{"a":1.5,"b":2}`, bad + `field "a" must be an integer`},
		{"add", `{"a":9223372036854775808,"b":2}`, bad + `field "a" must be an integer`},
		{"add", `{"a":9223372036854775807,"b":1}`, bad + `field "b" makes a sum that 64 bits cannot hold`},
		{"send", `{"to":"c1","command":"x"}`, bad + `field "to" must be a list of text`},
		{"send", `{"to":["c1"]}`, bad + `field "command" is missing`},
		{"send", `{"to":["c1"],"command":"x","exclude":[1]}`, bad + `field "exclude" must be a list of text`},
		{"broadcast", `{"payload":1}`, bad + `field "command" is missing`},
		{"log", `{"message":5}`, bad + `field "message" must be text`},
		{"http.fetch", `{"url":"http://a.example/","body":"%"}`, bad + `field "body" must be base64`},
		{"presence.set", `{"roomName":"a","connectionId":"c","state":1,"silent":1}`, bad + `field "silent" must be true or false`},
	} {
		if !k.has(test.command) {
			continue
		}
		if got := k.outcome(test.command, test.payload); got != test.want {
			t.Errorf("%s %s: got %s, want %s", test.command, test.payload, got, test.want)
		}
	}
}

// count: the number is the host's, and so goes on from instance to instance.
func (k *kit) count(t *testing.T) {
	for i := int64(1); i <= 3; i++ {
		k.server.program(func(operation string, arguments []byte) ([]byte, error) {
			var q abi.KVIncrementRequest
			if err := q.Decode(arguments); operation != abi.OpKVIncrement || err != nil || q != (abi.KVIncrementRequest{Key: "count", By: 1}) {
				return nil, protocol.NewError("ETEST", "asked "+operation)
			}
			return (&abi.KVIncrementResponse{Value: i * 1e15}).Append(nil), nil
		})
		if got, want := k.outcome("count", ""), `{"n":`+string(rune('0'+i))+`000000000000000}`; !same(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	k.server.program(nil)
}
