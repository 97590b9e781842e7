package redis_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/redis/redistest"
)

// The connections for subscriptions are cut all the time. Whoever has subscribed
// gets versions in order, none twice, the newest in the end, and no patch that
// does not follow what came before.
func TestChangesOfRecordsWhileSubscriptionsAreCut(t *testing.T) {
	t.Parallel()
	addr := alone(t, time.Minute).options.Addresses[0]
	writer := newRecordNode(t, addr, "writer")
	one, all, both := newRecordNode(t, addr, "one"), newRecordNode(t, addr, "all"), newRecordNode(t, addr, "both")
	ids := []string{"a", "b", "c", "d"}
	for _, n := range []*recordNode{one, both} {
		for _, id := range ids {
			n.subscribe(backplane.RecordOf, id)
		}
	}
	all.subscribe(backplane.AllRecords, "")
	both.subscribe(backplane.AllRecords, "")
	client := plainClient(t, addr)
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(time.Duration(rand.IntN(300)) * time.Millisecond):
				command(t, client, "CLIENT", "KILL", "TYPE", "pubsub")
			}
		}
	})
	const versions = 1500
	for i := range versions {
		for _, id := range ids[:1+i%4] {
			writer.put(id, strconv.Itoa(i))
		}
	}
	close(done)
	wg.Wait()
	for _, id := range ids {
		last := writer.put(id, "last").Number
		for _, n := range []*recordNode{one, all, both} {
			told := n.awaitRecord(id, last)
			wantInOrder(t, n.ID()+" "+id, told)
			t.Logf("%s was told %d of %d versions of %s", n.ID(), len(told), last, id)
		}
	}
	for _, n := range []*recordNode{one, all, both} {
		n.wantLost()
	}
}

// wantInOrder fails where a version comes twice, or a patch does not follow what
// came before.
func wantInOrder(t *testing.T, what string, changes []backplane.RecordChange) {
	t.Helper()
	var before backplane.RecordChange
	for _, c := range changes {
		if c.Number <= before.Number {
			t.Fatalf("%s: version %d after %d", what, c.Number, before.Number)
		}
		if c.Patch != nil && (c.Number != before.Number+1 || string(c.Patch) != string(before.Value)+">"+string(c.Value)) {
			t.Fatalf("%s: version %d has the patch %q after %d, %q", what, c.Number, c.Patch, before.Number, before.Value)
		}
		before = c
	}
}

// A server that has lost everything says so to all who rely on it, and goes on.
func TestRecordsOfAServerThatHasLostThem(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	n, other := newRecordNode(t, server.Addr, "a"), newRecordNode(t, server.Addr, "b")
	n.subscribe(backplane.RecordOf, "r")
	n.subscribe(backplane.RecordOf, "none")
	n.subscribe(backplane.AllRecords, "")
	before := n.put("r", "one")
	n.awaitRecord("r", 1)
	server.Kill()
	server.Restart(t)
	late := time.After(20 * time.Second)
	var lost []backplane.Topic
	for len(lost) < 2 {
		select {
		case <-time.After(10 * time.Millisecond):
			lost = append(lost, n.lost()...)
		case <-late:
			t.Fatalf("lost: %v", lost)
		}
	}
	if !slices.Contains(lost, oneRecord) || !slices.Contains(lost, allRecords) || len(lost) > 2 {
		t.Errorf("lost: %v", lost)
	}
	for {
		if _, err := other.Records().Get(context.Background(), "r"); err == nil {
			break
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-late:
			t.Fatal("the server does not come back")
		}
	}
	n.heard("r")
	if at := other.put("r", "anew"); at.Number != 1 || at.Epoch == before.Epoch {
		t.Errorf("%+v after %+v", at, before)
	}
	if told := n.awaitRecord("r", 1); len(told) != 1 || string(told[0].Value) != "anew" {
		t.Errorf("told %+v", told)
	}
}
