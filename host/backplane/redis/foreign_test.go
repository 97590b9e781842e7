package redis_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// logText is what a node logs.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logText) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), what)
}

// TestForeignKeys puts a key of another type under each name that a feature
// needs: it is refused, and the operator, who is not the one that has asked, is
// told why, and not again for each time.
func TestForeignKeys(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, said := alone(t, time.Minute), new(logText)
	c.options.Log = slog.New(slog.NewTextHandler(said, nil))
	n := c.Node("node")
	n.Attach(newEars())
	client := plainClient(t, c.options.Addresses[0])
	record := []backplane.RecordWrite{{ID: "r", Value: []byte("1"), Tombstone: time.Hour}}
	for key, use := range map[string]func() error{
		"records":      func() error { _, _, err := n.Records().List(ctx, backplane.RecordQuery{Limit: 1}); return err },
		"record-order": func() error { _, _, err := n.Records().Commit(ctx, record, 0); return err },
		"record:s":     func() error { _, err := n.Records().Get(ctx, "s"); return err },
		"channel:c":    func() error { _, err := n.Channels().Read(ctx, "c", backplane.Query{}); return err },
		"stream:d": func() error {
			_, err := n.Channels().Publish(ctx, "d", []byte(`"1"`), backplane.Keep{Count: 1})
			return err
		},
		"kv:n":   func() error { _, err := n.KV().Get(ctx, "n", "k"); return err },
		"room:l": func() error { _, err := n.Rooms().Has(ctx, "l", "c"); return err },
		"conns":  func() error { _, _, err := n.Connections().List(ctx, "", 1); return err },
	} {
		command(t, client, "DEL", "mesh:"+key) // which one of the others may have made
		command(t, client, "RPUSH", "mesh:"+key, "another program's")
		before := said.count("another program's")
		for range 3 {
			if err := use(); !errors.Is(err, backplane.ErrUnavailable) || !strings.Contains(err.Error(), "redis.prefix") {
				t.Errorf("%s: %v", key, err)
			}
		}
		if got := said.count("another program's") - before; got != 1 {
			t.Errorf("%s: the log says so %d times", key, got)
		}
		command(t, client, "DEL", "mesh:"+key)
		if err := use(); err != nil {
			t.Errorf("%s, without it: %v", key, err)
		}
	}
}

// TestForeignLogOfAnEndedRecord keeps a record from being settled: who reads it is
// told at once, instead of trying for ever.
func TestForeignLogOfAnEndedRecord(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c := alone(t, time.Minute)
	n := c.Node("node")
	n.Attach(newEars())
	client := plainClient(t, c.options.Addresses[0])
	if _, _, err := n.Records().Commit(ctx, []backplane.RecordWrite{{
		ID: "r", Value: []byte("1"), TTL: time.Millisecond, Tombstone: time.Hour,
	}}, 0); err != nil {
		t.Fatal(err)
	}
	command(t, client, "SET", "mesh:patches:r", "x")
	<-time.After(20 * time.Millisecond)
	if _, err := n.Records().Get(ctx, "r"); !errors.Is(err, backplane.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	command(t, client, "DEL", "mesh:patches:r")
	if r, err := n.Records().Get(ctx, "r"); err != nil || r.Value != nil || r.Number != 2 {
		t.Errorf("without it: %+v, %v", r, err)
	}
}

// TestNumbersOfChangesNeverGoBack removes the number of the last change while a
// node counts on it: what comes next must not be taken for what it has seen.
func TestNumbersOfChangesNeverGoBack(t *testing.T) {
	t.Parallel()
	addr := alone(t, time.Minute).options.Addresses[0]
	n := newRecordNode(t, addr, "node")
	n.subscribe(backplane.RecordOf, "r")
	for range 5 {
		n.put("r", "before")
	}
	n.awaitRecord("r", 5)
	command(t, plainClient(t, addr), "DEL", "mesh:record-seq")
	n.put("r", "after")
	n.awaitRecord("r", 6)
}

// TestChannelsWhileSubscriptionsAreCut cuts the connections for subscriptions:
// who follows a channel with a history gets all of it, and is not told that
// anything is lost.
func TestChannelsWhileSubscriptionsAreCut(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := alone(t, time.Minute)
	n, other, heard := c.Node("node"), c.Node("other"), new(ear)
	n.Attach(heard)
	other.Attach(newEars())
	keep := backplane.Keep{Count: 1000, TTL: time.Hour}
	if _, err := n.Channels().Read(ctx, "c", backplane.Query{Keep: keep, Limit: -1}); err != nil {
		t.Fatal(err)
	}
	if err := n.Bus().Subscribe(ctx, backplane.Topic{Kind: backplane.Channel, Name: "c"}); err != nil {
		t.Fatal(err)
	}
	client := plainClient(t, c.options.Addresses[0])
	const messages, cuts = 300, 3
	for i := range messages {
		if i%(messages/cuts) == messages/cuts/2 {
			command(t, client, "CLIENT", "KILL", "TYPE", "pubsub")
		}
		if _, err := other.Channels().Publish(ctx, "c", []byte(`"x"`), keep); err != nil {
			t.Fatal(err)
		}
	}
	for {
		heard.mu.Lock()
		got := len(heard.messages)
		heard.mu.Unlock()
		if got >= messages {
			break
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("%d messages have come", got)
		}
	}
	heard.wantHeard(t, 1, messages, 0)
}

// TestForeignKeyOfAFollowedTopic puts another program's key under a channel and a
// room that are followed, and cuts the connections: who follows these is told that
// something may be lost, and all others go on.
func TestForeignKeyOfAFollowedTopic(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c := alone(t, time.Minute)
	n, heard := c.Node("node"), newEars()
	n.Attach(heard)
	for _, topic := range []backplane.Topic{{Kind: backplane.Channel, Name: "bad"}, {Kind: backplane.PresenceOf, Name: "bad"}} {
		if err := n.Bus().Subscribe(ctx, topic); err != nil {
			t.Fatal(err)
		}
	}
	const channels = 32 // on all lanes
	names := make([]string, channels)
	for i := range names {
		names[i] = "c" + strconv.Itoa(i)
		if err := n.Bus().Subscribe(ctx, backplane.Topic{Kind: backplane.Channel, Name: names[i]}); err != nil {
			t.Fatal(err)
		}
	}
	client := plainClient(t, c.options.Addresses[0])
	command(t, client, "SET", "mesh:channel:bad", "x")
	command(t, client, "DEL", "mesh:room-seq:bad")
	command(t, client, "RPUSH", "mesh:room-seq:bad", "x")
	command(t, client, "CLIENT", "KILL", "TYPE", "pubsub")
	heard.await(t, "lost bad", 2)
	heard.await(t, "lost c", channels) // for they have no history
	for _, name := range names {
		if _, err := n.Channels().Publish(ctx, name, []byte(`"x"`), backplane.Keep{}); err != nil {
			t.Fatal(err)
		}
		heard.await(t, "message "+name+" ", 1)
	}
	if err := n.Connections().Add(ctx, backplane.Connection{ID: "me"}); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Rooms().Join(ctx, "good", "me", false); err != nil {
		t.Fatal(err)
	}
	heard.await(t, "member good me", 1)
}
