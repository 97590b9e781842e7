package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	client "github.com/mesh-host/mesh-host/client/go"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds the waits for what should happen at once.
const patience = 20 * time.Second

// peer is the server's side of a connection, driven by a script. What the script
// finds wrong ends it and fails the test.
type peer struct {
	t    *testing.T
	conn *websocket.Conn
	ctx  context.Context
	n    int // of the connection, from 0
	r    *http.Request
}

// frame is what a client sends.
type frame struct {
	ID      json.RawMessage
	Command string
	Payload json.RawMessage
}

// errOver ends a script whose connection has ended.
var errOver = errors.New("the connection has ended")

// serve runs a script for each connection, and returns the URL.
func serve(t *testing.T, script func(p *peer)) string {
	t.Helper()
	var (
		mu sync.Mutex
		n  int
		wg sync.WaitGroup
	)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"mesh.v1"}})
		if err != nil {
			return // a client that went
		}
		defer conn.CloseNow()
		conn.SetReadLimit(-1)
		mu.Lock()
		if ctx.Err() != nil { // the test is over
			mu.Unlock()
			return
		}
		wg.Add(1)
		defer wg.Done()
		p := &peer{t, conn, ctx, n, r}
		n++
		mu.Unlock()
		defer func() {
			if v := recover(); v != nil && v != errOver { //nolint:errorlint // it is thrown as it is
				t.Errorf("connection %d: %v", p.n, v)
			}
		}()
		script(p)
	}))
	t.Cleanup(func() {
		mu.Lock()
		cancel()
		mu.Unlock()
		server.CloseClientConnections()
		server.Close()
		wg.Wait()
	})
	return "ws" + strings.TrimPrefix(server.URL, "http")
}

func (p *peer) send(format string, args ...any) {
	if p.conn.Write(p.ctx, websocket.MessageText, fmt.Appendf(nil, format, args...)) != nil {
		panic(errOver)
	}
}

func (p *peer) greet() { p.send(`{"command":"mesh/assign-id","payload":"c%d"}`, p.n) }

// next reads the next frame.
func (p *peer) next() (f frame) {
	_, text, err := p.conn.Read(p.ctx)
	if err != nil {
		panic(errOver)
	}
	if err := json.Unmarshal(text, &f); err != nil {
		panic(fmt.Sprintf("the client sent %q", text))
	}
	return f
}

// expect reads a frame, which must be this one.
func (p *peer) expect(command, payload string) frame {
	f := p.next()
	if f.Command != command || string(f.Payload) != payload {
		panic(fmt.Sprintf("the client sent %s %s, not %s %s", f.Command, f.Payload, command, payload))
	}
	return f
}

func (p *peer) reply(f frame, payload string) {
	p.send(`{"id":%s,"command":%q,"payload":%s}`, f.ID, f.Command, payload)
}

// answer expects a frame and replies.
func (p *peer) answer(command, payload, reply string) { p.reply(p.expect(command, payload), reply) }

// echo answers every command with its payload until the connection ends.
func (p *peer) echo() {
	for {
		f := p.next()
		if f.Payload == nil {
			f.Payload = json.RawMessage("null")
		}
		p.reply(f, string(f.Payload))
	}
}

// wait waits for the end of the connection.
func (p *peer) wait() {
	for {
		p.next()
	}
}

// at fills in what makes tests quick.
func at(o client.Options, urls ...string) client.Options {
	o.URLs = urls
	if o.ReconnectInterval == 0 {
		o.ReconnectInterval = time.Millisecond
	}
	return o
}

// dial connects a client that ends with the test.
func dial(t *testing.T, o client.Options, urls ...string) *client.Client {
	t.Helper()
	c, err := client.Dial(within(t), at(o, urls...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// within is the context of what should happen at once.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// receive waits for something that should come at once.
func receive[T any](t *testing.T, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatal("nothing came")
	}
	return v
}

// ended waits for the end of a client and returns why.
func ended(t *testing.T, c *client.Client) error {
	t.Helper()
	receive(t, c.Done())
	return c.Err()
}

func equal[T comparable](t *testing.T, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%v, not %v", got, want)
	}
}
