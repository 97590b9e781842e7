package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/admin"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/protocol"
)

const testToken = "a-token-of-16-letters"

// serveAPI serves some operations and returns their address, host:port.
func serveAPI(t *testing.T, token string) string {
	t.Helper()
	ops := operation.Table{}
	operation.Define(ops, abi.OpRoomsHas, func(_ context.Context, _ operation.Caller, q *abi.RoomsHasRequest) (a abi.RoomsHasResponse, err error) {
		switch q.RoomName {
		case "denied":
			return a, &protocol.Error{Code: abi.CodeConflict, Message: "no\x1b[2J", Data: []byte(`{"version":3}`)}
		case "broken":
			return a, errors.New("disk on fire")
		}
		return abi.RoomsHasResponse{Member: q.RoomName == "r" && q.ConnectionID == "c"}, nil
	})
	operation.Define(ops, abi.OpRoomsMetadataList, func(_ context.Context, _ operation.Caller, q *abi.RoomsMetadataListRequest) (a abi.RoomsMetadataListResponse, err error) {
		a.Metadata = json.RawMessage(`{"b":1.0, "a":["\u0085"]}`)
		if q.Cursor == "" {
			a.Cursor = `a"b`
		}
		return a, nil
	})
	server := httptest.NewServer(admin.API(ops, admin.Options{Token: token, Log: slog.New(slog.DiscardHandler)}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// callAPI runs mesh-host api.
func callAPI(stdin string, args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(append([]string{"api"}, args...), strings.NewReader(stdin), &out, &err)
	return code, out.String(), err.String()
}

func TestAPI(t *testing.T) {
	t.Parallel()
	at := []string{"--config", "", "--address", serveAPI(t, "")}
	for _, c := range []struct {
		name, stdin string
		args        []string
		code        int
		stdout      string
		stderr      string // its beginning
	}{
		{"argument", "", []string{"rooms.has", `{"roomName":"r", "connectionId":"c"}`}, 0, `{"member":true}` + "\n", ""},
		{"stdin", " {\"roomName\":\"r\",\"connectionId\":\"d\"}\n", []string{"rooms.has", "-"}, 0, `{"member":false}` + "\n", ""},
		{"no request, a page", "", []string{"rooms.metadata.list"}, 0, `{"b":1.0,"a":["\u0085"]}` + "\n", `mesh-host: the next page begins at cursor "a\"b"` + "\n"},
		{"the last page", "", []string{"rooms.metadata.list", `{"cursor":"x"}`, "--compact"}, 0, `{"b":1.0,"a":["\u0085"]}` + "\n", ""},
		{"an error", "", []string{"rooms.has", `{"roomName":"denied","connectionId":"c"}`}, 1, "", "ECONFLICT: no\uFFFD[2J {\"version\":3}\n"},
		{"an internal error", "", []string{"rooms.has", `{"roomName":"broken","connectionId":"c"}`}, 1, "", "ESERVER: Internal error (the server's log has more under ref "},
		{"a missing field", "", []string{"rooms.has"}, 1, "", "EPAYLOAD: roomName: is missing\n"},
		{"not served", "", []string{"broadcast", `{"command":"x"}`}, 1, "", `ENOTFOUND: There is no operation "broadcast"`},
		{"no JSON", "", []string{"rooms.has", "{"}, 2, "", "mesh-host: the request is not a JSON object such as"},
		{"no object", "[]", []string{"rooms.has", "-"}, 2, "", "mesh-host: the request is not a JSON object such as"},
		{"null", "", []string{"rooms.has", "null"}, 2, "", "mesh-host: the request is not a JSON object such as"},
		{"nothing on stdin", "", []string{"rooms.has", "-"}, 2, "", "mesh-host: the request is not a JSON object such as"},
		{"two requests", "", []string{"rooms.has", "{}", "{}"}, 2, "", "mesh-host: accepts at most 1 arg(s), received 2\n"},
		{"a near name", "", []string{"room.has"}, 2, "", `mesh-host: unknown operation "room.has", did you mean rooms.has? (mesh-host api --list prints all)`},
		{"a half name", "", []string{"removeFromAll"}, 2, "", `mesh-host: unknown operation "removeFromAll", did you mean rooms.removeFromAll?`},
		{"a far name", "", []string{"sing"}, 2, "", `mesh-host: unknown operation "sing" (mesh-host api --list prints all)`},
		{"for plugins", "", []string{"kv.get", `{"key":"k"}`}, 2, "", "mesh-host: only plugins can call kv.get\n"},
		{"unknown flag", "", []string{"rooms.has", "--colour"}, 2, "", "mesh-host: unknown flag: --colour\n"},
	} {
		code, stdout, stderr := callAPI(c.stdin, append(c.args, at...)...)
		if code != c.code || stdout != c.stdout || !strings.HasPrefix(stderr, c.stderr) || c.stderr == "" && stderr != "" {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q, want %d, %q, %q", c.name, code, stdout, stderr, c.code, c.stdout, c.stderr)
		}
	}
}

// Address and token come from where serve has them.
func TestAPISources(t *testing.T) {
	open, closed := serveAPI(t, ""), serveAPI(t, testToken)
	request := []string{"rooms.has", `{"roomName":"r","connectionId":"c"}`}
	check := func(name string, code int, stderr string, args ...string) {
		t.Helper()
		got, stdout, said := callAPI("", append(request, args...)...)
		if got != code || !strings.Contains(said, stderr) || (stdout == "{\"member\":true}\n") != (code == 0) {
			t.Errorf("%s: exit code %d, %s%s, want %d, %s", name, got, stdout, said, code, stderr)
		}
	}
	file := writeFile(t, fmt.Sprintf("[admin]\nlisten = %q\ntoken = %q\n", closed, testToken))
	wrong, right := writeFile(t, "another-token-of-16"), writeFile(t, testToken+"\n")

	check("file", 0, "", "--config", file)
	check("wrong token file", 1, "EDENIED: The token is not admin.token", "--config", file, "--token-file", wrong)
	check("no token", 1, "EDENIED: The header Authorization: Bearer <admin.token> is missing", "--config", "", "--address", closed)
	check("token file", 0, "", "--config", "", "--address", closed, "--token-file", right)
	check("URL", 0, "", "--config", "", "--address", "http://"+open+"/")
	check("missing token file", 2, "--token-file: admin.token: /nowhere: no such file or directory", "--config", "", "--token-file", "/nowhere")
	check("bad file", 2, "listn: unknown key, did you mean listen?", "--config", writeFile(t, "listn = 1"))
	check("free port", 2, "admin.listen is a free port: say with --address", "--config", writeFile(t, `admin.listen = "127.0.0.1:0"`))
	check("no address", 2, `"mesh" is no address`, "--config", "", "--address", "mesh")

	t.Setenv("MESH_ADMIN_LISTEN", closed)
	check("variable and no token", 1, "EDENIED", "--config", "")
	t.Setenv("MESH_ADMIN_TOKEN", testToken)
	check("variables", 0, "", "--config", "")
	check("variables and address", 0, "", "--config", "", "--address", open)
}

// The token reaches no one but the server that was named.
func TestAPIUnreachable(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	var elsewhere *httptest.Server
	answers := map[string]http.HandlerFunc{
		"page":    func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"JSON":    func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"ok":true}`) },
		"failing": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, `{"result":1}`, http.StatusBadGateway) },
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		},
		"mute": func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // then it shows when the caller has gone
			<-r.Context().Done()
		},
		"cut off": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	}
	elsewhere = httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect is followed") }))
	t.Cleanup(elsewhere.Close)
	check := func(name, address, timeout, want string) {
		t.Helper()
		code, stdout, stderr := callAPI("", "users.list", "--config", "", "--timeout", timeout, "--address", address)
		if code != 3 || stdout != "" || !strings.HasPrefix(stderr, "mesh-host: ") || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q, want 3, %q", name, code, stdout, stderr, want)
		}
	}
	check("nobody", nobody, "1m", "the server's admin API at http://"+nobody+" cannot be reached: dial tcp")
	for name, answer := range answers {
		server := httptest.NewServer(answer)
		t.Cleanup(server.Close)
		timeout, want := "1m", "what is at "+server.URL+" is no mesh-host's admin API: it answers"
		switch name {
		case "mute":
			timeout, want = "50ms", "cannot be reached: no answer within 50ms"
		case "cut off":
			want = "cannot be reached: EOF"
		}
		check(name, server.URL, timeout, want)
	}
}

func TestAPIList(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := callAPI("", "--list", "--config", "/nowhere")
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	lines := map[string]string{}
	for line := range strings.Lines(stdout) {
		name, rest, _ := strings.Cut(line, " ")
		lines[name] = strings.Join(strings.Fields(rest), " ")
	}
	for _, o := range abi.Operations {
		if _, ok := lines[o.Name]; ok == (o.Door == abi.DoorPlugin) {
			t.Errorf("%s: listed %t", o.Name, ok)
		}
	}
	if got, want := lines["broadcast"], "command [payload] [exclude] Pushes {command, payload} to every connection."; got != want {
		t.Errorf("broadcast is listed as %q, want %q", got, want)
	}
}

func TestAPIHelp(t *testing.T) {
	t.Parallel()
	for _, o := range operatorOperations() {
		code, stdout, stderr := callAPI("", o.Name, "--help")
		if code != 0 || stderr != "" {
			t.Errorf("%s: exit code %d: %s", o.Name, code, stderr)
		}
		for _, f := range append(o.Request, o.Response...) {
			if !strings.Contains(stdout, "\n  "+f.Name+" ") || !strings.Contains(stdout, f.Doc+"\n") {
				t.Errorf("%s: no word of %s in\n%s", o.Name, f.Name, stdout)
			}
		}
		if !strings.HasPrefix(stdout, o.Doc+"\n") {
			t.Errorf("%s: it is not said what it does:\n%s", o.Name, stdout)
		}
	}
	if code, stdout, _ := callAPI(""); code != 0 || !strings.Contains(stdout, "channels.publish") {
		t.Errorf("api alone: exit code %d, %s", code, stdout)
	}
}

func TestAPIBase(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"127.0.0.1:8081": "http://127.0.0.1:8081", ":8081": "http://127.0.0.1:8081", "0.0.0.0:8081": "http://127.0.0.1:8081",
		"[::]:8081": "http://[::1]:8081", "[::1]:8081": "http://[::1]:8081", "mesh.example:1": "http://mesh.example:1",
		"http://mesh.example": "http://mesh.example", "https://mesh.example:1/admin//": "https://mesh.example:1/admin",
		"": "", "mesh.example": "", "mesh.example:": "", "127.0.0.1:0": "", "ftp://mesh.example": "", "http://": "",
		"http://u:p@mesh.example": "", "http://mesh.example?x": "", "http://mesh.example#x": "", "http://[": "",
	} {
		got, err := apiBase(address)
		var usage usageError
		if got != want || (err == nil) != (want != "") || err != nil && !errors.As(err, &usage) {
			t.Errorf("apiBase(%q) = %q, %v, want %q", address, got, err, want)
		}
	}
}

func TestFormatResult(t *testing.T) {
	t.Parallel()
	const text = "{\"b\": [1.50, {}], \"a\":\"\u009b\x7fé\"}"
	for indent, want := range map[bool]string{
		false: `{"b":[1.50,{}],"a":"\u009b\u007fé"}` + "\n",
		true:  "{\n  \"b\": [\n    1.50,\n    {}\n  ],\n  \"a\": \"\\u009b\\u007fé\"\n}\n",
	} {
		if got, err := formatResult([]byte(text), indent); err != nil || string(got) != want {
			t.Errorf("%s, %v, want %s", got, err, want)
		}
	}
}

func TestIsTerminal(t *testing.T) {
	t.Parallel()
	device, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if !isTerminal(device) || isTerminal(file) || isTerminal(new(bytes.Buffer)) {
		t.Error("what is a terminal is not told from what is none")
	}
}
