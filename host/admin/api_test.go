package admin_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/admin"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/protocol"
)

func TestResults(t *testing.T) {
	t.Parallel()
	h := api(table(), nil)
	for _, c := range []struct{ name, operation, body, want string }{
		{"whole response", "broadcast", `{"command":"x"}`, `{"result":{"sent":7}}`},
		{"an empty list", "users.list", `{}`, `{"result":{"users":[]}}`},
		{"empty body", "users.list", "", `{"result":{"users":[]}}`},
		{"white body", "users.list", " \n", `{"result":{"users":[]}}`},
		{"one field", "connections.metadata.list", `{"roomName":"é<"}`, `{"result":[{"c": {"<room>":"é\u003c"}}]}`},
		{"one field and others", "connections.metadata.list", `{"limit":1}`, `{"result":[{"c": {"<room>":""}}],"cursor":"n\"xt"}`},
		{"operators only", "plugins.reload", `{"name":"p"}`, `{"result":{"version":"v"}}`},
	} {
		response, body := do(t, h, request(http.MethodPost, "/api/"+c.operation, c.body))
		if response.StatusCode != http.StatusOK || body != c.want {
			t.Errorf("%s: %d %s, want %s", c.name, response.StatusCode, body, c.want)
		}
		if response.Header.Get("Cache-Control") != "no-store" || response.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", c.name, response.Header)
		}
	}
}

// A client may write metadata as deep as its frames may be, and an operator lists
// it with others.
func TestResultsThatAreDeep(t *testing.T) {
	t.Parallel()
	deepest := strings.Repeat("[", protocol.MaxDepth) + strings.Repeat("]", protocol.MaxDepth)
	deep := operation.Table{}
	operation.Define(deep, abi.OpConnectionsMetadataList, func(context.Context, operation.Caller, *abi.ConnectionsMetadataListRequest) (a abi.ConnectionsMetadataListResponse, err error) {
		a.Metadata, a.Cursor = json.RawMessage(`[{"c":`+deepest+`}]`), "next"
		return a, nil
	})
	want := `{"result":[{"c":` + deepest + `}],"cursor":"next"}`
	response, body := do(t, api(deep, nil), request(http.MethodPost, "/api/connections.metadata.list", ""))
	if response.StatusCode != http.StatusOK || body != want {
		t.Errorf("%d %s, want %s", response.StatusCode, body, want)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	h := api(table(), func(o *admin.Options) { o.MaxBody = 100 })
	const form = "application/x-www-form-urlencoded"
	for _, c := range []struct {
		name    string
		request *http.Request
		status  int
		want    string
	}{
		{"unknown operation", request("POST", "/api/broadcasts", "{}"), 404, `{"error":{"code":"ENOTFOUND","message":"There is no operation \"broadcasts\"; GET /api lists them"}}`},
		{"operation that is not defined", request("POST", "/api/rooms.list", "{}"), 404, `{"error":{"code":"ENOTFOUND","message":"There is no operation \"rooms.list\"; GET /api lists them"}}`},
		{"another case", request("POST", "/api/Broadcast", "{}"), 404, `{"error":{"code":"ENOTFOUND",`},
		{"more path", request("POST", "/api/broadcast/", "{}"), 404, `{"error":{"code":"ENOTFOUND",`},
		{"less path", request("POST", "/broadcast", "{}"), 404, `{"error":{"code":"ENOTFOUND",`},
		{"long name", request("POST", "/api/"+strings.Repeat("x", 5000), "{}"), 404, `{"error":{"code":"ENOTFOUND","message":"There is no operation \"` + strings.Repeat("x", 256) + `\"`},
		{"for plugins", request("POST", "/api/kv.get", `{"key":"k"}`), 404, `{"error":{"code":"ENOTFOUND","message":"Only plugins can call kv.get"}}`},
		{"get", request("GET", "/api/broadcast", ""), 405, `{"error":{"code":"EPAYLOAD","message":"The method must be POST"}}`},
		{"preflight", request("OPTIONS", "/api/broadcast", ""), 405, `{"error":{"code":"EPAYLOAD",`},
		{"post of a document", request("POST", "/api", "{}"), 405, `{"error":{"code":"EPAYLOAD","message":"The method must be GET, HEAD"}}`},
		{"form", request("POST", "/api/broadcast", `command=x`, "Content-Type", form), 415, `{"error":{"code":"EPAYLOAD","message":"The body must be sent as Content-Type: application/json"}}`},
		{"empty form", request("POST", "/api/users.list", "", "Content-Type", form), 415, `{"error":{"code":"EPAYLOAD",`},
		{"plain text", request("POST", "/api/broadcast", `{"command":"x"}`, "Content-Type", "text/plain"), 415, `{"error":{"code":"EPAYLOAD",`},
		{"no content type", request("POST", "/api/broadcast", `{"command":"x"}`, "Content-Type", ""), 415, `{"error":{"code":"EPAYLOAD",`},
		{"broken content type", request("POST", "/api/broadcast", `{"command":"x"}`, "Content-Type", "application/json;;="), 415, `{"error":{"code":"EPAYLOAD",`},
		{"large body", request("POST", "/api/broadcast", strings.Repeat(" ", 101)), 413, `{"error":{"code":"ETOOLARGE","message":"The body has more than 100 bytes"}}`},
		{"no JSON", request("POST", "/api/broadcast", `{`), 400, `{"error":{"code":"EPAYLOAD","message":"the request is not JSON in UTF-8, nested at most 128 deep"}}`},
		{"no object", request("POST", "/api/broadcast", `[]`), 400, `{"error":{"code":"EPAYLOAD","message":"the request is not a JSON object"}}`},
		{"missing field", request("POST", "/api/broadcast", `{}`), 400, `{"error":{"code":"EPAYLOAD","message":"command: is missing"}}`},
		{"missing body", request("POST", "/api/broadcast", ``), 400, `{"error":{"code":"EPAYLOAD","message":"command: is missing"}}`},
		{"wrong type", request("POST", "/api/broadcast", `{"command":5}`), 400, `{"error":{"code":"EPAYLOAD","message":"command: must be a string, not a number"}}`},
		{"unknown field", request("POST", "/api/users.list", `{"room":""}`), 400, `{"error":{"code":"EPAYLOAD","message":"\"room\": unknown field, users.list takes cursor, limit"}}`},
	} {
		response, body := do(t, h, c.request)
		if response.StatusCode != c.status || !strings.HasPrefix(body, c.want) {
			t.Errorf("%s: %d %s, want %d %s", c.name, response.StatusCode, body, c.status, c.want)
		}
		if allow := response.Header.Get("Allow"); (allow != "") != (c.status == 405) {
			t.Errorf("%s: Allow: %s", c.name, allow)
		}
	}
	// What is said of the type beside it does not matter.
	ok := request("POST", "/api/broadcast", `{"command":"x"}`, "Content-Type", "Application/JSON; charset=utf-8")
	if response, body := do(t, h, ok); response.StatusCode != http.StatusOK {
		t.Errorf("JSON with a charset: %d %s", response.StatusCode, body)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	var failed error
	h := api(broadcast(func(context.Context, string) error { return failed }), nil)
	call := func() (int, string) {
		response, body := do(t, h, request("POST", "/api/broadcast", `{"command":"x"}`))
		return response.StatusCode, body
	}
	for _, e := range abi.ErrorCodes {
		failed = fmt.Errorf("engine: %w", protocol.NewError(e.Code, "why"))
		if status, body := call(); status != e.HTTP || body != `{"error":{"code":"`+e.Code+`","message":"why"}}` {
			t.Errorf("%s: %d %s, want %d", e.Code, status, body, e.HTTP)
		}
	}
	failed = &protocol.Error{Code: "EMOOD", Name: "Mood", Message: "not \"today\"", Data: []byte(`{"until":1}`)}
	if status, body := call(); status != 400 || body != `{"error":{"code":"EMOOD","message":"not \"today\"","data":{"until":1}}}` {
		t.Errorf("a plugin's own code: %d %s", status, body)
	}
	failed = context.DeadlineExceeded
	if status, body := call(); status != 504 || body != `{"error":{"code":"ETIMEOUT","message":"Operation \"broadcast\" timed out"}}` {
		t.Errorf("timeout: %d %s", status, body)
	}
}

// An internal error is told by its reference only.
func TestInternalError(t *testing.T) {
	t.Parallel()
	logger, log := recorded()
	h := api(broadcast(func(context.Context, string) error { return errors.New("disk on fire") }), func(o *admin.Options) { o.Log = logger })
	response, body := do(t, h, request("POST", "/api/broadcast", `{"command":"x"}`))
	var answer struct {
		Error struct{ Code, Message, Ref string }
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusInternalServerError || answer.Error.Code != abi.CodeServer || answer.Error.Message != "Internal error" || answer.Error.Ref == "" {
		t.Errorf("%d %s", response.StatusCode, body)
	}
	for _, part := range []string{"level=ERROR", "operation=broadcast", "ref=" + answer.Error.Ref, `error="disk on fire"`} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("the log has no %s: %s", part, log)
		}
	}
}

// The log says who asked for what, and neither with what nor by which token.
func TestAccessLog(t *testing.T) {
	t.Parallel()
	logger, log := recorded()
	h := api(table(), func(o *admin.Options) { o.Log, o.Token = logger, token })
	do(t, h, request("POST", "/api/broadcast", `{"command":"private"}`, "Authorization", "Bearer "+token))
	do(t, h, request("POST", "/api/broadcast", `{"command":"private"}`, "Authorization", "Bearer another-token-of-it"))
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 2 || strings.Contains(log.String(), "private") || strings.Contains(log.String(), "token-of") {
		t.Fatalf("the log is\n%s", log)
	}
	for i, part := range []string{`status=200 code=""`, "status=401 code=EDENIED"} {
		if !strings.Contains(lines[i], "level=DEBUG") || !strings.Contains(lines[i], "path=/api/broadcast") || !strings.Contains(lines[i], part) {
			t.Errorf("line %d has no %s: %s", i, part, lines[i])
		}
	}
}

func TestOperationDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := api(broadcast(func(ctx context.Context, _ string) error {
			<-ctx.Done()
			return fmt.Errorf("engine: %w", ctx.Err())
		}), nil)
		start := time.Now()
		response, body := do(t, h, request("POST", "/api/broadcast", `{"command":"x"}`))
		if response.StatusCode != http.StatusGatewayTimeout || !strings.Contains(body, "ETIMEOUT") || time.Since(start) != admin.DefaultTimeout {
			t.Errorf("after %s: %d %s", time.Since(start), response.StatusCode, body)
		}
	})
}

func TestConcurrencyBound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		h := api(broadcast(func(_ context.Context, command string) error {
			if command == "wait" {
				<-release
			}
			return nil
		}), func(o *admin.Options) { o.Concurrent = 2 })
		var waiting sync.WaitGroup
		for range 2 {
			waiting.Go(func() {
				if response, body := do(t, h, request("POST", "/api/broadcast", `{"command":"wait"}`)); response.StatusCode != http.StatusOK {
					t.Errorf("%d %s", response.StatusCode, body)
				}
			})
		}
		synctest.Wait()
		response, body := do(t, h, request("POST", "/api/broadcast", `{"command":"x"}`))
		if response.StatusCode != http.StatusTooManyRequests || !strings.Contains(body, `"ERATELIMIT","message":"2 operations`) || response.Header.Get("Retry-After") != "1" {
			t.Errorf("a third one: %d %s", response.StatusCode, body)
		}
		if response, _ := do(t, h, request("GET", "/api", "")); response.StatusCode != http.StatusOK {
			t.Errorf("a document meanwhile: %d", response.StatusCode)
		}
		close(release)
		waiting.Wait()
		if response, body := do(t, h, request("POST", "/api/broadcast", `{"command":"x"}`)); response.StatusCode != http.StatusOK {
			t.Errorf("afterwards: %d %s", response.StatusCode, body)
		}
	})
}

// failingBody is a connection that breaks.
type failingBody struct{ err error }

func (b failingBody) Read([]byte) (int, error) { return 0, b.err }
func (failingBody) Close() error               { return nil }

func TestBodyThatDoesNotArrive(t *testing.T) {
	t.Parallel()
	h := api(table(), nil)
	for err, want := range map[error]int{io.ErrUnexpectedEOF: 400, fmt.Errorf("read tcp: %w", os.ErrDeadlineExceeded): 408} {
		r := request("POST", "/api/broadcast", "{}")
		r.Body = failingBody{err}
		if response, body := do(t, h, r); response.StatusCode != want {
			t.Errorf("%v: %d %s, want %d", err, response.StatusCode, body, want)
		}
	}
}

// A caller that sends half a body does not hold a place for ever, and one that
// was served can go on with the same connection.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	for operation, status := range map[string]int{"users.list": 408, "unknown": 404} {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			checkSlowBody(t, operation, status)
		})
	}
}

// checkSlowBody wants the last of some requests, whose body is cut short, to
// be answered with a status.
func checkSlowBody(t *testing.T, operation string, status int) {
	t.Helper()
	server := httptest.NewServer(api(table(), func(o *admin.Options) { o.Timeout = 50 * time.Millisecond }))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	const head = " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"
	for _, c := range []struct {
		operation, body string
		status          int
	}{{"users.list", "{}", 200}, {"users.list", "{}", 200}, {"unknown", "{}", 404}, {operation, "{", status}} {
		if _, err := io.WriteString(conn, "POST /api/"+c.operation+head+c.body); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err := errors.Join(err, response.Body.Close()); err != nil || response.StatusCode != c.status {
			t.Errorf("%q: %d %s, %v, want %d", c.body, response.StatusCode, body, err, c.status)
		}
	}
}
