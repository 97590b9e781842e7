package redis_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// TestFullServer fills a server: it takes no more, and says so, but no node dies of
// that, and what ends goes.
func TestFullServer(t *testing.T) {
	t.Parallel()
	const lease = time.Second
	c := alone(t, lease)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	nodes := []backplane.Node{c.Node("a"), c.Node("b")}
	for _, n := range nodes {
		n.Attach(newEars())
		running.Go(func() { n.Run(ctx) })
		if err := n.Connections().Add(ctx, backplane.Connection{ID: n.ID()}); err != nil {
			t.Fatal(err)
		}
		if _, err := n.Rooms().Join(ctx, "r", n.ID(), true); err != nil {
			t.Fatal(err)
		}
	}
	command(t, plainClient(t, c.options.Addresses[0]), "CONFIG", "SET", "maxmemory", "1")
	err := nodes[0].KV().Set(ctx, "n", "k", []byte("v"), backplane.Write{})
	if !errors.Is(err, backplane.ErrUnavailable) || !strings.Contains(err.Error(), "maxmemory") {
		t.Errorf("a write: %v", err)
	}
	<-time.After(3 * lease)
	if members, err := nodes[1].Rooms().Members(ctx, "r"); err != nil || len(members) != len(nodes) {
		t.Errorf("the members are %q (%v)", members, err)
	}
	if rooms, removed, err := nodes[0].Connections().Remove(ctx, "a", "x"); err != nil || !removed || len(rooms) != 1 {
		t.Errorf("an end: %q, %v, %v", rooms, removed, err)
	}
}
