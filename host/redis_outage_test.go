package host_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/mesh-host/mesh-host/host/backplane/redis/redistest"
)

// TestSessionsOutliveRedis keeps one connection over an outage.
func TestSessionsOutliveRedis(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t)
	s, _ := serve(t, sharing(t, "redis://"+r.Addr))
	until(t, s.Addr(), http.StatusOK)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	options := &websocket.DialOptions{HTTPClient: client, Subprotocols: []string{"mesh.v1"}}
	conn, _, err := websocket.Dial(ctx, "ws://"+s.Addr().String(), options) //nolint:bodyclose // the library closes it
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	ask := func(request string) string {
		t.Helper()
		if err := conn.Write(ctx, websocket.MessageText, []byte(request)); err != nil {
			t.Fatal(err)
		}
		for {
			_, reply, err := conn.Read(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(reply), `"id":"1"`) {
				return string(reply)
			}
		}
	}
	const join = `{"id":"1","command":"mesh/join-room","payload":{"roomName":"r"}}`
	if reply := ask(join); strings.Contains(reply, "error") {
		t.Fatal(reply)
	}
	r.Kill()
	until(t, s.Addr(), http.StatusServiceUnavailable)
	started := time.Now()
	for range 100 {
		if reply := ask(join); !strings.Contains(reply, `"EUNAVAILABLE"`) || !strings.Contains(reply, "Backplane unavailable") {
			t.Fatal(reply)
		}
	}
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("100 refusals took %s", took)
	}
	if reply := ask(`{"id":"1","command":"noop","payload":{}}`); strings.Contains(reply, "error") {
		t.Errorf("what needs no store answers %s", reply)
	}
	_, response, err := websocket.Dial(ctx, "ws://"+s.Addr().String(), options) //nolint:bodyclose // the library closes it
	if err == nil || response == nil || response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a further client gets %v, %v", response, err)
	}
	r.Restart(t)
	until(t, s.Addr(), http.StatusOK)
	// It kept nothing: the node registers its connections anew.
	for reply := ask(join); strings.Contains(reply, "error"); reply = ask(join) {
		select {
		case <-ctx.Done():
			t.Fatalf("when Redis is back: %s", reply)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
