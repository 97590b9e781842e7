//go:build linux

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	meshclient "github.com/mesh-host/mesh-host/client/go"
)

// cutter is a proxy whose connections live for some milliseconds, unless it is calm.
type cutter struct {
	listener net.Listener
	target   string
	calm     atomic.Bool
	cuts     atomic.Int64
	wg       sync.WaitGroup

	mu     sync.Mutex
	random *rand.Rand
	open   map[net.Conn]bool
}

func startCutter(t *testing.T, target string) *cutter {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	x := &cutter{listener: listener, target: target, open: make(map[net.Conn]bool)}
	x.random = rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // it is to be repeatable
	x.wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			x.wg.Go(func() { x.carry(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		x.cutAll()
		x.wg.Wait()
	})
	return x
}

// carry passes on what both sides send, until the connection is cut: by time, or
// where a number of bytes have come from the host, mostly within a frame.
func (x *cutter) carry(near net.Conn) {
	defer near.Close()
	far, err := net.Dial("tcp", x.target)
	if err != nil {
		return
	}
	defer far.Close()
	x.mu.Lock()
	x.open[near] = true
	life, bytes := time.Duration(1+x.random.IntN(60))*time.Millisecond, int64(1)<<40
	if x.random.IntN(3) == 0 {
		bytes = x.random.Int64N(64 << 10)
	}
	x.mu.Unlock()
	defer func() {
		x.mu.Lock()
		delete(x.open, near)
		x.mu.Unlock()
	}()
	if x.calm.Load() {
		bytes = 1 << 40
	} else {
		cut := time.AfterFunc(life, func() { _ = near.Close() })
		defer cut.Stop()
		defer x.cuts.Add(1)
	}
	var up sync.WaitGroup
	up.Go(func() {
		_, _ = io.Copy(far, near)
		_ = far.Close()
	})
	_, _ = io.CopyN(near, far, bytes)
	_ = near.Close()
	_ = far.Close()
	up.Wait()
}

// cutAll ends the connections that there are.
func (x *cutter) cutAll() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for conn := range x.open {
		_ = conn.Close()
	}
}

// goClient connects a client of client/go that ends with the test.
func goClient(t *testing.T, address string, o meshclient.Options) *meshclient.Client {
	t.Helper()
	o.URLs = []string{"ws://" + address}
	o.ReconnectInterval, o.ReconnectMax = 5*time.Millisecond, 20*time.Millisecond
	c, err := meshclient.Dial(soon(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestGoClientCommands(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance, auth}, config: tokens})
	pushes := new(journal[string])
	c := goClient(t, h.address, meshclient.Options{
		Token:  func(context.Context) (string, error) { return "right", nil },
		OnPush: func(command string, payload json.RawMessage) { pushes.add(command + " " + string(payload)) },
	})
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			var n int
			if err := c.Call(soon(t), "echo", i, &n); err != nil || n != i {
				t.Errorf("echo of %d: %d, %v", i, n, err)
			}
		})
	}
	wg.Wait()
	if reply, err := c.Command(soon(t), "secret.whoami", nil); err != nil || !strings.Contains(string(reply), `"ann"`) {
		t.Errorf("secret.whoami: %s, %v", reply, err)
	}
	var failed *meshclient.Error
	if _, err := c.Command(soon(t), "no such", nil); !errors.As(err, &failed) || failed.Code != "ENOTFOUND" || failed.Name != "CommandError" {
		t.Error(err)
	}
	if _, err := c.Subscribe(soon(t), "closed", func(meshclient.Message) {}, meshclient.ChannelOptions{}); !errors.Is(err, meshclient.ErrRefused) {
		t.Error(err)
	}
	if code, stdout, stderr := meshHost(t, "", "api", "--address", h.admin, "broadcast", `{"command":"told","payload":[1]}`); code != 0 {
		t.Fatal(stdout, stderr)
	}
	if _, ok := pushes.find(0, patience, func(text string) bool { return text == "told [1]" }); !ok {
		t.Error("no push")
	}
	if code, stdout, stderr := meshHost(t, `{"x": 1}`, "call", "ws://"+h.address, "echo", "-"); code != 0 || stdout != `{"x":1}`+"\n" {
		t.Errorf("call: %d, %q, %q", code, stdout, stderr)
	}
	if code, stdout, stderr := meshHost(t, "", "call", h.address, "no such"); code != 1 || stdout != "" || !strings.HasPrefix(stderr, "ENOTFOUND: ") {
		t.Errorf("call: %d, %q, %q", code, stdout, stderr)
	}
}

// A client whose connection is cut again and again gets each of ten thousand messages
// once, in order, and is never told of a gap.
func TestGoClientRecovery(t *testing.T) {
	t.Parallel()
	const messages = 10_000
	for _, c := range []struct{ name, limits string }{{"in one reply", ""}, {"in pages", "[limits]\nreply_size = \"2KiB\"\nrecord_size = \"1KiB\"\n"}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := start(t, setup{config: "[[channels]]\npattern = \"news\"\npublish = true\nhistory = 100000\n" + c.limits})
			x := startCutter(t, h.address)
			x.calm.Store(true)
			var last, past atomic.Int64
			g := goClient(t, x.listener.Addr().String(), meshclient.Options{})
			s, err := g.Subscribe(soon(t), "news", func(m meshclient.Message) {
				if n := last.Add(1); m.Offset != n || m.Text != message(n) {
					t.Errorf("after %d comes %d with %.20q", n-1, m.Offset, m.Text)
				}
				if m.Past {
					past.Add(1)
				}
			}, meshclient.ChannelOptions{OnGap: func(from, to meshclient.Position) { t.Errorf("a gap from %+v to %+v", from, to) }})
			if err != nil {
				t.Fatal(err)
			}
			x.calm.Store(false)
			x.cutAll()
			bursts, published := make(chan int64, 1), make(chan error, 1)
			go func() { published <- publishBursts(h.dial(t, v1), "news", 0, bursts) }()
			bursts <- messages
			close(bursts)
			if err := <-published; err != nil {
				t.Fatal(err)
			}
			eventually(t, time.Minute, "some cuts", func() bool { return x.cuts.Load() >= 20 })
			x.calm.Store(true)
			x.cutAll()
			eventually(t, time.Minute, "all messages", func() bool { return last.Load() == messages || s.Err() != nil })
			t.Logf("%d connections cut, %d messages recovered", x.cuts.Load(), past.Load())
			if past.Load() == 0 || s.Err() != nil {
				t.Error("nothing was recovered", s.Err())
			}
		})
	}
}

// A record that is followed by patches over a connection that is cut again and again
// is in the end what its writer has made of it, and never goes back.
func TestGoClientRecords(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: "[[records]]\npattern = \"/^open:.+$/\"\nwritable = true\n"})
	x := startCutter(t, h.address)
	writer := goClient(t, h.address, meshclient.Options{})
	follower := goClient(t, x.listener.Addr().String(), meshclient.Options{})
	var last atomic.Int64
	s, err := follower.SubscribeRecord(soon(t), "open:a", meshclient.RecordOptions{OnChange: func(r meshclient.Record) {
		var v struct{ N int64 }
		if err := json.Unmarshal(r.Value, &v); err != nil || r.Version > 0 && v.N != r.Version || r.Version > 0 && r.Version <= last.Load() {
			t.Errorf("after version %d comes %d: %.100s", last.Load(), r.Version, r.Value)
		}
		last.Store(r.Version)
	}})
	if err != nil {
		t.Fatal(err)
	}
	const versions = 1000
	pause := time.NewTicker(time.Millisecond)
	defer pause.Stop()
	for n := range int64(versions) {
		value := map[string]any{"n": n + 1, "list": []int64{n, n + 1, n + 2}, fmt.Sprint("k", n%20): strings.Repeat("x", int(n%30))}
		if version, err := writer.WriteRecord(soon(t), "open:a", value, meshclient.WriteOptions{Strategy: "merge"}); err != nil || version != n+1 {
			t.Fatal(version, err)
		}
		<-pause.C
	}
	x.calm.Store(true)
	x.cutAll()
	eventually(t, time.Minute, "the last version", func() bool { return s.Record().Version == versions })
	whole, err := writer.SubscribeRecord(soon(t), "open:a", meshclient.RecordOptions{Full: true})
	if err != nil {
		t.Fatal(err)
	}
	var got, want any
	if s.Decode(&got) != nil || whole.Decode(&want) != nil || encoded(got) != encoded(want) {
		t.Errorf("%s, not %s", s.Record().Value, whole.Record().Value)
	}
	if x.cuts.Load() < 10 {
		t.Errorf("only %d connections were cut", x.cuts.Load())
	}
	t.Logf("%d connections cut", x.cuts.Load())
}

// Who comes back is in its rooms with its state, and both sides of it are told.
func TestGoClientPresence(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: "[[presence]]\npattern = \"/^lobby:.+$/\"\nttl = \"90s\"\n"})
	x := startCutter(t, h.address)
	x.calm.Store(true)
	back := make(chan struct{}, 10)
	ann := goClient(t, x.listener.Addr().String(), meshclient.Options{OnReconnect: func() { back <- struct{}{} }})
	bob := goClient(t, h.address, meshclient.Options{})
	events := map[*meshclient.Client]*journal[string]{ann: new(journal[string]), bob: new(journal[string])}
	watch := make(map[*meshclient.Client]*meshclient.PresenceSubscription)
	for c, seen := range events {
		s, err := c.SubscribePresence(soon(t), "lobby:a", func(e meshclient.PresenceEvent) {
			seen.add(fmt.Sprint(e.Kind, " ", e.ID, " ", string(e.State)))
		})
		if err != nil {
			t.Fatal(err)
		}
		watch[c] = s
	}
	for _, c := range []*meshclient.Client{ann, bob} {
		if _, err := c.Join(soon(t), "lobby:a"); err != nil {
			t.Fatal(err)
		}
	}
	if err := ann.SetState(soon(t), "lobby:a", "typing", meshclient.StateOptions{}); err != nil {
		t.Fatal(err)
	}
	first := ann.ID()
	for c, seen := range events {
		// Who is cut off before this has come is never told of what was before.
		if _, ok := seen.find(0, patience, func(text string) bool { return text == `state `+first+` "typing"` }); !ok {
			t.Fatalf("%v has not seen the state", c == ann)
		}
	}
	x.cutAll()
	<-back
	second := ann.ID()
	if second == first || second == "" {
		t.Errorf("its id was %q and is %q", first, second)
	}
	for c, seen := range events {
		for _, want := range []string{"join " + first + " ", `state ` + first + ` "typing"`, "leave " + first + " ", "join " + second + " ", "state " + second + ` "typing"`} {
			if _, ok := seen.find(0, patience, func(text string) bool { return text == want }); !ok {
				entries, _ := seen.from(0)
				t.Errorf("%v has not seen %q: %q", c == ann, want, entries)
			}
		}
		want := []string{bob.ID() + "=", second + `="typing"`}
		slices.Sort(want)
		eventually(t, patience, "both are there", func() bool {
			var got []string
			for id, state := range watch[c].Members() {
				got = append(got, id+"="+string(state))
			}
			slices.Sort(got)
			return slices.Equal(got, want)
		})
	}
	if err := ann.ClearState(soon(t), "lobby:a"); err != nil {
		t.Error(err)
	}
	if err := bob.SetState(soon(t), "lobby:b", 1, meshclient.StateOptions{}); !errors.Is(err, meshclient.ErrRefused) {
		t.Error(err)
	}
}

// Over a restart of the host a client comes back by itself, and mesh-host tail too.
func TestGoClientOverARestart(t *testing.T) {
	t.Parallel()
	address := "127.0.0.1:" + freePort(t)
	s := setup{
		config: "[[channels]]\npattern = \"news\"\npublish = true\nhistory = 100\n[[records]]\npattern = \"/^open:.+$/\"\nwritable = true\n",
		args:   []string{"--store", t.TempDir(), "--listen", address},
	}
	first := startOne(t, s)
	back, got := make(chan struct{}, 1), new(journal[string])
	c := goClient(t, address, meshclient.Options{OnReconnect: func() { back <- struct{}{} }})
	publish := func(n int) {
		t.Helper()
		if offset, err := c.Publish(soon(t), "news", fmt.Sprint("message ", n)); err != nil || offset != int64(n) {
			t.Fatal(offset, err)
		}
	}
	publish(1)
	_, err := c.Subscribe(soon(t), "news", func(m meshclient.Message) { got.add(m.Text) }, meshclient.ChannelOptions{
		History: 10, OnGap: func(from, to meshclient.Position) { t.Errorf("a gap from %+v to %+v", from, to) },
	})
	if err != nil {
		t.Fatal(err)
	}
	record, err := c.SubscribeRecord(soon(t), "open:a", meshclient.RecordOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.WriteRecord(soon(t), "open:a", "before", meshclient.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "the record", func() bool { return string(record.Record().Value) == `"before"` })
	cmd := commandOf(t, "tail", address, "news", "--history", "10", "--json")
	tail := launch(t, cmd)
	if _, ok := tail.stdout.find(0, patience, func(line string) bool { return strings.HasPrefix(line, `{"message":"message 1","offset":1,`) }); !ok {
		t.Fatalf("tail: %q, %s", tail.lines(), tail.tail(10))
	}

	first.signal(t, syscall.SIGTERM)
	first.wait(t, patience)
	startOne(t, s)
	select {
	case <-back:
	case <-time.After(patience):
		t.Fatal("it has not come back")
	}
	publish(2)
	if _, err := c.WriteRecord(soon(t), "open:a", "after", meshclient.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "everything", func() bool { return got.len() == 2 && string(record.Record().Value) == `"after"` })
	if _, ok := tail.stdout.find(0, patience, func(line string) bool { return strings.Contains(line, `"message 2","offset":2,`) }); !ok {
		t.Errorf("tail: %q, %s", tail.lines(), tail.tail(10))
	}
	tail.signal(t, syscall.SIGINT)
	if state := tail.wait(t, patience); state.ExitCode() != 0 {
		t.Errorf("tail ended with %v", state)
	}
}
