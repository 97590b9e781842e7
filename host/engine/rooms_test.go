package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/hub"
)

// tracked exposes the presence of rooms called "seen:…".
func tracked(ttl time.Duration) exposure.Set {
	return exposure.Set{Presence: []exposure.Presence{{Pattern: pattern("/^seen:.+$/"), TTL: ttl}}}
}

func (f fixture) join(t *testing.T, room string, c client) bool {
	t.Helper()
	joined, err := f.Join(ctx, room, c.ID(), true)
	if err != nil {
		t.Fatal(err)
	}
	return joined
}

// watch subscribes to the presence of a room.
func (f fixture) watch(t *testing.T, room string, c client) backplane.Snapshot {
	t.Helper()
	watched, err := f.Watch(ctx, c.Session, f.rules.Tracked(room), room)
	if err != nil {
		t.Fatal(err)
	}
	watched.Release()
	return watched.Snapshot
}

func TestRooms(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, _ := newEngine(engine.Limits{})
		e.run(t)
		a, b := e.connect(t, hub.Info{Metadata: []byte(`{"n":1}`)}), e.connect(t, hub.Info{})
		for _, want := range []bool{true, false} {
			if joined := e.join(t, "lobby", a); joined != want {
				t.Errorf("joined %v, want %v", joined, want)
			}
		}
		e.join(t, "lobby", b)
		e.join(t, "den", a)
		if sent, err := e.SendTo(ctx, backplane.Audience{Scope: backplane.InRoom, Names: []string{"lobby", "den"}, Except: []string{b.ID()}}, "hi", nil); sent != 1 || err != nil {
			t.Errorf("sent to %d (%v), want each once and not the excluded", sent, err)
		}
		for _, want := range []bool{true, false} {
			if left, err := e.Leave(ctx, "lobby", a.ID(), abi.LeftByRequest); left != want || err != nil {
				t.Errorf("left %v (%v), want %v", left, err, want)
			}
		}
		a.end()
		if n, err := e.ClearRoom(ctx, "lobby"); n != 1 || err != nil {
			t.Errorf("cleared %d (%v)", n, err)
		}
		synctest.Wait()
		want := []string{
			`join lobby {"n":1}`, `join lobby`, `join den {"n":1}`, `leave lobby {"n":1} leave`, `leave den {"n":1} disconnect`, `leave lobby  cleared`,
		}
		got := e.seen.all()
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("observed %q, want %q", got, want)
		}
		if _, err := e.Join(ctx, "lobby", a.ID(), true); err == nil {
			t.Error("a connection that is gone joined a room")
		}
	})
}

func TestEventsOfOneConnectionAreInOrder(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{})
	c := e.connect(t, hub.Info{})
	var want []string
	for i := range 50 {
		room := fmt.Sprint("r", i)
		e.join(t, room, c)
		want = append(want, "join "+room)
		if i%2 == 0 {
			_, _ = e.Leave(ctx, room, c.ID(), abi.LeftByRequest)
			want = append(want, "leave "+room+"  leave")
		}
	}
	c.end()
	got := e.seen.all()
	if !slices.Equal(got[:len(want)], want) || len(got) != len(want)+25 {
		t.Errorf("observed %q", got)
	}
}

func TestRoomsAreLimited(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{Rooms: 2})
	c := e.connect(t, hub.Info{})
	e.join(t, "a", c)
	e.join(t, "b", c)
	_, err := e.Join(ctx, "c", c.ID(), true)
	wantError(t, err, abi.CodeLimit)
	e.join(t, "b", c)
	other := engine.New(engine.Options{
		Hub: hub.New(hub.Limits{}), Node: e.store.Node("n2"), Rules: e.rules, Observer: e.seen, Limits: engine.Limits{Rooms: 2},
	})
	_, err = other.Join(ctx, "c", c.ID(), true)
	wantError(t, err, abi.CodeLimit)
	if joined, err := other.Join(ctx, "a", c.ID(), true); joined || err != nil {
		t.Errorf("from another node: joined %v (%v)", joined, err)
	}
	for _, room := range []string{"", "a\n", string(make([]byte, 257))} {
		_, err := e.Join(ctx, room, c.ID(), true)
		wantError(t, err, abi.CodePayload)
	}
}

func TestPresence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, _ := newEngine(engine.Limits{})
		e.expose(tracked(0))
		e.run(t)
		watcher, a := e.connect(t, modern), e.connect(t, modern)
		if s := e.watch(t, "seen:x", watcher); s.Present != nil {
			t.Errorf("present at first: %q", s.Present)
		}
		e.join(t, "seen:x", a)
		e.join(t, "seen:x", a)
		for _, state := range []engine.State{{Value: []byte(`{"typing":true}`), ExpireAfter: 100}, {Value: []byte(`1`), Silent: true, ExpireAfter: 100}} {
			if ok, err := e.SetState(ctx, "seen:x", a.ID(), state); !ok || err != nil {
				t.Fatal(ok, err)
			}
		}
		if ok, _ := e.SetState(ctx, "seen:x", watcher.ID(), engine.State{Value: []byte(`1`)}); ok {
			t.Error("a state was set for someone who is not present")
		}
		pass(time.Second)
		a.end()
		synctest.Wait()
		at := func(ms int) string {
			return fmt.Sprint(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli() + int64(ms))
		}
		var got []string
		for _, text := range watcher.wire.Texts() {
			got = append(got, text[len(`{"command":"mesh/presence-update","payload":`):len(text)-1])
		}
		who := `"connectionId":"` + a.ID() + `","roomName":"seen:x",`
		want := []string{
			`{"type":"join",` + who + `"timestamp":` + at(0) + `}`,
			`{"type":"state",` + who + `"state":{"typing":true},"timestamp":` + at(0) + `}`,
			`{"type":"state",` + who + `"state":null,"timestamp":` + at(100) + `}`,
			`{"type":"leave",` + who + `"timestamp":` + at(1000) + `}`,
		}
		if !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	})
}

func TestPresenceLapsesAndReturns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, _ := newEngine(engine.Limits{})
		e.expose(tracked(2 * time.Second))
		e.run(t)
		a := e.connect(t, modern)
		present := func() bool {
			s, err := e.Present(ctx, "seen:x")
			if err != nil {
				t.Fatal(err)
			}
			return len(s.Present) == 1
		}
		e.join(t, "seen:x", a)
		for range 5 {
			pass(1500 * time.Millisecond)
			a.Alive()
			if !present() {
				t.Fatal("a client that shows signs of life is not present")
			}
		}
		pass(2200 * time.Millisecond)
		if present() {
			t.Fatal("a silent client is present after its TTL")
		}
		if member, _ := e.IsMember(ctx, "seen:x", a.ID()); !member {
			t.Error("it is no member any more")
		}
		for range 3 { // again and again
			a.Alive()
			if !present() {
				t.Fatal("a client that came back is not present")
			}
			pass(2200 * time.Millisecond)
			if present() {
				t.Fatal("it does not lapse again")
			}
		}
		if _, err := e.Leave(ctx, "seen:x", a.ID(), abi.LeftByRequest); err != nil {
			t.Fatal(err)
		}
		a.Alive()
		if present() {
			t.Error("a client that has left came back")
		}
	})
}

// TestNothingIsLeft lets many clients do everything at once and go.
func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	e, h := newEngine(engine.Limits{})
	e.expose(tracked(time.Minute))
	var clients sync.WaitGroup
	for i := range 16 {
		c := e.connect(t, hub.Info{User: fmt.Sprint("u", i%3), Subprotocol: modern.Subprotocol})
		clients.Go(func() {
			for n := range 100 {
				room := fmt.Sprint("seen:", n%5)
				_, _ = e.Join(ctx, room, c.ID(), true)
				_, _ = e.SetState(ctx, room, c.ID(), engine.State{Value: []byte(`1`), ExpireAfter: 60_000})
				_, _ = e.SetMetadata(ctx, c.ID(), fmt.Appendf(nil, `{"n":%d}`, n), engine.Merge)
				watched, err := e.Watch(ctx, c.Session, e.rules.Tracked(room), room)
				if err == nil {
					watched.Release()
				}
				begun, err := e.Subscribe(ctx, c.Session, new(exposure.Channel), engine.Subscription{Channel: room})
				if err == nil {
					begun.Release()
				}
				_, _ = e.Publish(ctx, room, []byte(`1`), 0)
				if n%7 == 0 {
					_, _ = e.Leave(ctx, room, c.ID(), abi.LeftByRequest)
				}
			}
			c.end()
		})
	}
	clients.Wait()
	if left := e.store.Stats(); left != (memory.Stats{Nodes: 1}) || h.Len() != 0 {
		t.Errorf("left are %+v and %d sessions", left, h.Len())
	}
	if joins, leaves := e.seen.count("join"), e.seen.count("leave"); joins != leaves {
		t.Errorf("%d joins and %d leaves were observed", joins, leaves)
	}
}

// TestHooksFollowTheChanges lets others add and remove a connection while it
// goes: what the hooks are told is what happened, in that order.
func TestHooksFollowTheChanges(t *testing.T) {
	t.Parallel()
	for range 50 {
		e, _ := newEngine(engine.Limits{})
		c := e.connect(t, hub.Info{Metadata: []byte(`{"n":1}`)})
		var others sync.WaitGroup
		for range 4 {
			others.Go(func() {
				_, _ = e.Join(ctx, "r", c.ID(), true)
				_, _ = e.Leave(ctx, "r", c.ID(), abi.LeftByRemoval)
				_, _ = e.Join(ctx, "r", c.ID(), true)
				_, _ = e.ClearRoom(ctx, "r")
				_, _ = e.Join(ctx, "r", c.ID(), true)
			})
		}
		others.Go(c.end)
		others.Wait()
		e.seen.drain(t, e)
		in := false
		for _, event := range e.seen.all() {
			if joined := strings.HasPrefix(event, "join"); joined == in || !strings.Contains(event, `{"n":1}`) {
				t.Fatalf("%q in %q", event, e.seen.all())
			}
			in = !in
		}
		if in {
			t.Fatalf("a member for ever: %q", e.seen.all())
		}
	}
}

func TestOneConnectionsHooksHoldUpNoOneElse(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{})
	e.seen.mu.Lock() // hooks hang
	greedy, other := e.connect(t, hub.Info{}), e.connect(t, hub.Info{})
	var err error
	for i := 0; err == nil && i < 1000; i++ {
		_, err = e.Join(ctx, fmt.Sprint(i), greedy.ID(), true)
	}
	wantError(t, err, abi.CodeRateLimit)
	if _, err := e.Join(ctx, "r", other.ID(), true); err != nil {
		t.Errorf("another connection: %v", err)
	}
	e.seen.mu.Unlock()
}

// TestPresenceOutlivesARace lets a silent client come back, or join again,
// while its presence is being ended.
func TestPresenceOutlivesARace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, _ := newEngine(engine.Limits{})
		e.expose(tracked(2 * time.Second))
		e.run(t)
		var clients []client
		for range 100 {
			c := e.connect(t, modern)
			for room := range 3 {
				e.join(t, fmt.Sprint("seen:", room), c)
			}
			clients = append(clients, c)

		}
		pass(1900 * time.Millisecond)
		var back sync.WaitGroup
		for i, c := range clients {
			back.Go(func() {
				pass(time.Duration(100+i) * time.Millisecond)
				if i%2 == 0 {
					_, _ = e.Join(ctx, "seen:1", c.ID(), true)
				}
				c.Alive()
			})
		}
		back.Wait()
		pass(time.Second)
		for room := range 3 {
			if s, err := e.Present(ctx, fmt.Sprint("seen:", room)); err != nil || len(s.Present) != len(clients) {
				t.Errorf("%d of %d are present in %d (%v)", len(s.Present), len(clients), room, err)
			}
		}
	})
}
