package transport_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/mesh-host/mesh-host/host/transport/transporttest"
)

// The ordinary ways, with a WebSocket client that others wrote.
func dialed(t *testing.T, s *server, o *websocket.DialOptions) (context.Context, *websocket.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), transporttest.Patience)
	t.Cleanup(cancel)
	c, _, err := websocket.Dial(ctx, "ws://"+s.address+"/any/path?query=1", o) //nolint:bodyclose // the library closes it
	if err != nil {
		t.Fatal(err)
	}
	c.SetReadLimit(-1)
	t.Cleanup(func() { _ = c.CloseNow() })
	return ctx, c
}

func TestForeignClientCallsCommands(t *testing.T) {
	t.Parallel()
	s := serve(t, func(u *setup) { u.MessageSize, u.AssignID = 4<<20, []string{"mesh"} })
	ctx, c := dialed(t, s, &websocket.DialOptions{Subprotocols: []string{"mesh.v2", "mesh.v1"}, CompressionMode: websocket.CompressionContextTakeover})
	if c.Subprotocol() != "mesh.v1" {
		t.Errorf("subprotocol %q", c.Subprotocol())
	}
	session := s.guest(t)
	if _, first, err := c.Read(ctx); err != nil || string(first) != fmt.Sprintf(`{"command":"mesh/assign-id","payload":%q}`, session.ID()) {
		t.Errorf("first frame %s, %v", first, err)
	}
	for _, size := range []int{100, 10_000, 1 << 20} {
		if err := c.Write(ctx, websocket.MessageText, []byte(saidLong(size))); err != nil {
			t.Fatal(err)
		}
		kind, reply, err := c.Read(ctx)
		if err != nil || kind != websocket.MessageText || string(reply) != saidLong(size) {
			t.Fatalf("reply of %d bytes to %d, %v", len(reply), size, err)
		}
	}
	if err := c.Close(4000, "done"); err != nil {
		t.Error(err)
	}
	if cause := s.expectGone(t, 4000); cause.Reason != "done" {
		t.Errorf("cause %+v", cause)
	}
}

func TestForeignClientWritesFragments(t *testing.T) {
	t.Parallel()
	ctx, c := dialed(t, serve(t), nil)
	w, err := c.Writer(ctx, websocket.MessageText)
	if err != nil {
		t.Fatal(err)
	}
	for _, piece := range strings.SplitAfter(said(umlauts), "") {
		if _, err := w.Write([]byte(piece)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, reply, err := c.Read(ctx); string(reply) != said(umlauts) {
		t.Errorf("reply %s, %v", reply, err)
	}
}

func TestForeignClientPings(t *testing.T) {
	t.Parallel()
	ctx, c := dialed(t, serve(t), nil)
	var work sync.WaitGroup
	defer work.Wait()
	defer func() { _ = c.CloseNow() }()
	work.Go(func() { _, _, _ = c.Read(ctx) })
	for range 10 {
		if err := c.Ping(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

func TestForeignClientSeesWhyItIsClosed(t *testing.T) {
	t.Parallel()
	s := serve(t, with(handle("leave", leave)))
	for name, test := range map[string]struct {
		kind    websocket.MessageType
		message string
		code    websocket.StatusCode
	}{
		"kicked":   {websocket.MessageText, request(1, "leave", "1"), 4003},
		"binary":   {websocket.MessageBinary, said("hello"), 1003},
		"too big":  {websocket.MessageText, saidLong(1 << 20), 1009},
		"no UTF-8": {websocket.MessageText, "\xff", 1007},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, c := dialed(t, s, nil)
			_ = c.Write(ctx, test.kind, []byte(test.message))
			start := time.Now()
			if _, _, err := c.Read(ctx); websocket.CloseStatus(err) != test.code {
				t.Errorf("closed with %v, want %d", err, test.code)
			}
			if took := time.Since(start); took > time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}
