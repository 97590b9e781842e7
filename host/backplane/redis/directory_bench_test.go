package redis_test

import (
	"context"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/backplanetest"
	"github.com/mesh-host/mesh-host/host/backplane/redis"
	"github.com/mesh-host/mesh-host/host/backplane/redis/redistest"
)

// benched returns a node with connections 0 to 99, present in room "full".
func benched(b *testing.B) *redis.Node {
	b.Helper()
	server := redistest.Start(b)
	ctx := context.Background()
	n, err := redis.Open(ctx, "a", redis.Options{Addresses: []string{server.Addr}, Lease: time.Hour})
	ok(b, err)
	b.Cleanup(func() { _ = n.Close() })
	n.Attach(backplanetest.NewRecorder())
	raw := goredis.NewClient(&goredis.Options{Addr: server.Addr})
	defer func() { _ = raw.Close() }()
	lease := goredis.Z{Score: float64(time.Now().Add(time.Hour).UnixMilli()), Member: "a"}
	ok(b, raw.ZAdd(ctx, "mesh:nodes", lease).Err())
	for i := range 100 {
		id := strconv.Itoa(i)
		ok(b, n.Connections().Add(ctx, backplane.Connection{ID: id, User: "u" + id}))
		_, err := n.Rooms().Join(ctx, "full", id, true)
		ok(b, err)
	}
	return n
}

// together runs something in fifty goroutines, each of which has a connection.
func together(b *testing.B, do func(id string, i int) error) {
	b.Helper()
	const goroutines = 50
	b.SetParallelism((goroutines + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
	b.ReportAllocs()
	var ids atomic.Int64
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		id := strconv.FormatInt(ids.Add(1)%100, 10)
		for i := 0; pb.Next(); i++ {
			if err := do(id, i); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkDirectory runs what is done for connections. Coming and going is all
// that a short session needs.
func BenchmarkDirectory(b *testing.B) {
	ctx := context.Background()
	state := []byte(`{"typing":true}`)
	var come atomic.Int64
	for name, do := range map[string]func(n *redis.Node, id string, i int) error{
		"join+leave": func(n *redis.Node, id string, _ int) error {
			if _, err := n.Rooms().Join(ctx, "r", id, true); err != nil {
				return err
			}
			_, err := n.Rooms().Leave(ctx, "r", id, "left")
			return err
		},
		"enter+exit": func(n *redis.Node, id string, i int) (err error) {
			if i%2 == 0 {
				_, err = n.Presence().Exit(ctx, "full", id)
			} else {
				_, err = n.Presence().Enter(ctx, "full", id)
			}
			return err
		},
		"state": func(n *redis.Node, id string, _ int) error {
			_, err := n.Presence().SetState(ctx, "full", id, state, time.Minute, false)
			return err
		},
		"snapshot of 100": func(n *redis.Node, _ string, _ int) error {
			_, err := n.Presence().Snapshot(ctx, "full")
			return err
		},
		"coming+going": func(n *redis.Node, _ string, _ int) error {
			id := "c" + strconv.FormatInt(come.Add(1), 10)
			if err := n.Connections().Add(ctx, backplane.Connection{ID: id, User: id}); err != nil {
				return err
			}
			if _, err := n.Rooms().Join(ctx, "r", id, true); err != nil {
				return err
			}
			_, _, err := n.Connections().Remove(ctx, id, "")
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			n := benched(b)
			together(b, func(id string, i int) error { return do(n, id, i) })
		})
	}
}
