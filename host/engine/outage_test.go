package engine_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/hub/hubtest"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// cut is an engine whose store goes away.
type cut struct {
	fixture
	*gate
	log *lines
}

// lines is a log.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), what)
}

func newCut() cut {
	f := fixture{
		hub: hub.New(hub.Limits{Outbox: 1 << 20}), store: memory.New(memory.Options{}),
		rules: &rules{exposure.NewIndex(exposure.Set{})}, seen: new(observer),
	}
	f.node = f.store.Node("n1")
	c := cut{fixture: f, gate: new(gate), log: new(lines)}
	c.Engine = engine.New(engine.Options{
		Hub: c.hub, Node: away{c.node, c.gate}, Rules: c.rules, Observer: c.seen,
		Log: slog.New(slog.NewTextHandler(c.log, nil)),
	})
	return c
}

// sampleRequest is a request with what an operation needs.
func sampleRequest(t *testing.T, request []struct {
	Name     string
	Optional bool
},
) []byte {
	t.Helper()
	values := map[string]any{
		"key": "k", "value": 1, "by": 1, "connectionId": "c", "metadata": map[string]any{}, "to": []string{"c"},
		"command": "a", "user": "u", "roomName": "r", "channel": "c", "message": 1, "recordId": "r", "state": 1,
		"collectionId": "c", "operations": []any{map[string]any{"op": "delete", "recordId": "r"}},
	}
	q := make(map[string]any)
	for _, f := range request {
		if f.Optional {
			continue
		}
		value, ok := values[f.Name]
		if !ok {
			t.Fatalf("there is no sample of %s", f.Name)
		}
		q[f.Name] = value
	}
	text, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestOperationsWithoutAStore calls all operations, for plugins and operators.
func TestOperationsWithoutAStore(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../abi/operations.json")
	if err != nil {
		t.Fatal(err)
	}
	var operations []struct {
		Name    string
		Request []struct {
			Name     string
			Optional bool
		}
	}
	if err := json.Unmarshal(text, &operations); err != nil {
		t.Fatal(err)
	}
	e := newCut()
	e.shut.Store(true)
	ops := table(e.fixture)
	called := 0
	for _, o := range operations {
		if ops[o.Name].JSON == nil || o.Name == abi.OpExposuresList {
			continue
		}
		called++
		_, err := ops[o.Name].JSON(ctx, plugin, sampleRequest(t, o.Request))
		failure := protocol.AsError(err)
		if failure == nil || failure.Code != abi.CodeUnavailable || failure.Message != "Backplane unavailable" {
			t.Errorf("%s: %v", o.Name, err)
		}
	}
	if called < 35 {
		t.Errorf("only %d operations were called", called)
	}
	if n := e.log.count("\n"); n != 0 {
		t.Errorf("%d lines were logged", n)
	}
	// What needs no store goes on.
	if _, err := ops[abi.OpExposuresList].JSON(ctx, plugin, []byte("{}")); err != nil {
		t.Error(err)
	}
}

// TestSubscriptionsWithoutAStore leaves sessions as they were.
func TestSubscriptionsWithoutAStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newCut()
		e.expose(tracked(0))
		c := e.connect(t, modern)
		e.join(t, "seen:x", c)
		e.subscribe(t, c, engine.Subscription{Channel: "before"})
		e.shut.Store(true)
		for name, subscribe := range map[string]func() error{
			"channel": func() error {
				_, err := e.Subscribe(ctx, c.Session, new(exposure.Channel), engine.Subscription{Channel: "c"})
				return err
			},
			"presence": func() error {
				_, err := e.Watch(ctx, c.Session, e.rules.Tracked("seen:x"), "seen:x")
				return err
			},
			"record": func() error {
				_, err := e.SubscribeRecord(ctx, c.Session, engine.RecordSubscription{Record: "r"})
				return err
			},
			"joining":  func() error { _, err := e.Join(ctx, "room", c.ID(), true); return err },
			"metadata": func() error { return e.SetOwnMetadata(ctx, c.Session, []byte(`{"a":1}`), engine.Merge, []string{"*"}) },
			"sharing":  func() error { _, err := e.ShareRoom(ctx, c.ID(), "other"); return err },
			"writing":  func() error { _, err := e.Write(ctx, engine.Write{Record: "r", Value: []byte("1")}); return err },
		} {
			if err := subscribe(); !protocol.IsCode(err, abi.CodeUnavailable) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if c.wire.Closed() || e.hub.Len() != 1 || e.Topics() != 1 {
			t.Errorf("closed: %v, %d sessions, %d topics", c.wire.Closed(), e.hub.Len(), e.Topics())
		}
		e.shut.Store(false)
		e.publish(t, "before", `"hello"`)
		synctest.Wait()
		if texts := c.wire.Texts(); len(texts) != 1 || !strings.Contains(texts[0], "hello") {
			t.Errorf("got %q", texts)
		}
		e.subscribe(t, c, engine.Subscription{Channel: "c"})
	})
}

// TestConnectionsWithoutAStore refuses those that come, says so once, and leaves
// nothing of them.
func TestConnectionsWithoutAStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newCut()
		e.run(t)
		e.shut.Store(true)
		for range 100 {
			s, err := e.hub.Register(hubtest.NewWire(t), hub.Info{User: "u"})
			if err != nil {
				t.Fatal(err)
			}
			wantError(t, e.Open(ctx, s), abi.CodeUnavailable)
			s.End()
		}
		if n := e.log.count("connections refused"); n != 1 {
			t.Errorf("it was logged %d times", n)
		}
		pass(10 * time.Second)
		e.shut.Store(false)
		pass(2 * time.Second)
		synctest.Wait()
		refused := e.refused.Load()
		if e.hub.Len() != 0 || e.store.Stats().Connections != 0 {
			t.Errorf("left are %d sessions, %+v", e.hub.Len(), e.store.Stats())
		}
		pass(10 * time.Second)
		if refused > 120 || e.refused.Load() != refused {
			t.Errorf("%d calls were made, %d later", refused, e.refused.Load())
		}
	})
}

// TestEndsWithoutAStore has those that went away meanwhile leave once it is back.
func TestEndsWithoutAStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const count = 200
		e := newCut()
		e.expose(tracked(0))
		e.run(t)
		watcher := e.connect(t, modern)
		e.watch(t, "seen:x", watcher)
		all := make([]client, count)
		for i := range all {
			all[i] = e.connect(t, modern)
			e.join(t, "seen:x", all[i])
			e.subscribe(t, all[i], engine.Subscription{Channel: fmt.Sprint(i)})
		}
		synctest.Wait()
		watcher.wire.Texts()
		e.shut.Store(true)
		var ends sync.WaitGroup
		for _, c := range all {
			ends.Go(c.end)
		}
		ends.Wait() // none of them waits for the store
		pass(30 * time.Second)
		if got := e.seen.count("leave"); got != 0 {
			t.Errorf("%d leaves were observed while the store was away", got)
		}
		if n := e.log.count("connection not removed"); n != 1 {
			t.Errorf("it was logged %d times", n)
		}
		if n := e.log.count("topic not unsubscribed"); n != 1 {
			t.Errorf("it was logged %d times", n)
		}
		e.shut.Store(false)
		pass(2 * time.Second)
		synctest.Wait()
		if got := e.seen.count("leave"); got != count {
			t.Errorf("%d leaves were observed, want %d", got, count)
		}
		if got := len(watcher.wire.Texts()); got != count {
			t.Errorf("%d leaves were pushed, want %d", got, count)
		}
		if left := e.store.Stats(); left.Members != 0 || left.Connections != 1 || engine.Clients(e.Engine) != 1 {
			t.Errorf("left are %+v, %d clients", left, engine.Clients(e.Engine))
		}
	})
}

// TestPresenceLapsesWithoutAStore ends it later.
func TestPresenceLapsesWithoutAStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newCut()
		e.expose(tracked(2 * time.Second))
		e.run(t)
		a, b := e.connect(t, modern), e.connect(t, modern)
		for _, c := range []client{a, b} {
			e.join(t, "seen:x", c)
		}
		present := func() []string { return e.present(t, "seen:x") }
		e.shut.Store(true)
		pass(63 * time.Second)
		if got := e.refused.Load(); got < 2*11 || got > 2*14 {
			t.Errorf("the store was asked %d times", got)
		}
		b.Alive() // it never was away for the others
		e.shut.Store(false)
		if got := present(); len(got) != 2 {
			t.Errorf("present are %q", got)
		}
		for range 6 {
			pass(time.Second)
			b.Alive()
		}
		if got := present(); !slices.Equal(got, []string{b.ID()}) {
			t.Errorf("present are %q, want %q", got, b.ID())
		}
		a.Alive()
		if got := present(); len(got) != 2 {
			t.Errorf("present are %q after the return", got)
		}
		if n := e.log.count("presence not ended"); n > 2 {
			t.Errorf("it was logged %d times", n)
		}
	})
}

// TestPresenceReturnsWithoutAStore has a client come back while the store is away.
func TestPresenceReturnsWithoutAStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newCut()
		e.expose(tracked(2 * time.Second))
		e.run(t)
		a := e.connect(t, modern)
		e.join(t, "seen:x", a)
		e.join(t, "seen:y", a)
		pass(3 * time.Second)
		e.shut.Store(true)
		a.Alive()
		a.Alive()
		if got := e.present(t, "seen:x"); len(got) != 0 {
			t.Errorf("present are %q", got)
		}
		e.shut.Store(false)
		a.Alive()
		for _, room := range []string{"seen:x", "seen:y"} {
			if got := e.present(t, room); len(got) != 1 {
				t.Errorf("present in %s are %q", room, got)
			}
		}
		pass(3 * time.Second) // and it lapses as before
		if got := e.present(t, "seen:x"); len(got) != 0 {
			t.Errorf("present are %q", got)
		}
		if n := e.log.count("presence not renewed"); n != 1 {
			t.Errorf("it was logged %d times", n)
		}
	})
}

// present reads behind the gate.
func (c cut) present(t *testing.T, room string) []string {
	t.Helper()
	s, err := c.node.Presence().Snapshot(ctx, room)
	if err != nil {
		t.Fatal(err)
	}
	return s.Present
}
