package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	client "github.com/mesh-host/mesh-host/client/go"
)

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, o := range []client.Options{
		{}, {URLs: []string{"127.0.0.1:8080"}}, {URLs: []string{"ftp://x"}}, {URLs: []string{"ws://x"}, Queue: -1}, {URLs: []string{"ws://x"}, Silence: -1},
	} {
		if _, err := client.New(o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}

// Close codes from 4000 to 4099 end the client, at once or later.
func TestClosedForGood(t *testing.T) {
	t.Parallel()
	for _, code := range []int{4000, 4003, 4099} {
		for _, early := range []bool{true, false} {
			url := serve(t, func(p *peer) {
				if p.n > 0 {
					p.t.Error("the client came back")
				}
				if !early {
					p.greet()
					p.next()
				}
				_ = p.conn.Close(websocket.StatusCode(code), "go")
			})
			c, err := client.New(at(client.Options{}, url))
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Command(within(t), "x", nil)
			var closed *client.ClosedError
			if !errors.As(ended(t, c), &closed) || closed.Code != code || closed.Reason != "go" || err == nil {
				t.Errorf("%d, early %v: %v, %v", code, early, c.Err(), err)
			}
			c.Close()
		}
	}
}

// All other ends are reasons to come back.
func TestComesBack(t *testing.T) {
	t.Parallel()
	codes := []websocket.StatusCode{1001, 1008, 1013, 3999, 4100, 4101, 4199}
	ends := make(chan error, 20)
	back := make(chan struct{}, 20)
	c := dial(t, client.Options{OnDisconnect: func(err error) { ends <- err }, OnReconnect: func() { back <- struct{}{} }}, serve(t, func(p *peer) {
		p.greet()
		if p.n < len(codes) {
			p.next()
			_ = p.conn.Close(codes[p.n], "")
		}
		p.echo()
	}))
	for _, code := range codes {
		_, err := c.Command(within(t), "x", 1)
		var closed *client.ClosedError
		if why := receive(t, ends); !errors.As(why, &closed) || closed.Code != int(code) || !errors.Is(err, client.ErrDisconnected) {
			t.Fatal(code, why, err)
		}
		receive(t, back)
	}
	equal(t, c.ID(), fmt.Sprint("c", len(codes)))
}

func TestRefusedHandshakes(t *testing.T) {
	t.Parallel()
	for status, tries := range map[int]int{http.StatusUnauthorized: 1, http.StatusForbidden: 1, http.StatusServiceUnavailable: 5, http.StatusOK: 5, http.StatusFound: 5} {
		n := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			n++
			w.Header().Set("Location", "/")
			http.Error(w, "not you", status)
		}))
		_, err := client.Dial(within(t), at(client.Options{Attempts: 5}, server.URL))
		server.Close()
		var refused *client.HandshakeError
		if !errors.As(err, &refused) || refused.Status != status || !strings.Contains(refused.Body, "not you") || n != tries {
			t.Errorf("%d: %v after %d attempts", status, err, n)
		}
	}
}

// Servers that are none, or say nothing, are given up in time.
func TestServersThatAreNone(t *testing.T) {
	t.Parallel()
	hangs, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hangs.Close() }) // its backlog accepts
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil) // knows no subprotocol
		if err == nil {
			_, _, _ = conn.Read(r.Context())
			_ = conn.CloseNow()
		}
	}))
	t.Cleanup(plain.Close)
	for what, c := range map[string]struct{ url, want string }{
		"no answer to the handshake": {"ws://" + hangs.Addr().String(), "deadline"},
		"no first frame":             {serve(t, (*peer).wait), "deadline"},
		"another first frame":        {serve(t, func(p *peer) { p.send(`{"command":"hello"}`); p.wait() }), "the first frame is"},
		"rubbish first":              {serve(t, func(p *peer) { p.send(`rubbish`); p.wait() }), "the first frame is"},
		"gone at once":               {serve(t, func(*peer) {}), "broke"},
		"another protocol":           {plain.URL, "does not speak mesh.v1"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			o := client.Options{Attempts: 2}
			if c.want == "deadline" {
				o.ConnectTimeout = 100 * time.Millisecond
			}
			_, err := client.Dial(within(t), at(o, c.url))
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "2 attempts have failed") {
				t.Error(err)
			}
		})
	}
}

// Dial says why it could not connect in its time, and nothing of the token.
func TestDialInVain(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	_, err := client.Dial(ctx, at(client.Options{Token: func(context.Context) (string, error) { return "secret", nil }}, "ws://127.0.0.1:1"))
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "refused") || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
}

// Each attempt asks for a token and headers, and tries another URL.
func TestCredentialsAndURLs(t *testing.T) {
	t.Parallel()
	seen := make(chan string, 10)
	url := serve(t, func(p *peer) {
		seen <- p.r.URL.RawQuery + " " + p.r.Header.Get("X-Who")
		p.greet()
		if p.n > 0 {
			p.echo()
		}
	})
	n := 0
	c := dial(t, client.Options{
		Token: func(context.Context) (string, error) {
			if n++; n%2 == 0 {
				return "", errors.New("none just now")
			}
			return fmt.Sprint("t&", n), nil
		},
		Header: func(context.Context) (http.Header, error) { return http.Header{"X-Who": {fmt.Sprint(n)}}, nil },
	}, url+"/?room=a")
	equal(t, receive(t, seen), "room=a&token=t%261 0")
	equal(t, receive(t, seen), "room=a&token=t%263 2")
	c.Close()

	c = dial(t, client.Options{ReconnectInterval: time.Hour, ReconnectMax: time.Hour}, "ws://127.0.0.1:1", "ws://127.0.0.1:2", url)
	if c.ID() == "" { // it was found in the first round
		t.Error("no id")
	}
}

func TestLiveness(t *testing.T) {
	t.Parallel()
	back := make(chan struct{}, 1)
	why := make(chan error, 1)
	dial(t, client.Options{Silence: 30 * time.Millisecond, ConnectTimeout: time.Second, OnReconnect: func() { back <- struct{}{} }, OnDisconnect: func(err error) { why <- err }}, serve(t, func(p *peer) {
		p.greet()
		if p.n > 0 {
			p.echo()
		}
		await := func(command string) { // asked for a sign of life it gives one
			for f := p.next(); f.Command != command; f = p.next() {
				p.reply(f, "true")
			}
		}
		p.send(`{"command":"ping","payload":{}}`)
		await("pong")
		p.send(`{"command":"latency","payload":3}`)
		p.send(`{"command":"latency:request","payload":{}}`)
		await("latency:response")
		p.answer("mesh/noop", "{}", "true")
		p.expect("mesh/noop", "{}") // and then no more
		p.wait()
	}))
	if err := receive(t, why); !strings.Contains(err.Error(), "no sign of life") {
		t.Error(err)
	}
	receive(t, back)
}

// The functions of the options never hold up the connection, and what they are too
// slow for is told.
func TestSlowOnPush(t *testing.T) {
	t.Parallel()
	hold, lost, pushed := make(chan struct{}), make(chan string, 10), make(chan string, 100)
	c := dial(t, client.Options{
		Backlog: 500,
		OnPush: func(command string, _ json.RawMessage) {
			<-hold
			pushed <- command
		},
		OnLost: func(kind, name string, err error) {
			lost <- fmt.Sprint(kind, " ", name, " ", errors.Is(err, client.ErrBusy))
		},
	}, serve(t, func(p *peer) {
		p.greet()
		for range 50 {
			p.send(`{"command":"notice","payload":{"text":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}}`)
		}
		p.echo()
	}))
	if _, err := c.Command(within(t), "echo", 1); err != nil {
		t.Fatal(err)
	}
	close(hold)
	equal(t, receive(t, lost), "push notice true")
	if n := len(pushed); n == 0 || n > 10 {
		t.Errorf("%d pushes were kept", n)
	}
}
