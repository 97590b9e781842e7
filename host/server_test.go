package host_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/mesh-host/mesh-host/host"
	"github.com/mesh-host/mesh-host/host/command"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

// These tests embed the server, as another program would; what the command
// mesh-host does is tested from outside, in e2e.

// embedded is a configuration on free ports, with a plugin folder of its own.
func embedded(t *testing.T) host.Config {
	t.Helper()
	c := host.Default()
	c.Listen, c.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0"
	c.Plugins.Dir, c.Plugins.CacheDir = filepath.Join(t.TempDir(), "plugins"), host.CacheOff
	c.Shutdown.Grace = 5 * time.Second
	return c
}

// log is a log that can be read while it is written.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// serve runs a server until stop is called, which returns what Run did.
func serve(t *testing.T, c host.Config, options ...host.Option) (server *host.Server, stop func() error) {
	t.Helper()
	l := new(log)
	server, err := host.New(c, l.logger(), options...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() {
		_ = stop()
		if t.Failed() {
			t.Log(l.text.String())
		}
	})
	select {
	case <-server.Ready():
	case err := <-done:
		t.Fatalf("Run returns %v", err)
	case <-time.After(time.Minute):
		t.Fatal("not ready")
	}
	return server, stop
}

// talk sends requests over a connection of its own and returns the replies.
func talk(t *testing.T, server *host.Server, requests ...string) (replies []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	conn, _, err := websocket.Dial(ctx, "ws://"+server.Addr().String(), &websocket.DialOptions{ //nolint:bodyclose // the library closes it
		HTTPClient: client, Subprotocols: []string{"mesh.v1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	if _, _, err := conn.Read(ctx); err != nil { // assign-id
		t.Fatal(err)
	}
	for _, request := range requests {
		if err := conn.Write(ctx, websocket.MessageText, []byte(request)); err != nil {
			t.Fatal(err)
		}
		_, reply, err := conn.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		replies = append(replies, string(reply))
	}
	return replies
}

// Who announces a body for metrics or health and does not send it holds nothing
// for ever: neither needs a token.
func TestOperatorsBodiesThatDoNotArrive(t *testing.T) {
	defer goleak.VerifyNone(t)
	c := embedded(t)
	c.Handshake.Timeout = 100 * time.Millisecond
	server, stop := serve(t, c)
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/unknown"} {
		conn, err := net.Dial("tcp", server.AdminAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n")); err != nil {
			t.Error(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Error(err)
		}
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: the connection is still there", path)
		}
		_ = conn.Close()
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestServerEmbedded(t *testing.T) {
	defer goleak.VerifyNone(t)
	c := embedded(t)
	if err := os.Mkdir(c.Plugins.Dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one", "echo"} {
		if err := os.WriteFile(filepath.Join(c.Plugins.Dir, name+".wasm"), plugintest.Fixture(t, name), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	own := func(reply string) command.HandlerFunc {
		return func(_ context.Context, c *command.Call) error {
			c.Reply([]byte(reply))
			return nil
		}
	}
	server, stop := serve(t, c,
		host.WithCommand(command.Command{Name: "own", Handler: own(`"mine"`)}),
		host.WithCommand(command.Command{Name: "which", Handler: own(`"hides the plugin's"`)}))
	replies := talk(t, server, `{"id":1,"command":"own"}`, `{"id":2,"command":"which"}`, `{"id":3,"command":"noop"}`, `{"id":4,"command":"none"}`)
	for i, want := range []string{`"payload":"mine"`, `hides the plugin's`, `"payload":true`, `ENOTFOUND`} {
		if !strings.Contains(replies[i], want) {
			t.Errorf("reply %s", replies[i])
		}
	}
	if err := stop(); err != nil {
		t.Errorf("Run returns %v", err)
	}
	if _, err := net.DialTimeout("tcp", server.Addr().String(), time.Second); err == nil {
		t.Error("the port is still open")
	}
}

func TestServerAddressesBeforeReady(t *testing.T) {
	t.Parallel()
	c := embedded(t)
	server, err := host.New(c, new(log).logger())
	if err != nil {
		t.Fatal(err)
	}
	if server.Addr() != nil || server.AdminAddr() != nil {
		t.Errorf("addresses before Ready: %v, %v", server.Addr(), server.AdminAddr())
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := server.Run(ctx); err != nil {
		t.Errorf("Run returns %v", err)
	}
}

func TestServerRefusesABadConfiguration(t *testing.T) {
	t.Parallel()
	c := embedded(t)
	c.Limits.Connections, c.Log.Format = 0, "xml"
	_, err := host.New(c, new(log).logger())
	if err == nil || !strings.Contains(err.Error(), "limits.connections") || !strings.Contains(err.Error(), "log.format") {
		t.Errorf("New returns %v", err)
	}
}

// A server that cannot listen leaves nothing behind.
func TestServerCannotListen(t *testing.T) {
	defer goleak.VerifyNone(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, set := range []func(*host.Config){
		func(c *host.Config) { c.Listen = taken.Addr().String() },
		func(c *host.Config) { c.Admin.Listen = taken.Addr().String() },
	} {
		c := embedded(t)
		set(&c)
		server, err := host.New(c, new(log).logger())
		if err != nil {
			t.Fatal(err)
		}
		if err := server.Run(context.Background()); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("Run returns %v", err)
		}
	}
}
