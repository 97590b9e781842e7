package admin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/admin"
	"github.com/mesh-host/mesh-host/host/operation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// broadcast defines an operation whose meaning is serve, with the command as
// its argument.
func broadcast(serve func(ctx context.Context, command string) error) operation.Table {
	t := operation.Table{}
	operation.Define(t, abi.OpBroadcast, func(ctx context.Context, _ operation.Caller, q *abi.BroadcastRequest) (a abi.BroadcastResponse, err error) {
		return abi.BroadcastResponse{Sent: 7}, serve(ctx, q.Command)
	})
	return t
}

// table has operations of every kind: with and without a field that is the
// result, and one for plugins only.
func table() operation.Table {
	t := broadcast(func(context.Context, string) error { return nil })
	operation.Define(t, abi.OpConnectionsMetadataList, func(_ context.Context, c operation.Caller, q *abi.ConnectionsMetadataListRequest) (a abi.ConnectionsMetadataListResponse, err error) {
		a.Metadata = json.RawMessage(`[{"c": {"<room>":` + quote(q.RoomName+c.Plugin) + `}}]`)
		if q.Limit > 0 {
			a.Cursor = "n\"xt"
		}
		return a, nil
	})
	operation.Define(t, abi.OpUsersList, func(context.Context, operation.Caller, *abi.UsersListRequest) (a abi.UsersListResponse, err error) {
		return a, nil
	})
	operation.Define(t, abi.OpPluginsReload, func(context.Context, operation.Caller, *abi.PluginsReloadRequest) (a abi.PluginsReloadResponse, err error) {
		return abi.PluginsReloadResponse{Version: "v"}, nil
	})
	operation.Define(t, abi.OpKVGet, func(context.Context, operation.Caller, *abi.KVGetRequest) (a abi.KVGetResponse, err error) {
		panic("only plugins may call this")
	})
	return t
}

func quote(text string) string {
	b, _ := json.Marshal(text)
	return string(b)
}

func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

// recorded is a logger and what it has written.
func recorded() (*slog.Logger, *bytes.Buffer) {
	b := new(bytes.Buffer)
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug})), b
}

func api(t operation.Table, change func(*admin.Options)) http.Handler {
	o := admin.Options{Log: silent()}
	if change != nil {
		change(&o)
	}
	return admin.API(t, o)
}

// request is one to the API on this machine; headers come in pairs.
func request(method, path, body string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, "http://localhost:8081"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

// answer is what an API answers, beside the body.
type answer struct {
	StatusCode int
	Header     http.Header
}

// do returns an answer and its body, which must be JSON.
func do(t *testing.T, h http.Handler, r *http.Request) (answer, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	body := w.Body.Bytes()
	if !json.Valid(body) || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%s %s answers %q: %s", r.Method, r.URL.Path, w.Header(), body)
	}
	return answer{w.Code, w.Header()}, strings.TrimSuffix(string(body), "\n")
}
