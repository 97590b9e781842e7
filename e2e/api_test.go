//go:build linux

package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// answer is what the admin API answers.
type answer struct {
	status int
	header http.Header
	body   string
}

// post sends a body to the admin API; headers are given as "Name: value", and
// "Content-Type" is JSON's unless they say another.
func (h *host) post(t *testing.T, path, body string, headers ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+h.admin+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		if name == "Host" {
			request.Host = value
			continue
		}
		request.Header.Set(name, value)
	}
	response, err := web.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(content)}
}

// op calls an operation that must succeed and returns its result, JSON
// without spaces.
func (h *host) op(t *testing.T, operation, request string) string {
	t.Helper()
	a := h.post(t, "/api/"+operation, request)
	var body struct{ Result json.RawMessage }
	if err := json.Unmarshal([]byte(a.body), &body); err != nil || a.status != http.StatusOK || body.Result == nil {
		t.Fatalf("%s %s is answered %d %s", operation, request, a.status, a.body)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, body.Result); err != nil {
		t.Fatal(err)
	}
	return compact.String()
}

// opSays checks what an operation results in.
func (h *host) opSays(t *testing.T, operation, request, want string) {
	t.Helper()
	if got := h.op(t, operation, request); got != want {
		t.Errorf("%s %s = %s, not %s", operation, request, got, want)
	}
}

// opFails calls an operation that must fail.
func (h *host) opFails(t *testing.T, operation, request string) (status int, f failure) {
	t.Helper()
	a := h.post(t, "/api/"+operation, request)
	return a.status, a.failure(t)
}

// failure reads the error of an answer.
func (a answer) failure(t *testing.T) failure {
	t.Helper()
	var body struct {
		Error *struct {
			Code, Message, Ref string
			Data               json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(a.body), &body); err != nil || body.Error == nil {
		t.Fatalf("no error: %d %s", a.status, a.body)
	}
	return failure{Code: body.Error.Code, Message: body.Error.Message, Ref: body.Error.Ref, Data: body.Error.Data}
}

// publish publishes to a channel as the server side does.
func (h *host) publish(t *testing.T, channel, message string) {
	t.Helper()
	h.op(t, "channels.publish", object("channel", channel, "message", message))
}

// object is a JSON object of texts, given as names and values.
func object(members ...string) string {
	o := make(map[string]string)
	for i := 0; i < len(members); i += 2 {
		o[members[i]] = members[i+1]
	}
	return encoded(o)
}

// list is a JSON list of texts, sorted.
func list(texts ...string) string {
	if len(texts) == 0 {
		return "[]"
	}
	return encoded(slices.Sorted(slices.Values(texts)))
}

func encoded(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // what tests encode has a JSON form
	}
	return string(text)
}

// sameJSON reports whether two JSON texts mean the same.
func sameJSON(a, b string) bool {
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
}

func ids(clients ...*client) []string {
	all := make([]string, len(clients))
	for i, c := range clients {
		all[i] = c.id
	}
	return all
}

func TestAdminRefusals(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance}})
	const path = "/api/broadcast"
	good := `{"command":"x"}`
	for _, c := range []struct {
		name, path, body string
		headers          []string
		status           int
		code             string
	}{
		{"no JSON", path, `{"command":`, nil, 400, "EPAYLOAD"},
		{"no JSON at all", path, `command=x`, nil, 400, "EPAYLOAD"},
		{"more than one value", path, good + good, nil, 400, "EPAYLOAD"},
		{"a list", path, `["x"]`, nil, 400, "EPAYLOAD"},
		{"null", path, `null`, nil, 400, "EPAYLOAD"},
		{"a field is missing", path, `{}`, nil, 400, "EPAYLOAD"},
		{"nothing", path, ``, nil, 400, "EPAYLOAD"},
		{"a wrong type", path, `{"command":7}`, nil, 400, "EPAYLOAD"},
		{"an unknown field", path, `{"command":"x","comand":"y"}`, nil, 400, "EPAYLOAD"},
		{"a wrong list", path, `{"command":"x","exclude":"y"}`, nil, 400, "EPAYLOAD"},
		{"a name of the server", path, `{"command":"mesh/assign-id"}`, nil, 400, "EPAYLOAD"},
		{"bytes that are no text", path, "{\"command\":\"\xff\"}", nil, 400, "EPAYLOAD"},
		{"an unknown operation", "/api/no.such", `{}`, nil, 404, "ENOTFOUND"},
		{"no operation", "/api/", `{}`, nil, 405, "EPAYLOAD"},
		{"below an operation", path + "/x", good, nil, 404, "ENOTFOUND"},
		{"one of plugins", "/api/kv.get", `{"key":"x"}`, nil, 404, "ENOTFOUND"},
		{"another kind of body", path, good, []string{"Content-Type: text/plain"}, 415, "EPAYLOAD"},
		{"a form", path, `command=x`, []string{"Content-Type: application/x-www-form-urlencoded"}, 415, "EPAYLOAD"},
		{"a web page", path, good, []string{"Origin: http://localhost"}, 403, "EDENIED"},
		{"another host", path, good, []string{"Host: evil.example"}, 403, "EDENIED"},
		{"nobody", "/api/connections.metadata.get", `{"connectionId":"nobody"}`, nil, 404, "ENOTFOUND"},
		{"a code that is none", "/api/connections.disconnect", `{"connectionId":"nobody","code":1005}`, nil, 400, "EPAYLOAD"},
		{"a reason that is too long", "/api/connections.disconnect", object("connectionId", "nobody", "reason", strings.Repeat("x", 124)), nil, 400, "EPAYLOAD"},
		{"too large a body", path, `{"command":"x","payload":"` + strings.Repeat("x", 5<<20) + `"}`, nil, 413, "ETOOLARGE"},
	} {
		a := h.post(t, c.path, c.body, c.headers...)
		if f := a.failure(t); a.status != c.status || f.Code != c.code || f.Message == "" {
			t.Errorf("%s: %d %s", c.name, a.status, a.body)
		}
		if kind := a.header.Get("Content-Type"); kind != "application/json" {
			t.Errorf("%s: the answer is %s", c.name, kind)
		}
	}
	if status, _ := get(t, "http://"+h.admin+path); status != http.StatusMethodNotAllowed {
		t.Errorf("GET is answered %d", status)
	}
	h.opSays(t, "broadcast", `{"command":"x"}`, `{"sent":0}`)
}

// With a token nobody is let in without it, and with it everybody.
func TestAdminToken(t *testing.T) {
	t.Parallel()
	const token = "a-token-of-some-length"
	h := start(t, setup{config: "[admin]\ntoken = \"" + token + "\"\n"})
	for _, headers := range [][]string{nil, {"Authorization: Bearer wrong-token-of-length"}, {"Authorization: Basic " + token}, {"Authorization: Bearer "}, {"Authorization: Bearer " + token + "x"}} {
		a := h.post(t, "/api/broadcast", `{"command":"x"}`, headers...)
		if f := a.failure(t); a.status != http.StatusUnauthorized || f.Code != "EDENIED" || a.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%q is answered %d %s", headers, a.status, a.body)
		}
		if strings.Contains(a.body, token) {
			t.Errorf("the answer shows the token: %s", a.body)
		}
	}
	a := h.post(t, "/api/broadcast", `{"command":"x"}`, "Authorization: Bearer "+token, "Origin: https://console.example", "Host: mesh.example")
	if a.status != http.StatusOK || a.body != `{"result":{"sent":0}}`+"\n" {
		t.Errorf("with the token: %d %s", a.status, a.body)
	}
	if status, _ := get(t, "http://"+h.admin+"/readyz"); status != http.StatusOK {
		t.Errorf("/readyz needs the token: %d", status)
	}
	if n := h.log.count(func(r record) bool { return strings.Contains(encoded(r), token) }); n > 0 {
		t.Error("the log has the token")
	}
}

// The description is one that tools understand, and complete.
func TestOpenAPI(t *testing.T) {
	t.Parallel()
	h := start(t, setup{})
	status, body := get(t, "http://"+h.admin+"/api/openapi.json")
	var document struct {
		OpenAPI string
		Paths   map[string]map[string]any
	}
	if err := json.Unmarshal([]byte(body), &document); err != nil || status != http.StatusOK || !strings.HasPrefix(document.OpenAPI, "3.") {
		t.Fatalf("%d %.200s: %v", status, body, err)
	}
	_, body = get(t, "http://"+h.admin+"/api")
	var index struct{ Operations []struct{ Name string } }
	if err := json.Unmarshal([]byte(body), &index); err != nil || len(index.Operations) < 30 {
		t.Fatalf("%.200s: %v", body, err)
	}
	for _, o := range index.Operations {
		if document.Paths["/api/"+o.Name]["post"] == nil {
			t.Errorf("%s is not described", o.Name)
		}
	}
}

// Whoever could reach the API from elsewhere needs a token.
func TestAdminBeyondLoopbackNeedsAToken(t *testing.T) {
	t.Parallel()
	for _, listen := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0"} {
		cmd := serveCommand(t, t.TempDir(), setup{args: []string{"--admin", listen}})
		p := launch(t, cmd)
		if state := p.wait(t, patience); state.ExitCode() == 0 {
			t.Errorf("%s: it serves", listen)
		}
		if tail := p.tail(10); !strings.Contains(tail, "admin.token") {
			t.Errorf("%s: %s", listen, tail)
		}
		if lines := p.lines(); len(lines) > 0 {
			t.Errorf("%s: stdout %q", listen, lines)
		}
	}
}
