package redistest_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/mesh-host/mesh-host/host/backplane/redis/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var ctx = context.Background()

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func TestServer(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always", "--requirepass", "secret")
	client := s.Client(t)
	must(t, client.Set(ctx, "k", "v", 0).Err())
	s.Pause(t)
	if err := client.Ping(ctx).Err(); err == nil {
		t.Error("a paused server answers")
	}
	s.Resume(t)
	must(t, client.Ping(ctx).Err())
	s.Pause(t)
	s.Kill()
	s.Kill()
	if err := client.Ping(ctx).Err(); err == nil {
		t.Error("a killed server answers")
	}
	s.Restart(t)
	if got := client.Get(ctx, "k").Val(); got != "v" {
		t.Errorf("after a restart: %q", got)
	}
}

func TestShared(t *testing.T) {
	t.Parallel()
	one := redistest.Shared(t)
	if redistest.Shared(t) != one {
		t.Error("the next is another one")
	}
	must(t, one.Client(t).Ping(ctx).Err())
	if prefix, other := redistest.Prefix(), redistest.Prefix(); prefix == other {
		t.Errorf("two prefixes are %q", prefix)
	}
}

func TestSentinel(t *testing.T) {
	t.Parallel()
	set := redistest.StartSentinel(t)
	client := goredis.NewFailoverClient(&goredis.FailoverOptions{
		MasterName: redistest.MasterName, SentinelAddrs: set.Addrs(), MaxRetries: 10, MaxRetryBackoff: time.Second,
	})
	defer func() { _ = client.Close() }()
	must(t, client.Set(ctx, "k", "kept", 0).Err())
	must(t, client.Do(ctx, "wait", 2, 5000).Err())
	cut := set.CutReplicas(t)
	must(t, client.Set(ctx, "k", "lost", 0).Err())
	old := set.KillMaster(t)
	for _, s := range cut {
		s.Resume(t)
	}
	set.WaitFailover(t)
	if set.Master(t) == old {
		t.Error("the master is the one that was killed")
	}
	if got := set.Master(t).Client(t).Get(ctx, "k").Val(); got != "kept" {
		t.Errorf("after the failover: %q", got)
	}
	if got, err := client.Get(ctx, "k").Result(); got != "kept" {
		t.Errorf("after the failover: %q, %v", got, err)
	}
}

func TestCluster(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t)
	client := goredis.NewClusterClient(&goredis.ClusterOptions{Addrs: c.Addrs()})
	defer func() { _ = client.Close() }()
	keys := []string{"a", "b", "c", "d", "e", "f"}
	for _, key := range keys {
		must(t, client.Set(ctx, key, key, 0).Err())
	}
	must(t, client.ForEachMaster(ctx, func(ctx context.Context, client *goredis.Client) error {
		return client.Do(ctx, "wait", 1, 5000).Err()
	}))
	old := c.KillMaster(t, 1)
	c.WaitOK(t)
	if c.Master(t, 1) == old {
		t.Error("the master is the one that was killed")
	}
	client.ReloadState(ctx) // it has not noticed yet, perhaps
	for _, key := range keys {
		if got, err := client.Get(ctx, key).Result(); got != key {
			t.Errorf("after the failover: %q, %v", got, err)
		}
	}
	old.Restart(t)
	c.WaitOK(t)
}

// dial connects to a proxy and says something.
func dial(t *testing.T, p *redistest.Proxy) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr)
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	say(t, conn)
	return conn
}

func say(t *testing.T, conn net.Conn) {
	t.Helper()
	_, err := io.WriteString(conn, "PING\r\n")
	must(t, err)
}

// hear is what comes within a time, or why nothing does.
func hear(conn net.Conn, within time.Duration) (string, error) {
	_ = conn.SetReadDeadline(time.Now().Add(within))
	buffer := make([]byte, 64)
	n, err := conn.Read(buffer)
	return string(buffer[:n]), err
}

func TestProxy(t *testing.T) {
	t.Parallel()
	p := redistest.StartProxy(t, redistest.Shared(t).Addr)
	const soon, long = 100 * time.Millisecond, 5 * time.Second
	heard := func(what string, conn net.Conn) {
		t.Helper()
		if got, err := hear(conn, long); !strings.HasPrefix(got, "+PONG") {
			t.Fatalf("%s: %q, %v", what, got, err)
		}
	}
	one := dial(t, p)
	heard("at first", one)
	p.Cut()
	p.Cut()
	say(t, one)
	other := dial(t, p)
	for _, conn := range []net.Conn{one, other} {
		var network net.Error
		if got, err := hear(conn, soon); !errors.As(err, &network) || !network.Timeout() {
			t.Errorf("while cut: %q, %v", got, err)
		}
	}
	p.Restore(t)
	heard("late", one)
	heard("late", other)
	p.Refuse()
	if got, err := hear(one, long); err == nil {
		t.Errorf("once refused: %q", got)
	}
	if _, err := net.Dial("tcp", p.Addr); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("once refused: %v", err)
	}
	p.Restore(t)
	p.Restore(t)
	one = dial(t, p)
	heard("restored", one)
	p.Drop()
	if _, err := hear(one, long); err == nil {
		t.Error("once dropped it goes on")
	}
	heard("after a drop", dial(t, p))
	p.Lag(200 * time.Millisecond)
	begun := time.Now()
	for range 10 {
		one = dial(t, p)
		heard("with lag", one)
	}
	if took := time.Since(begun); took < 200*time.Millisecond {
		t.Errorf("ten questions with lag took %v", took)
	}
	p.Cut()
	p.Close()
	p.Close()
}
