package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/hub/hubtest"
)

// crowd connects n clients and returns their ids beside them.
func crowd(tb testing.TB, e fixture, n int) (clients []client, ids []string) {
	tb.Helper()
	for range n {
		c := e.connect(tb, hub.Info{})
		clients, ids = append(clients, c), append(ids, c.ID())
	}
	return clients, ids
}

// wantReceivers fails unless exactly those clients got a text, once.
func wantReceivers(t *testing.T, clients []client, text string, receivers ...int) {
	t.Helper()
	synctest.Wait()
	for i, c := range clients {
		var want []string
		if slices.Contains(receivers, i) {
			want = []string{text}
		}
		if got := c.wire.Texts(); !slices.Equal(got, want) {
			t.Errorf("client %d got %q, want %q", i, got, want)
		}
	}
}

func TestSendTo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, _ := newEngine(engine.Limits{})
		clients, ids := crowd(t, e, 40)
		for _, c := range []struct {
			name        string
			to, exclude []string
			receivers   []int
		}{
			{"none", nil, nil, nil},
			{"one", ids[3:4], nil, []int{3}},
			{"unknown ones are passed over", []string{"unknown", ids[1], ""}, nil, []int{1}},
			{"each once", []string{ids[1], ids[2], ids[1], ids[1]}, nil, []int{1, 2}},
			{"each once, a long list", slices.Concat(ids[:30], ids[:30]), ids[2:30], []int{0, 1}},
			{"excluded", ids[:4], []string{ids[1], ids[3], "unknown"}, []int{0, 2}},
			{"excluded, a long list", ids, slices.Concat(ids[:38], ids[:38]), []int{38, 39}},
			{"all excluded", ids[:2], ids[:2], nil},
		} {
			sent, err := e.send(c.to, c.exclude, "news", []byte(`{"n":1}`))
			if err != nil || sent != len(c.receivers) {
				t.Errorf("%s: sent %d (%v), want %d", c.name, sent, err, len(c.receivers))
			}
			wantReceivers(t, clients, `{"command":"news","payload":{"n":1}}`, c.receivers...)
		}
	})
}

func TestBroadcast(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, _ := newEngine(engine.Limits{})
		clients, ids := crowd(t, e, 5)
		if sent, err := e.broadcast(nil, "news", nil); err != nil || sent != 5 {
			t.Errorf("sent %d (%v)", sent, err)
		}
		wantReceivers(t, clients, `{"command":"news","payload":null}`, 0, 1, 2, 3, 4)
		if sent, err := e.broadcast([]string{ids[0], ids[4], "unknown"}, "news", []byte(` "x" `)); err != nil || sent != 3 {
			t.Errorf("sent %d (%v)", sent, err)
		}
		wantReceivers(t, clients, `{"command":"news","payload": "x" }`, 1, 2, 3)
	})
}

func TestSentCountsWhoTookIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, _ := newEngine(engine.Limits{})
		clients, ids := crowd(t, e, 3)
		clients[1].Close(hub.Cause{Code: abi.CloseKicked})
		if sent, err := e.send(ids, nil, "news", nil); err != nil || sent != 2 {
			t.Errorf("sent %d (%v), want 2: one is closing", sent, err)
		}
	})
}

func TestPushIsChecked(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{ReplySize: 100, Receivers: 3})
	c := e.connect(t, hub.Info{})
	ok := []byte(`1`)
	four := []string{"a", "b", "c", "d"}
	for _, bad := range []struct {
		name, command string
		payload       []byte
		exclude       []string
		code          string
	}{
		{"empty name", "", ok, nil, abi.CodePayload},
		{"long name", strings.Repeat("x", 257), ok, nil, abi.CodePayload},
		{"control character", "a\nb", ok, nil, abi.CodePayload},
		{"name that is not UTF-8", "a\xff", ok, nil, abi.CodePayload},
		{"mesh/ name", "mesh/record-update", ok, nil, abi.CodePayload},
		{"rt/ name", "rt/x", ok, nil, abi.CodePayload},
		{"liveness name", "ping", ok, nil, abi.CodePayload},
		{"empty payload", "a", []byte{}, nil, abi.CodePayload},
		{"payload that is not JSON", "a", []byte(`{"a":}`), nil, abi.CodePayload},
		{"two payloads", "a", []byte(`1}{"command":"mesh/assign-id"`), nil, abi.CodePayload},
		{"payload that is not UTF-8", "a", []byte("\"\xff\""), nil, abi.CodePayload},
		{"deep payload", "a", []byte(strings.Repeat("[", 40) + strings.Repeat("]", 41)), nil, abi.CodePayload},
		{"large payload", "a", []byte(`"` + strings.Repeat("x", 99) + `"`), nil, abi.CodeTooLarge},
		{"long exclusion", "a", ok, four, abi.CodePayload},
	} {
		if _, err := e.send([]string{c.ID()}, bad.exclude, bad.command, bad.payload); err == nil {
			t.Errorf("send: %s is accepted", bad.name)
		} else {
			wantError(t, err, bad.code)
		}
		if _, err := e.broadcast(bad.exclude, bad.command, bad.payload); err == nil {
			t.Errorf("broadcast: %s is accepted", bad.name)
		} else {
			wantError(t, err, bad.code)
		}
	}
	_, err := e.send(four, nil, "a", ok)
	wantError(t, err, abi.CodePayload)
	if got := c.wire.Frames(); got != nil {
		t.Errorf("something was sent: %v", got)
	}
	if _, err := e.send(four[:3], four[:3], "a", []byte(`"`+strings.Repeat("x", 98)+`"`)); err != nil {
		t.Errorf("at the limits: %v", err)
	}
}

func TestDisconnect(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, _ := newEngine(engine.Limits{})
		for _, c := range []struct {
			code   int64
			reason string
			want   hub.Cause
		}{
			{0, "", hub.Cause{Code: abi.CloseKicked}},
			{0, "spam", hub.Cause{Code: abi.CloseKicked, Reason: "spam"}},
			{1000, "", hub.Cause{Code: 1000}},
			{1001, "", hub.Cause{Code: 1001}},
			{1008, "", hub.Cause{Code: 1008}},
			{1011, "", hub.Cause{Code: 1011}},
			{1013, "", hub.Cause{Code: 1013}},
			{4000, strings.Repeat("ä", 61), hub.Cause{Code: 4000, Reason: strings.Repeat("ä", 61)}},
			{4999, "", hub.Cause{Code: 4999}},
		} {
			client := e.connect(t, hub.Info{})
			there, err := e.disconnect(client.ID(), c.code, c.reason)
			if !there || err != nil {
				t.Errorf("%d: %v, %v", c.code, there, err)
			}
			synctest.Wait()
			frames := client.wire.Frames()
			if len(frames) != 1 || frames[0].Op != hubtest.OpClose || frames[0].CloseCause() != c.want {
				t.Errorf("%d: got %v", c.code, frames)
			}
		}
		if there, err := e.disconnect("unknown", 0, ""); there || err != nil {
			t.Errorf("unknown connection: %v, %v", there, err)
		}
	})
}

func TestDisconnectIsChecked(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{})
	client := e.connect(t, hub.Info{})
	for _, code := range []int64{-1, 1, 999, 1002, 1003, 1004, 1005, 1006, 1007, 1009, 1010, 1015, 3000, 3999, 5000, 1<<32 + 1000, 1<<16 + 4003} {
		_, err := e.disconnect(client.ID(), code, "")
		wantError(t, err, abi.CodePayload)
	}
	for _, reason := range []string{strings.Repeat("x", 124), strings.Repeat("ä", 62), "\xff"} {
		_, err := e.disconnect(client.ID(), 0, reason)
		wantError(t, err, abi.CodePayload)
	}
	if client.Closing() != nil {
		t.Error("a refused disconnect closed the connection")
	}
}

// discard is a socket that takes everything.
type discard struct{}

func (discard) Write([][]byte) error                { return nil }
func (discard) TryWrite([][]byte) ([][]byte, error) { return nil, nil }
func (discard) Close() error                        { return nil }

func BenchmarkBroadcast(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprintf("%d", n), func(b *testing.B) {
			e, h := newEngine(engine.Limits{})
			for range n {
				s, err := h.Register(discard{}, hub.Info{})
				if err != nil {
					b.Fatal(err)
				}
				_ = s.Uncork(nil)
				defer s.End()
			}
			payload := []byte(`{"text":"` + strings.Repeat("x", 100) + `"}`)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.broadcast(nil, "news", payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
