package redis

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/redis/redistest"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// opened opens a node for a test. However busy the machine is, a server that is
// there is not away, unless the test says when.
func opened(tb testing.TB, o Options) *Node {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	o.Timeout, o.Connect = cmp.Or(o.Timeout, 5*time.Second), cmp.Or(o.Connect, 5*time.Second)
	n, err := Open(ctx, "node", o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := n.Close(); err != nil {
			tb.Error(err)
		}
	})
	return n
}

// textScript makes a script of a text.
func textScript(text string) *script {
	return &script{name: "test", plain: newSource(text), sharded: newSource(text)}
}

var (
	echo  = textScript(`return ARGV[1]`)
	count = textScript(`return redis.call('INCR', KEYS[1] .. 'count')`)
)

// must is for what cannot fail here.
func must[T any](tb testing.TB) func(value T, err error) T {
	tb.Helper()
	return func(value T, err error) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return value
	}
}

// eventually waits until a condition holds.
func eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	for end := time.Now().Add(patience); !holds(); _ = wait(context.Background(), 5*time.Millisecond) {
		if time.Now().After(end) {
			tb.Fatal("it did not come about: " + what)
		}
	}
}

func TestEval(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	n := opened(t, Options{Addresses: []string{server.Addr}})
	ctx := context.Background()
	if got := must[reply](t)(n.eval(ctx, n.ledger, echo, []byte("a\x00b"))); got.text() != "a\x00b" {
		t.Errorf("got %q", got.text())
	}
	if got := must[reply](t)(n.eval(ctx, n.ledger, textScript(`return false`))); got.there() {
		t.Errorf("got %v", got)
	}
	var code refusal
	if _, err := n.eval(ctx, n.ledger, textScript(`return redis.error_reply('MESH NO')`)); !errors.As(err, &code) || code != "NO" {
		t.Errorf("refused with %v", err)
	}
	if _, err := n.eval(ctx, n.ledger, textScript(`error('x')`)); !errors.Is(err, backplane.ErrUnavailable) {
		t.Errorf("failed with %v", err)
	}
	type named string
	if got := must[reply](t)(n.eval(ctx, n.ledger, echo, named("n"))); got.text() != "n" {
		t.Errorf("got %q", got.text())
	}
	before := n.Stats()
	must[reply](t)(n.eval(ctx, n.ledger, echo, "x"))
	if after := n.Stats(); after.Commands != before.Commands+1 || after.RoundTrips != before.RoundTrips+1 {
		t.Errorf("got %+v after %+v", after, before)
	}
	ended, end := context.WithCancel(ctx)
	end()
	if _, err := n.eval(ended, n.ledger, count); !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	if err := n.Reachable(); err != nil {
		t.Error(err)
	}
}

// TestEvalForgotten has the server forget the scripts under load.
func TestEvalForgotten(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	n := opened(t, Options{Addresses: []string{server.Addr}})
	const callers, calls = 20, 50
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for i := range calls {
				if i%10 == 0 {
					if err := n.client.ScriptFlush(context.Background()).Err(); err != nil {
						t.Error(err)
					}
				}
				if _, err := n.eval(context.Background(), n.ledger, count); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if got := must[reply](t)(n.eval(context.Background(), n.ledger, count)); got.number() != callers*calls+1 {
		t.Errorf("ran %d times, want %d", got.number(), callers*calls+1)
	}
}

// TestEvalShared has many callers share round trips, and each get its own answer.
func TestEvalShared(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	for _, flush := range []time.Duration{0, time.Millisecond} {
		n := opened(t, Options{Addresses: []string{server.Addr}, Flush: flush, Prefix: redistest.Prefix()})
		const callers, calls = 200, 20
		var all sync.WaitGroup
		for caller := range callers {
			all.Go(func() {
				for i := range calls {
					want := fmt.Sprint(caller, " ", i)
					got, err := n.eval(context.Background(), n.directory, echo, want)
					if err != nil || got.text() != want {
						t.Errorf("got %q, %v, want %q", got.text(), err, want)
					}
				}
			})
		}
		all.Wait()
		stats := n.Stats()
		t.Logf("flush %v: %d commands in %d round trips", flush, stats.Commands, stats.RoundTrips)
		if stats.Commands < callers*calls || stats.RoundTrips > stats.Commands/4 {
			t.Errorf("got %+v", stats)
		}
	}
}

// TestEvalLetGo lets callers go at once whose context ends, and sends nothing for
// those that were still waiting.
func TestEvalLetGo(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	n := opened(t, Options{Addresses: []string{server.Addr}, Timeout: 5 * time.Second})
	must[reply](t)(n.eval(context.Background(), n.ledger, count))
	server.Pause(t)
	ctx, end := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer end()
	begun := time.Now()
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if _, err := n.eval(ctx, n.ledger, count); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, backplane.ErrUnavailable) {
				t.Errorf("ended with %v", err)
			}
		})
	}
	all.Wait()
	if took := time.Since(begun); took > time.Second {
		t.Errorf("took %v", took)
	}
	server.Resume(t)
	if got := must[reply](t)(n.eval(context.Background(), n.ledger, count)); got.number() > 52 {
		t.Errorf("ran %d times", got.number())
	}
}

func TestEvalKept(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	n := opened(t, Options{Addresses: []string{server.Addr}, Replicas: 1, Timeout: 400 * time.Millisecond})
	_, err := n.evalKept(context.Background(), n.ledger, count)
	if !errors.Is(err, backplane.ErrUnavailable) || !errors.Is(err, errNotKept) || !strings.Contains(err.Error(), "redis.wait_replicas is 1") {
		t.Errorf("without a replica: %v", err)
	}
	replica := redistest.Start(t)
	host, port, _ := strings.Cut(server.Addr, ":")
	client := goredis.NewClient(&goredis.Options{Addr: replica.Addr})
	defer func() { _ = client.Close() }()
	if err := client.ReplicaOf(context.Background(), host, port).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a replica keeps it", func() bool {
		_, err := n.evalKept(context.Background(), n.ledger, count)
		return err == nil
	})
	var code refusal
	if _, err := n.evalKept(context.Background(), n.ledger, textScript(`return redis.error_reply('MESH NO')`)); !errors.As(err, &code) {
		t.Errorf("refused with %v", err)
	}
	if err := n.Reachable(); err != nil {
		t.Error(err)
	}
}

// journal is a log that a test reads.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, string(line))
	return len(line), nil
}

func (j *journal) count(text string) (n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, line := range j.lines {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

func (j *journal) log() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

// TestBreaker takes the server away in each way, and brings it back.
func TestBreaker(t *testing.T) {
	t.Parallel()
	for _, way := range []struct {
		name string
		away func(p *redistest.Proxy)
	}{
		{"cut", (*redistest.Proxy).Cut},
		{"refused", (*redistest.Proxy).Refuse},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			proxy := redistest.StartProxy(t, server.Addr)
			var log journal
			n := opened(t, Options{Addresses: []string{proxy.Addr}, Timeout: 200 * time.Millisecond, Log: log.log()})
			var h seen
			if err := n.ledger.lane.subscribe(context.Background(), n.ledger.channel("record", "a"), &h); err != nil {
				t.Fatal(err)
			}
			must[reply](t)(n.eval(context.Background(), n.ledger, count))
			way.away(proxy)
			eventually(t, "the breaker opens", func() bool {
				_, err := n.eval(context.Background(), n.ledger, count)
				return err != nil && n.links[0].breaker.why() != nil
			})
			begun := time.Now()
			for range 1000 {
				if _, err := n.eval(context.Background(), n.ledger, count); !errors.Is(err, backplane.ErrUnavailable) {
					t.Fatalf("away: %v", err)
				}
			}
			if took := time.Since(begun); took > 5*time.Second { // waiting for each it were 200
				t.Errorf("refusing took %v", took)
			}
			eventually(t, "the lane notices", func() bool { return n.ledger.lane.why() != nil })
			if err := n.ledger.lane.subscribe(context.Background(), "x", &seen{}); !errors.Is(err, backplane.ErrUnavailable) {
				t.Errorf("subscribed: %v", err)
			}
			if n.Reachable() == nil {
				t.Error("it is reachable")
			}
			proxy.Restore(t)
			eventually(t, "it is back", func() bool { return n.Reachable() == nil })
			eventually(t, "it is quick enough", func() bool {
				_, err := n.eval(context.Background(), n.ledger, count)
				return err == nil
			})
			command(t, server.Addr, "publish", n.ledger.channel("record", "a"), "after")
			eventually(t, "it resumes", func() bool { return h.text() == "begin resume after" })
			if away, back := log.count("redis is away"), log.count("redis is back"); away != 2 || back != 2 {
				t.Errorf("logged %d and %d times:\n%s", away, back, log.lines)
			}
			if n.Stats().Failures < mostFailures || n.Stats().Reconnects == 0 {
				t.Errorf("got %+v", n.Stats())
			}
		})
	}
}

// TestCluster runs over three masters, one of which is away for a while.
func TestCluster(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t)
	n := opened(t, Options{Mode: Cluster, Addresses: cluster.Addrs(), Timeout: 300 * time.Millisecond})
	ctx := context.Background()
	handlers := make([]*seen, len(n.shards))
	for i, sh := range n.shards {
		must[reply](t)(n.eval(ctx, sh, count))
		handlers[i] = &seen{}
		if err := sh.lane.subscribe(ctx, sh.channel("channel", "a"), handlers[i]); err != nil {
			t.Fatal(err)
		}
	}
	cluster.KillMaster(t, 1)
	served := 0
	for _, sh := range n.shards {
		begun := time.Now()
		if _, err := n.eval(ctx, sh, count); err == nil && time.Since(begun) < time.Second {
			served++
		}
	}
	if served < len(n.shards)/2 {
		t.Errorf("only %d shards were served", served)
	}
	eventually(t, "all shards are served", func() bool {
		for _, sh := range n.shards {
			if _, err := n.eval(ctx, sh, count); err != nil {
				return false
			}
		}
		return n.Reachable() == nil
	})
	publish := textScript(`redis.call('SPUBLISH', KEYS[1] .. 'channel:a', ARGV[1])`)
	for i, sh := range n.shards {
		eventually(t, "messages come", func() bool {
			must[reply](t)(n.eval(ctx, sh, publish, "m"))
			return strings.HasSuffix(handlers[i].text(), " m")
		})
	}
}

// TestSentinel has the Sentinels choose another master: the first is killed, or
// stopped and later goes on, when it still thinks that it is the master.
func TestSentinel(t *testing.T) {
	t.Parallel()
	for name, resumes := range map[string]bool{"killed": false, "paused": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := redistest.StartSentinel(t)
			n := opened(t, Options{Mode: Sentinel, Addresses: set.Addrs(), Master: redistest.MasterName, Timeout: 300 * time.Millisecond})
			ctx := context.Background()
			var h seen
			if err := n.ledger.lane.subscribe(ctx, n.ledger.channel("record", "a"), &h); err != nil {
				t.Fatal(err)
			}
			must[reply](t)(n.eval(ctx, n.ledger, count))
			if resumes {
				master := set.Master(t)
				master.Pause(t)
				eventually(t, "another is the master", func() bool { return set.Master(t) != master })
				master.Resume(t)
			} else {
				set.KillMaster(t)
			}
			eventually(t, "another master serves", func() bool {
				_, err := n.eval(ctx, n.ledger, count)
				return err == nil && n.Reachable() == nil
			})
			publish := textScript(`redis.call('PUBLISH', KEYS[1] .. 'record:a', ARGV[1])`)
			eventually(t, "messages come", func() bool {
				_, err := n.eval(ctx, n.ledger, publish, "m")
				return err == nil && strings.HasPrefix(h.text(), "begin resume") && strings.HasSuffix(h.text(), " m")
			})
		})
	}
}

// TestDemoted has the server become a replica, which refuses writes, and a master
// again.
func TestDemoted(t *testing.T) {
	t.Parallel()
	server, other := redistest.Start(t), redistest.Start(t)
	n := opened(t, Options{Addresses: []string{server.Addr}})
	must[reply](t)(n.eval(context.Background(), n.ledger, count))
	host, port, _ := strings.Cut(other.Addr, ":")
	command(t, server.Addr, "replicaof", host, port)
	eventually(t, "it is away", func() bool {
		_, err := n.eval(context.Background(), n.ledger, count)
		return err != nil && n.Reachable() != nil && strings.Contains(err.Error(), "Redis is away: this Redis is a read-only replica")
	})
	command(t, server.Addr, "replicaof", "no", "one")
	eventually(t, "it is back", func() bool { return n.Reachable() == nil })
	must[reply](t)(n.eval(context.Background(), n.ledger, count))
}

// TestSlotMoved moves a shard's slot to another master: while it is being moved
// nothing is run anywhere, and then the other serves it.
func TestSlotMoved(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t)
	n := opened(t, Options{Mode: Cluster, Addresses: cluster.Addrs(), Timeout: 300 * time.Millisecond})
	ctx, sh := context.Background(), n.shards[3]
	var h seen
	if err := sh.lane.subscribe(ctx, sh.channel("channel", "a"), &h); err != nil {
		t.Fatal(err)
	}
	slot := hashSlot(sh.base)
	from, to := cluster.Master(t, 0).Addr, cluster.Master(t, 2).Addr
	id := func(address string) string {
		client := goredis.NewClient(&goredis.Options{Addr: address, Protocol: 2})
		defer func() { _ = client.Close() }()
		return must[any](t)(client.Do(ctx, "cluster", "myid").Result()).(string)
	}
	source, target := id(from), id(to)
	command(t, to, "cluster", "setslot", slot, "importing", source)
	command(t, from, "cluster", "setslot", slot, "migrating", target)
	if _, err := n.eval(ctx, sh, count); !errors.Is(err, backplane.ErrUnavailable) || !strings.Contains(err.Error(), "being moved") {
		t.Errorf("ended with %v", err)
	}
	command(t, to, "cluster", "setslot", slot, "node", target)
	command(t, from, "cluster", "setslot", slot, "node", target)
	eventually(t, "the other serves it", func() bool {
		got, err := n.eval(ctx, sh, count)
		return err == nil && got.number() == 1
	})
	publish := textScript(`redis.call('SPUBLISH', KEYS[1] .. 'channel:a', ARGV[1])`)
	eventually(t, "messages come", func() bool {
		must[reply](t)(n.eval(ctx, sh, publish, "m"))
		return strings.HasPrefix(h.text(), "begin resume") && strings.HasSuffix(h.text(), " m")
	})
	eventually(t, "all is well", func() bool { return n.Reachable() == nil })
}
