//go:build linux

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// frame is what the server sends.
type frame struct {
	ID      json.RawMessage `json:"id"`
	Command string          `json:"command"`
	Payload json.RawMessage `json:"payload"`
}

// failure is the payload of a failed command.
type failure struct {
	Message string          `json:"error"`
	Code    string          `json:"code"`
	Name    string          `json:"name"`
	Ref     string          `json:"ref"`
	Data    json.RawMessage `json:"data"`
}

// Error implements error.
func (f *failure) Error() string { return fmt.Sprintf("%s (%s, %s)", f.Message, f.Code, f.Name) }

// dialing says how a client connects.
type dialing struct {
	query        string // "token=x"
	header       http.Header
	subprotocols []string
	// mute clients answer neither pings nor latency requests.
	mute bool
}

// wire is a bare WebSocket connection.
type wire struct {
	conn *websocket.Conn
	ctx  context.Context // ends with the test
}

// refused is a handshake that did not end in a session.
type refused struct {
	status int
	body   string
}

// Error implements error.
func (r *refused) Error() string { return fmt.Sprintf("refused with %d: %s", r.status, r.body) }

// connect makes a bare connection; the error may be a *refused.
func (h *host) connect(t *testing.T, d dialing) (*wire, error) {
	t.Helper()
	w := &wire{ctx: t.Context()}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, response, err := websocket.Dial(ctx, "ws://"+h.address+"/?"+d.query, &websocket.DialOptions{ //nolint:bodyclose // the library closes it
		HTTPClient: web, HTTPHeader: d.header, Subprotocols: d.subprotocols,
	})
	if err != nil {
		if response == nil || response.StatusCode == http.StatusSwitchingProtocols {
			return nil, err
		}
		body, _ := io.ReadAll(response.Body)
		return nil, &refused{response.StatusCode, string(body)}
	}
	conn.SetReadLimit(-1)
	w.conn = conn
	t.Cleanup(func() { _ = conn.CloseNow() })
	return w, nil
}

func (w *wire) send(text string) error {
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	return w.conn.Write(ctx, websocket.MessageText, []byte(text))
}

func (w *wire) next() ([]byte, error) {
	kind, text, err := w.conn.Read(w.ctx)
	if err == nil && kind != websocket.MessageText {
		err = errors.New("the server sent a binary message")
	}
	return text, err
}

// client speaks the protocol: it matches replies with requests and answers
// what asks whether it lives. It is safe for concurrent use.
type client struct {
	*wire
	id     string
	mute   bool
	pushes journal[frame]
	ended  chan struct{}

	mu      sync.Mutex
	last    int
	waiting map[string]chan frame
	err     error // why it ended
}

// dial connects a client that has been told its id.
func (h *host) dial(t *testing.T, d dialing) *client {
	t.Helper()
	c, err := h.tryDial(t, d)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (h *host) tryDial(t *testing.T, d dialing) (*client, error) {
	t.Helper()
	w, err := h.connect(t, d)
	if err != nil {
		return nil, err
	}
	c := &client{wire: w, mute: d.mute, ended: make(chan struct{}), waiting: make(map[string]chan frame)}
	go c.read()
	t.Cleanup(func() {
		_ = c.conn.CloseNow()
		<-c.ended
	})
	assigned, ok := c.pushes.find(0, patience, func(f frame) bool { return strings.HasSuffix(f.Command, "/assign-id") })
	if !ok {
		return nil, errors.New("no assign-id frame")
	}
	return c, json.Unmarshal(assigned.Payload, &c.id)
}

// dialMany connects n clients.
func (h *host) dialMany(t *testing.T, n int, d dialing) []*client {
	t.Helper()
	clients := make([]*client, n)
	for i := range clients {
		clients[i] = h.dial(t, d)
	}
	return clients
}

// read takes what the server sends until the connection ends.
func (c *client) read() {
	defer close(c.ended)
	for {
		text, err := c.next()
		var f frame
		if err == nil {
			err = json.Unmarshal(text, &f)
		}
		if err != nil {
			c.mu.Lock()
			c.err = err
			c.mu.Unlock()
			return
		}
		if f.ID != nil {
			c.mu.Lock()
			reply := c.waiting[string(f.ID)]
			delete(c.waiting, string(f.ID))
			c.mu.Unlock()
			if reply != nil {
				reply <- f
				continue
			}
		}
		c.take(f)
	}
}

// take deals with what is no reply; as the old clients, it is kept too.
func (c *client) take(f frame) {
	answer := map[string]string{"ping": "pong", "latency:request": "latency:response"}[f.Command]
	if answer != "" && !c.mute {
		c.mu.Lock()
		c.last++
		id := c.last
		c.mu.Unlock()
		_ = c.send(fmt.Sprintf(`{"id":%d,"command":%q,"payload":{}}`, id, answer))
	}
	c.pushes.add(f)
}

// ask calls a command; an empty payload sends none. The error is a *failure
// where the server says so.
func (c *client) ask(command, payload string) (string, error) {
	return c.askWithin(patience, command, payload)
}

func (c *client) askWithin(within time.Duration, command, payload string) (string, error) {
	reply := make(chan frame, 1)
	c.mu.Lock()
	c.last++
	id := strconv.Itoa(c.last)
	c.waiting[id] = reply
	c.mu.Unlock()
	text := `{"id":` + id + `,"command":` + strconv.Quote(command)
	if payload != "" {
		text += `,"payload":` + payload
	}
	if err := c.send(text + "}"); err != nil {
		return "", err
	}
	late := time.NewTimer(within)
	defer late.Stop()
	select {
	case f := <-reply:
		if f.Command != command {
			return "", fmt.Errorf("the reply to %s is called %s", command, f.Command)
		}
		return string(f.Payload), failed(f.Payload)
	case <-c.ended:
		return "", fmt.Errorf("no reply to %s: %w", command, c.cause())
	case <-late.C:
		return "", fmt.Errorf("no reply to %s within %v", command, within)
	}
}

// failed returns the *failure that a payload is, if it is one.
func failed(payload json.RawMessage) error {
	f := new(failure)
	if strings.HasPrefix(string(payload), `{"error":`) {
		_ = json.Unmarshal(payload, f) // what does not fit has no code
	}
	if f.Code == "" {
		return nil
	}
	return f
}

// call calls a command that must succeed.
func (c *client) call(t *testing.T, command, payload string) string {
	t.Helper()
	reply, err := c.ask(command, payload)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

// fails calls a command that must fail.
func (c *client) fails(t *testing.T, command, payload string) *failure {
	t.Helper()
	reply, err := c.ask(command, payload)
	var f *failure
	if !errors.As(err, &f) {
		t.Fatalf("%s did not fail: reply %s, error %v", command, reply, err)
	}
	return f
}

// echoes checks that the client is served.
func (c *client) echoes(t *testing.T) {
	t.Helper()
	if reply := c.call(t, "echo", `"still here"`); reply != `"still here"` {
		t.Fatalf("echo answers %s", reply)
	}
}

// push waits for a push and returns its payload.
func (c *client) push(t *testing.T, command string) string {
	t.Helper()
	f, ok := c.pushes.find(0, patience, func(f frame) bool { return f.Command == command })
	if !ok {
		t.Fatalf("no push %s", command)
	}
	return string(f.Payload)
}

// count returns how many pushes of a name have come.
func (c *client) count(command string) (n int) {
	frames, _ := c.pushes.from(0)
	for _, f := range frames {
		if f.Command == command {
			n++
		}
	}
	return n
}

// cause returns why the connection ended, nil while it has not.
func (c *client) cause() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// closed waits for the end and returns the close code, -1 for none.
func (c *client) closed(t *testing.T, within time.Duration) int {
	t.Helper()
	select {
	case <-c.ended:
		return int(websocket.CloseStatus(c.cause()))
	case <-time.After(within):
		t.Fatalf("the connection is still open after %v", within)
		return 0
	}
}
