//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"
)

func TestScripts(t *testing.T) {
	t.Parallel()
	payload := string(newNumbered(numberedPayload()).with(42))
	if len(payload) != payloadSize {
		t.Errorf("payload has %d bytes: %s", len(payload), payload)
	}
	delivered := fmt.Sprintf(`{"command":"mesh/subscription-message","payload":{"channel":%q,"message":%q}}`, plainChannel, payload)
	for _, c := range []struct {
		script, text string
		expected     int
		number       int
		ok           bool
	}{
		{scriptChannel, delivered, 42, 42, true},
		{scriptChannel, delivered, 41, 42, true}, // who expects another says so
		{scriptKept, delivered, 42, 0, false},
		{scriptChannel, `{"command":"ping","payload":{}}`, 0, 0, false},
		{scriptFloor, string(scripts[scriptFloor].messages[0](5)), 5, 5, true},
		{scriptPresence, `{"command":"mesh/presence-update","payload":{"type":"join","connectionId":"x"}}`, 2, 2, true},
		{scriptPresence, `{"command":"mesh/presence-update","payload":{"type":"join","connectionId":"x"}}`, 3, 3, false},
		{scriptPresence, `{"command":"mesh/presence-update","payload":{"type":"leave","connectionId":"x"}}`, 3, 3, true},
	} {
		n, ok := scripts[c.script].ear(0).number([]byte(c.text), c.expected)
		if ok != c.ok || ok && n != c.number {
			t.Errorf("%s: %s is number %d, %v", c.script, c.text, n, ok)
		}
	}
}

// startRole runs a server of this program for a test.
func startRole(t *testing.T, serve func(context.Context, func(net.Addr)) error) (address string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan net.Addr, 1), make(chan error, 1)
	go func() { done <- serve(ctx, func(a net.Addr) { ready <- a }) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	select {
	case a := <-ready:
		return a.String()
	case err := <-done:
		t.Fatalf("the server is not ready: %v", err)
		return ""
	}
}

func startBare(t *testing.T) (address string) {
	t.Helper()
	return startHost(t, hostRole{folder: t.TempDir(), metered: true})
}

func startHost(t *testing.T, h hostRole) (address string) {
	t.Helper()
	return startRole(t, func(ctx context.Context, ready func(net.Addr)) error {
		return h.serve(ctx, slog.New(slog.DiscardHandler), ready)
	})
}

// Every script against the server that it is for: each delivery is counted and
// is what it must be.
func TestAudience(t *testing.T) {
	t.Parallel()
	host, bare := startBare(t), startRole(t, serveFanFloor)
	for script, address := range map[string]string{
		scriptFloor: bare, scriptChannel: host, scriptKept: host, scriptPresence: host,
	} {
		for _, l := range []fanLoad{
			{Listeners: 1, InFlight: 1},
			{Listeners: 20, InFlight: 16},
			{Listeners: 3, InFlight: maxInFlight, Every: 3 * time.Millisecond},
		} {
			l.Address, l.Script, l.Duration = address, script, 30*time.Millisecond
			found, err := l.run()
			if err != nil || found.Rate <= 0 || found.P50 <= 0 || found.P999 < found.P50 {
				t.Errorf("%s, %+v: found %+v, %v", script, l, found, err)
			}
			if l.Every > 0 && found.Rate > 1.5*3*1000/3 {
				t.Errorf("%s: %.0f deliveries a second are more than were asked for", script, found.Rate)
			}
		}
	}
	if _, err := (fanLoad{Script: "other"}).run(); err == nil {
		t.Error("an unknown script runs")
	}
}

// A server that does not subscribe a listener is found out.
func TestAudienceIsRefused(t *testing.T) {
	t.Parallel()
	c := converseWith(t, startBare(t))
	if err := converse(c, subscribeTo("closed")); err == nil || !strings.Contains(err.Error(), "false") {
		t.Errorf("a closed channel: %v", err)
	}
	var many []string
	for range 3 * together {
		many = append(many, subscribeTo(plainChannel))
	}
	if err := converse(c, many...); err != nil {
		t.Error(err)
	}
}

func converseWith(t *testing.T, address string) *client {
	t.Helper()
	f, err := newFleet(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.close)
	if err := f.add(1, "echo", 1, false); err != nil {
		t.Fatal(err)
	}
	return f.clients[0]
}

func TestChurn(t *testing.T) {
	t.Parallel()
	for _, l := range []churnLoad{
		{Address: startFloor(t).listener.Addr().String()},
		{Address: startBare(t), Assigned: true},
	} {
		l.Clients, l.Duration = 5, 30*time.Millisecond
		found, err := l.run()
		if err != nil || found.Rate <= 0 || found.P50 <= 0 {
			t.Errorf("%+v: found %+v, %v", l, found, err)
		}
	}
}

func TestFanTable(t *testing.T) {
	t.Parallel()
	samples := []sample{{Rate: 1e6, P50: time.Millisecond, P99: time.Second, CPU: 400 * time.Nanosecond}}
	r := &report{
		Fan: []*fanCase{
			{Contender: floorFan, Shape: fanShapes[0], Samples: []sample{{Rate: 2e6}}},
			{Contender: channelFan, Shape: fanShapes[0], Samples: samples},
		},
		Churn:      []*churnCase{{Server: hostChurn, Samples: []sample{{Rate: 30_000}}}},
		Subscribed: &subscribedCase{Connections: 100, Channels: 1000, Same: 512, Own: 1024},
	}
	table := r.table()
	for _, want := range []string{"1,000,000", "0.50", "400ns", "30,000", "0.50 KiB", "1.00 KiB", "deliveries/s, 100 × 16", "missed", "met"} {
		if !strings.Contains(table, want) {
			t.Errorf("the table lacks %q:\n%s", want, table)
		}
	}
	for _, s := range fanShapes {
		if slug := s.slug(); strings.ContainsAny(slug, " ×/,") {
			t.Errorf("%q is no part of a file's name", slug)
		}
	}
}
