package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	client "github.com/mesh-host/mesh-host/client/go"
)

// speaker answers a frame of a client with frames of its own; an error ends the
// connection.
type speaker func(id json.RawMessage, command string, payload json.RawMessage) (frames []string, err error)

// serveClients serves clients and returns the URL. Who has the token "bad" is not let
// in.
func serveClients(t *testing.T, connect func(n int, r *http.Request) speaker) string {
	t.Helper()
	var (
		mu sync.Mutex
		n  int
	)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("token") == "bad" {
			http.Error(w, "who are\nyou?", http.StatusUnauthorized)
			return
		}
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"mesh.v1"}})
		if err != nil {
			return
		}
		defer conn.CloseNow()
		mu.Lock()
		speak := connect(n, r)
		n++
		mu.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		frames, err := []string{`{"command":"mesh/assign-id","payload":"c"}`}, error(nil)
		for {
			for _, text := range frames {
				if conn.Write(ctx, websocket.MessageText, []byte(text)) != nil {
					return
				}
			}
			var closed websocket.CloseError
			if errors.As(err, &closed) {
				_ = conn.Close(closed.Code, closed.Reason)
			}
			if err != nil {
				return
			}
			_, text, failed := conn.Read(ctx)
			if failed != nil {
				return
			}
			var f struct {
				ID, Payload json.RawMessage
				Command     string
			}
			if json.Unmarshal(text, &f) != nil {
				return
			}
			frames, err = speak(f.ID, f.Command, f.Payload)
		}
	}))
	t.Cleanup(server.Close)
	return "ws" + strings.TrimPrefix(server.URL, "http")
}

func replyTo(id json.RawMessage, command, payload string) []string {
	return []string{fmt.Sprintf(`{"id":%s,"command":%q,"payload":%s}`, id, command, payload)}
}

func TestCall(t *testing.T) {
	t.Parallel()
	url := serveClients(t, func(_ int, r *http.Request) speaker {
		return func(id json.RawMessage, command string, payload json.RawMessage) ([]string, error) {
			switch command {
			case "echo":
				if payload == nil {
					payload = json.RawMessage(`"nothing"`)
				}
				return replyTo(id, command, string(payload)), nil
			case "who":
				return replyTo(id, command, fmt.Sprintf("[%q,%q]", r.FormValue("token"), r.Header.Get("X-A"))), nil
			case "fail":
				return replyTo(id, command, `{"error":"no\u001b[2J","code":"EBAD","name":"BadError","data":{"why":1}}`), nil
			case "kick":
				return nil, websocket.CloseError{Code: 4003, Reason: "out"}
			}
			return nil, nil
		}
	})
	for _, c := range []struct {
		name, stdin string
		args        []string
		code        int
		stdout      string
		stderr      string // a part
	}{
		{"argument", "", []string{url, "echo", `{"b": 1.0, "a": [1]}`}, 0, `{"b":1.0,"a":[1]}` + "\n", ""},
		{"host and port", "", []string{strings.TrimPrefix(url, "ws://"), "echo", "--compact"}, 0, `"nothing"` + "\n", ""},
		{"stdin", "[1,\n2]\n", []string{url, "echo", "-"}, 0, "[1,2]\n", ""},
		{"control characters", "", []string{url, "echo", "\"\u0085\""}, 0, `"\u0085"` + "\n", ""},
		{"token and header", "", []string{url, "who", "--token", "t", "--header", "X-A: b: c"}, 0, `["t","b: c"]` + "\n", ""},
		{"an error", "", []string{url, "fail"}, 1, "", "EBAD: no\uFFFD[2J {\"why\":1}\n"},
		{"closed", "", []string{url, "kick"}, 1, "", `closed by the server with 4003 "out"`},
		{"not let in", "", []string{url, "echo", "--token", "bad"}, 1, "", "refused with 401"},
		{"no reply", "", []string{url, "silence", "--timeout", "100ms"}, 3, "", "no reply within 100ms"},
		{"nobody", "", []string{"127.0.0.1:1", "echo"}, 3, "", "refused"},
		{"no URL", "", []string{"ftp://x", "echo"}, 2, "", "is no URL"},
		{"no JSON", "", []string{url, "echo", "{"}, 2, "", "the payload is not JSON"},
		{"nothing on stdin", "", []string{url, "echo", "-"}, 2, "", "the payload is not JSON"},
		{"no command", "", []string{url}, 2, "", "accepts between 2 and 3 arg"},
		{"no header", "", []string{url, "echo", "--header", "x"}, 2, "", "--header"},
		{"no time", "", []string{url, "echo", "--timeout", "0s"}, 2, "", "leaves no time"},
		{"help", "", []string{"--help"}, 0, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			code := run(append([]string{"call"}, c.args...), strings.NewReader(c.stdin), &stdout, &stderr)
			if c.name == "help" {
				c.stdout = stdout.String()
			}
			if code != c.code || stdout.String() != c.stdout || !strings.Contains(stderr.String(), c.stderr) || c.stderr == "" && stderr.Len() > 0 {
				t.Errorf("exit code %d, stdout %q, stderr %q", code, &stdout, &stderr)
			}
		})
	}
}

// newsroom is a channel of two messages, of which a second connection knows no more.
func newsroom(n int, _ *http.Request) speaker {
	return func(id json.RawMessage, command string, payload json.RawMessage) ([]string, error) {
		switch {
		case command != "mesh/subscribe-channel":
			return replyTo(id, command, "true"), nil
		case strings.Contains(string(payload), `"channel":"closed"`):
			return replyTo(id, command, `{"success":false,"history":[]}`), nil
		case n == 0:
			frames := replyTo(id, command, `{"success":true,"history":["two\nlines"],"epoch":"e","offset":1}`)
			return append(frames, `{"command":"mesh/subscription-message","payload":{"channel":"news","message":"second\u001b","epoch":"e","offset":2}}`), io.EOF
		case !strings.Contains(string(payload), `"recover":{"epoch":"e","offset":2}`):
			return nil, io.EOF
		}
		frames := replyTo(id, command, `{"success":true,"history":["ninth"],"epoch":"f","offset":9}`)
		return append(frames, `{"command":"mesh/unsubscribed","payload":{"kind":"channel","name":"news","reason":"it closes"}}`), nil
	}
}

func TestTail(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args   []string
		code   int
		stdout string
		stderr []string // parts
	}{
		{[]string{"news", "--history", "1"}, 1, "two\\nlines\nsecond\x1b\nninth\n", []string{"mesh-host: disconnected: ", "mesh-host: messages may be missing after offset 2; it goes on at 9", "unsubscribed: it closes"}},
		{[]string{"news", "--json", "--since", "0"}, 1, `{"message":"two\nlines","offset":1,"epoch":"e","past":true}` + "\n" + `{"message":"second\u001b","offset":2,"epoch":"e"}` + "\n" + `{"message":"ninth","offset":9,"epoch":"f","past":true}` + "\n", nil},
		{[]string{"closed"}, 1, "", []string{`refused by the server: channel "closed"`}},
		{[]string{"news", "--token", "bad"}, 1, "", []string{`refused with 401: "who are\nyou?`}},
		{[]string{"news", "--since", "yesterday"}, 2, "", []string{`--since: "yesterday" is no offset`}},
		{[]string{"news", "--history", "10001"}, 2, "", []string{"--history: 10001 is not from 0 to 10000"}},
		{[]string{}, 2, "", []string{"accepts 2 arg"}},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			code := run(append([]string{"tail", serveClients(t, newsroom)}, c.args...), strings.NewReader(""), &stdout, &stderr)
			if code != c.code || stdout.String() != c.stdout {
				t.Errorf("exit code %d, stdout %q, stderr %q", code, &stdout, &stderr)
			}
			for _, part := range c.stderr {
				if !strings.Contains(stderr.String(), part) {
					t.Errorf("stderr %q has no %q", &stderr, part)
				}
			}
		})
	}
	if code := run([]string{"tail", "127.0.0.1:1", "news", "--timeout", "50ms"}, strings.NewReader(""), io.Discard, io.Discard); code != 3 {
		t.Errorf("nobody answers: exit code %d", code)
	}
}

func TestFollowFrom(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	for since, want := range map[string]client.ChannelOptions{
		"":                     {},
		"1041":                 {History: maxHistory, Since: 1041},
		"15m":                  {History: maxHistory, SinceTime: now.Add(-15 * time.Minute)},
		"2026-01-02T15:04:05Z": {History: maxHistory, SinceTime: time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)},
	} {
		if o, err := followFrom(since, now); err != nil || o.History != want.History || o.Since != want.Since || !o.SinceTime.Equal(want.SinceTime) {
			t.Errorf("%q is %+v, %v", since, o, err)
		}
	}
}

// brokenPipe is an output that nobody reads.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, syscall.EPIPE }

// Ctrl-C and a pipe that closes end it, and that is no failure.
func TestTailEnds(t *testing.T) {
	t.Parallel()
	lasting := func(int, *http.Request) speaker {
		return func(id json.RawMessage, command string, _ json.RawMessage) ([]string, error) {
			return replyTo(id, command, `{"success":true,"history":["one"]}`), nil
		}
	}
	url := serveClients(t, lasting)
	if code := run([]string{"tail", url, "news", "--history", "1"}, strings.NewReader(""), brokenPipe{}, io.Discard); code != 0 {
		t.Errorf("with a broken pipe: exit code %d", code)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	head := exec.CommandContext(ctx, "sh", "-c", `"$0" tail "$1" news --history 1 | head -n 1`, os.Args[0], url) // nothing more comes
	head.Env = append(os.Environ(), asCommand+"=1")
	if out, err := head.CombinedOutput(); err != nil || string(out) != "one\n" {
		t.Errorf("into head: %q, %v", out, err)
	}
	cmd, out := tailing(ctx, t, url)
	line := make([]byte, 4)
	if _, err := io.ReadFull(out, line); err != nil || string(line) != "one\n" {
		t.Errorf("%q, %v", line, err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("Ctrl-C: %v", err)
	}
}

// tailing starts mesh-host tail on the channel news.
func tailing(ctx context.Context, t *testing.T, url string) (cmd *exec.Cmd, out io.Reader) {
	t.Helper()
	cmd = exec.CommandContext(ctx, os.Args[0], "tail", url, "news", "--history", "1")
	cmd.Env = append(os.Environ(), asCommand+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, out
}

// One whose output is full, and not read, ends with a second Ctrl-C.
func TestTailIsNotRead(t *testing.T) {
	t.Parallel()
	url := serveClients(t, func(int, *http.Request) speaker {
		return func(id json.RawMessage, command string, _ json.RawMessage) ([]string, error) {
			return replyTo(id, command, fmt.Sprintf(`{"success":true,"history":[%q]}`, strings.Repeat("x", 1<<20))), nil
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd, out := tailing(ctx, t, url)
	if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
		t.Error(err)
	}
	ended := make(chan error)
	go func() { ended <- cmd.Wait() }()
	for {
		_ = cmd.Process.Signal(os.Interrupt) // it may have ended
		select {
		case <-ended:
			if ctx.Err() != nil {
				t.Error("it had to be killed")
			}
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}
