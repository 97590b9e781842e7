package plugintest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// vector is a request or a response among the ABI's test vectors; the README
// beside them says what its members mean.
type vector struct {
	Name       string                     `json:"name"`
	Operation  string                     `json:"operation"`
	Message    string                     `json:"message"`
	Value      map[string]json.RawMessage `json:"value"`
	Hex        string                     `json:"hex"`
	DecodeOnly bool                       `json:"decodeOnly"`
}

// vectors returns those of each operation, its requests and its responses.
func vectors(t *testing.T) (requests, responses map[string][]vector) {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	text, err := os.ReadFile(filepath.Join(filepath.Dir(here), "..", "..", "..", "abi", "testdata", "vectors", "operations.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list []vector
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	requests, responses = map[string][]vector{}, map[string][]vector{}
	for _, v := range list {
		if v.Message == "request" {
			requests[v.Operation] = append(requests[v.Operation], v)
		} else {
			responses[v.Operation] = append(responses[v.Operation], v)
		}
	}
	return requests, responses
}

func (v vector) bytes(t *testing.T) []byte {
	t.Helper()
	b, err := hex.DecodeString(v.Hex)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// object writes a vector's value as the JSON object that a command takes or
// replies with. Members that are absent are left out or, with nulls, null.
func (v vector) object(t *testing.T, fields []abi.Field, nulls bool) string {
	t.Helper()
	members := map[string]json.RawMessage{}
	for _, f := range fields {
		value := v.Value[f.Name]
		absent := string(value) == "null" || f.Optional && string(value) == "false"
		switch {
		case absent && nulls:
			members[f.Name] = json.RawMessage("null")
		case absent:
		case f.Type == "json":
			members[f.Name] = raw(t, value)
		case f.Type == "bytes":
			members[f.Name] = json.RawMessage(`"` + base64.StdEncoding.EncodeToString(raw(t, value)) + `"`)
		case f.Type == "int":
			members[f.Name] = bytes.Trim(value, `"`)
		default:
			members[f.Name] = value
		}
	}
	b, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// raw is the text or the bytes that a member of a vector stands for.
func raw(t *testing.T, value json.RawMessage) []byte {
	t.Helper()
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		t.Fatal(err)
	}
	digits, ok := strings.CutPrefix(text, "hex:")
	if !ok {
		return []byte(text)
	}
	b, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// called are the operations that have a command and a server to record them:
// all that plugins may call but log and config.get, which the manager answers.
func (k *kit) called() (all []abi.Operation) {
	for _, o := range abi.Operations {
		if o.Door != abi.DoorOperator && o.Name != abi.OpLog && o.Name != abi.OpConfigGet && k.has(o.Name) {
			all = append(all, o)
		}
	}
	return all
}

// operations lets every command of an operation ask what each vector of its
// requests says, and reply with what each vector of its responses says.
func (k *kit) operations(t *testing.T) {
	defer k.server.program(nil)
	requests, responses := vectors(t)
	for _, o := range k.called() {
		if len(requests[o.Name]) == 0 || len(responses[o.Name]) == 0 {
			t.Errorf("%s has no vectors", o.Name)
			continue
		}
		for _, v := range requests[o.Name] {
			k.asks(t, o, v, responses[o.Name][0], false)
			k.asks(t, o, v, responses[o.Name][0], true)
		}
		for _, v := range responses[o.Name] {
			k.repliesWith(t, o, requests[o.Name][0], v)
		}
	}
}

// asks checks a request that a vector shows.
func (k *kit) asks(t *testing.T, o abi.Operation, v, response vector, nulls bool) {
	t.Helper()
	required := func(f abi.Field) bool { return !f.Optional && string(v.Value[f.Name]) == "null" }
	if v.DecodeOnly || nulls && slices.ContainsFunc(o.Request, required) {
		return
	}
	k.server.program(func(string, []byte) ([]byte, error) { return response.bytes(t), nil })
	payload := v.object(t, o.Request, nulls)
	reply := k.outcome(o.Name, payload)
	asked := k.server.requests()
	if len(asked) != 1 || asked[0].operation != o.Name || !bytes.Equal(asked[0].arguments, v.bytes(t)) {
		t.Errorf("%s: %s %s asked %s, want %s; the reply is %s", v.Name, o.Name, payload, shown(asked), v.Hex, reply)
	}
}

func shown(asked []request) string {
	var b strings.Builder
	for _, r := range asked {
		b.WriteString(r.operation + " " + hex.EncodeToString(r.arguments) + "; ")
	}
	return strings.TrimSuffix(b.String(), "; ")
}

// repliesWith checks the reply to a response that a vector shows.
func (k *kit) repliesWith(t *testing.T, o abi.Operation, request, v vector) {
	t.Helper()
	k.server.program(func(string, []byte) ([]byte, error) { return v.bytes(t), nil })
	reply := k.outcome(o.Name, request.object(t, o.Request, false))
	want := "null"
	if len(o.Response) > 0 {
		want = v.object(t, o.Response, false)
	}
	if !same(reply, want) {
		t.Errorf("%s: %s replies %s, want %s", v.Name, o.Name, reply, want)
	}
}

// operationFailures: what the host refuses reaches the client as it is.
func (k *kit) operationFailures(t *testing.T) {
	defer k.server.program(nil)
	requests, _ := vectors(t)
	for _, o := range k.called() {
		refusal := protocol.NewError(abi.CodeConflict, "not now: "+o.Name)
		refusal.Data = json.RawMessage(`{"version":7,"name":"ü"}`)
		for _, e := range []*protocol.Error{refusal, protocol.NewError("EOWN", "an own code")} {
			k.server.program(func(string, []byte) ([]byte, error) { return nil, e })
			_, got := k.call(o.Name, requests[o.Name][0].object(t, o.Request, false), "")
			if got == nil || got.Code != e.Code || got.Name != e.Name || got.Message != e.Message || !same(string(got.Data), string(e.Data)) {
				t.Errorf("%s: got %+v, want %+v", o.Name, got, e)
			}
		}
	}
}

// badRequests leaves out each member that must be there, and gives each the
// wrong type.
func (k *kit) badRequests(t *testing.T) {
	requests, _ := vectors(t)
	for _, o := range k.called() {
		text := requests[o.Name][0].object(t, o.Request, false)
		for _, f := range o.Request {
			var members map[string]json.RawMessage
			if err := json.Unmarshal([]byte(text), &members); err != nil {
				t.Fatal(err)
			}
			if !f.Optional {
				delete(members, f.Name)
				k.refuses(t, o.Name, members, `field "`+f.Name+`" is missing`)
			}
			if wrong, ok := wrongs[f.Type]; ok {
				members[f.Name] = json.RawMessage(wrong)
				k.refuses(t, o.Name, members, `field "`+f.Name+`" must be `)
			}
		}
	}
}

// wrongs are values of another type than a field's, by the field's type.
var wrongs = map[string]string{"string": `{}`, "int": `"1"`, "bool": `"true"`, "strings": `["a",1]`, "bytes": `7`}

func (k *kit) refuses(t *testing.T, command string, members map[string]json.RawMessage, want string) {
	t.Helper()
	payload, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	k.server.requests()
	if got := k.outcome(command, string(payload)); !strings.HasPrefix(got, "EPAYLOAD PayloadError: "+want) {
		t.Errorf("%s %s: got %s, want %s", command, payload, got, want)
	}
	if asked := k.server.requests(); len(asked) > 0 {
		t.Errorf("%s %s asked %s before it refused", command, payload, shown(asked))
	}
}

func (k *kit) logs(t *testing.T) {
	if !k.has(abi.OpLog) {
		return
	}
	for _, test := range [][2]string{
		{`{"message":"hello"}`, "info hello"},
		{`{"message":"hello ü","level":"warn"}`, "warn hello ü"},
		{`{"message":"oh","level":"error"}`, "error oh"},
		{`{"level":"debug","message":"ah"}`, "debug ah"},
		{`{"message":"so","level":null}`, "info so"},
	} {
		k.lines.has("")
		if got := k.outcome(abi.OpLog, test[0]); got != "null" {
			t.Errorf("%s: the reply is %s", test[0], got)
		}
		if !k.lines.has(test[1]) {
			t.Errorf("%s did not log %q", test[0], test[1])
		}
	}
}

func (k *kit) settings(t *testing.T) {
	config := string(k.config)
	if config == "" {
		config = "{}"
	}
	if got, want := k.outcome(abi.OpConfigGet, ""), `{"config":`+config+`}`; k.has(abi.OpConfigGet) && !same(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}
