package develop_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/mesh-host/mesh-host/host/plugin/develop"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

func TestCasesAreChecked(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, want string }{
		{`{"cases":[]}`, "no cases"},
		{`{"cases":[{"name":"a","command":"x"}]} 1`, "there is more"},
		{"{\"cases\":[\n{\"name\":}]}", "line 2"},
		{`{"cases":[{"name":"a","comand":"x"}]}`, "comand"},
		{`{"cases":[{"command":"x"}]}`, "case 1 has no name"},
		{`{"cases":[{"name":"a","command":"x"},{"name":"a","command":"x"}]}`, "two cases"},
		{`{"cases":[{"name":"a","payload":1}]}`, "no command"},
		{`{"cases":[{"name":"a","command":"x","disconnect":true}]}`, "disconnects"},
		{`{"cases":[{"name":"a","command":"x","reply":1,"error":{"code":"E"}}]}`, "both"},
		{`{"cases":[{"name":"a","command":"x","error":{"code":""}}]}`, "no code"},
		{`{"cases":[{"name":"a","command":"x","wait":"1h"}]}`, "wait is"},
		{`{"cases":[{"name":"a","command":"x","pushes":[{"to":"bob","command":"n"}]}]}`, `"bob", which is no client`},
		{`{"config":[],"cases":[{"name":"a","command":"x"}]}`, "config is no JSON object"},
		{"{\"cases\":[\n{\"name\":\"a\",\n\"comand\":\"x\"}]}", `line 3: unknown field "comand"`},
		{"{\"cases\":[\n{\"name\":1}]}", "line 2: cases.name cannot be of the kind number"},
		{`[]`, "must be an object"},
		{`{"cases":[{"name":"a"`, "ends too early"},
		{``, "ends too early"},
		{`{"http":[{"status":200}],"cases":[{"name":"a","command":"x"}]}`, "answer 1 of http: it has no url"},
		{`{"http":[{"url":"ftp://x/"}],"cases":[{"name":"a","command":"x"}]}`, "answer 1 of http: "},
		{`{"http":[{"url":"http://x/","status":7}],"cases":[{"name":"a","command":"x"}]}`, "must be 100 to 599"},
	} {
		if _, err := develop.ParseCases([]byte(test.text)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.text, err, test.want)
		}
	}
}

// run runs one case with the echo plugin and returns its differences.
func run(t *testing.T, one string) string {
	t.Helper()
	cases, err := develop.ParseCases([]byte(`{"clients":{"ann":{"user":"ann"}},"cases":[` + one + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	results, err := develop.Test(t.Context(), cases, develop.TestOptions{File: "echo.wasm", Module: plugintest.Fixture(t, "echo")})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, r := range results {
		lines = append(lines, r.Differences...)
		if r.OK != (len(r.Differences) == 0) {
			t.Error(r)
		}
	}
	return strings.Join(lines, "\n")
}

func TestReplies(t *testing.T) {
	t.Parallel()
	const echo = `"name":"a","command":"echo","payload":{"a":[1,{"b":null}],"s":"x"}`
	for _, test := range []struct{ rest, want string }{
		{`"reply":{"s":"x","a":[1.0,{"b":null}]}`, ""},
		{`"reply":"…"`, ""},
		{`"reply":{"a":"…","…":"…"}`, ""},
		{`"reply":{"s":"x","a":[1,"…"]}`, ""},
		{`"reply":{"s":"x","a":["…"]}`, ""},
		{`"reply":{"s":"y","a":[1,{"b":null}]}`, `reply.s: want "y", got "x"`},
		{`"reply":{"s":"x","a":[2,{"b":1}]}`, "reply.a[0]: want 2, got 1\nreply.a[1].b: want 1, got null"},
		{`"reply":{"s":"x","a":[1]}`, `reply.a[1]: got {"b":null}, which is not expected`},
		{`"reply":{"s":"x","a":[1,{"b":null},3,"…"]}`, "reply.a[2]: want 3, and it is not there\nreply.a[3]: want \"…\", and it is not there"},
		{`"reply":{"s":"x"}`, `reply.a: got [1,{"b":null}], which is not expected`},
		{`"reply":{"s":"x","t":1,"a":"…"}`, `reply.t: want 1, and it is not there`},
		{`"reply":[]`, `reply: want [], got {"a":[1,{"b":null}],"s":"x"}`},
		{`"error":{"code":"EDENIED"}`, `want the error EDENIED, got the reply {"a":[1,{"b":null}],"s":"x"}`},
		{`"pushes":[]`, ""},
		{`"kv":{"k":null}`, ""},
		{`"kv":{"k":1},"wait":"50ms"`, `kv["k"]: want 1, got null`},
		{`"records":{"r":null}`, ""},
		{`"pushes":[{"command":"news"}],"wait":"50ms"`, "pushes to the client[0]: want news, and it has not come"},
	} {
		if got := run(t, "{"+echo+","+test.rest+"}"); got != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", test.rest, got, test.want)
		}
	}
}

// What a plugin answers is shown on a terminal, names of members too.
func TestDifferencesAreOfOneLineEach(t *testing.T) {
	t.Parallel()
	got := run(t, `{"name":"a","command":"echo","payload":{"\u001b]0;owned\u0007\u009b2J\n":{"b":1}},"reply":{}}
		,{"name":"b","command":"echo","payload":{"\u001b[2J":[1]},"reply":{"\u001b[2J":[2]}}
		,{"name":"c","command":"echo","payload":{"`+strings.Repeat("x", 100_000)+`":1},"reply":{}}`)
	if strings.ContainsFunc(strings.ReplaceAll(got, "\n", ""), unicode.IsControl) || strings.Count(got, "\n") != 2 {
		t.Errorf("%.500q", got)
	}
	if len(got) > 10_000 {
		t.Errorf("%d bytes", len(got))
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	const missing = `"name":"a","command":"nowhere"`
	for _, test := range []struct{ rest, want string }{
		{`"error":{"code":"ENOTFOUND"}`, ""},
		{`"error":{"code":"ENOTFOUND","message":"…"}`, ""},
		{`"error":{"code":"EDENIED"}`, "error.code: want EDENIED, got ENOTFOUND"},
		{`"error":{"code":"ENOTFOUND","message":"no"}`, `error.message: want "no", got `},
		{`"reply":null`, "want a reply, got the error ENOTFOUND"},
	} {
		if got := run(t, "{"+missing+","+test.rest+"}"); !strings.HasPrefix(got, test.want) || (got == "") != (test.want == "") {
			t.Errorf("%s: got %q, want %q", test.rest, got, test.want)
		}
	}
}

// TestClientsOfCases has clients in one room, of which one goes.
func TestClientsOfCases(t *testing.T) {
	t.Parallel()
	got := run(t, `
		{"name":"in","as":"ann","command":"mesh/join-room","payload":{"roomName":"x"},"reply":{"success":true,"present":"…"}},
		{"name":"who","as":"ann","command":"mesh/get-my-connection-metadata","reply":{"metadata":null,"user":"ann"}},
		{"name":"gone","as":"ann","disconnect":true},
		{"name":"back","as":"ann","command":"mesh/noop","reply":true}`)
	if got != "" {
		t.Error(got)
	}
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	cases, err := develop.ParseCases([]byte(`{"cases":[
		{"name":"wrong","command":"echo","payload":{"a":1},"reply":{"a":2}},
		{"name":"right","command":"echo","payload":{"a":1},"reply":{"a":"…"}},
		{"name":"fails","command":"nowhere","reply":1}]}`))
	if err != nil {
		t.Fatal(err)
	}
	module := plugintest.Fixture(t, "echo")
	if _, err := develop.Test(t.Context(), cases, develop.TestOptions{File: "echo.wasm", Module: module, Update: true}); err != nil {
		t.Fatal(err)
	}
	text, err := cases.Append()
	if err != nil {
		t.Fatal(err)
	}
	updated, err := develop.ParseCases(text)
	if err != nil {
		t.Fatal(err)
	}
	results, err := develop.Test(t.Context(), updated, develop.TestOptions{File: "echo.wasm", Module: module})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if !r.OK {
			t.Error(r)
		}
	}
	if !strings.Contains(string(text), `"a": "…"`) || !strings.Contains(string(text), "ENOTFOUND") {
		t.Errorf("a wildcard went, or an error did not come:\n%s", text)
	}
}

func TestPluginsThatDoNotLoad(t *testing.T) {
	t.Parallel()
	cases, err := develop.ParseCases([]byte(`{"config":{"error":"no word"},"cases":[{"name":"a","command":"echo"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	_, err = develop.Test(t.Context(), cases, develop.TestOptions{File: "puppet.wasm", Module: plugintest.Fixture(t, "puppet")})
	if err == nil || !strings.Contains(err.Error(), "no word") {
		t.Error(err)
	}
}
