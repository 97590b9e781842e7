package redis

import (
	"cmp"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/redis/redistest"
)

// refusedWith opens a node where that must fail, with all of some words: not
// because the machine is busy.
func refusedWith(t *testing.T, o Options, words ...string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	o.Timeout, o.Connect = cmp.Or(o.Timeout, 5*time.Second), cmp.Or(o.Connect, 5*time.Second)
	n, err := Open(ctx, "node", o)
	if err == nil {
		_ = n.Close()
		t.Errorf("opened, want %q", words)
		return nil
	}
	t.Log(err)
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("got %q, want %q", err, word)
		}
	}
	return err
}

// command runs a command on a server.
func command(t *testing.T, address string, words ...any) {
	t.Helper()
	client := goredis.NewClient(&goredis.Options{Addr: address, Protocol: 2})
	defer func() { _ = client.Close() }()
	if err := client.Do(context.Background(), words...).Err(); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefused(t *testing.T) {
	t.Parallel()
	plain := redistest.Start(t)
	t.Run("nothing there", func(t *testing.T) {
		t.Parallel()
		l := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
		address := l.Addr().String()
		_ = l.Close()
		for _, mode := range []Mode{Standalone, Cluster, Sentinel} {
			err := refusedWith(t, Options{Mode: mode, Master: "m", Addresses: []string{address}}, "redis.addresses", address)
			if !errors.Is(err, backplane.ErrUnavailable) {
				t.Errorf("%s: %v", mode, err)
			}
		}
		refusedWith(t, Options{}, "redis.url")
	})
	t.Run("silence", func(t *testing.T) {
		t.Parallel()
		l := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
		defer func() { _ = l.Close() }()
		refusedWith(t, Options{Addresses: []string{l.Addr().String()}, Timeout: 200 * time.Millisecond}, "no answer in time")
	})
	t.Run("passwords", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t, "--requirepass", "right")
		refusedWith(t, Options{Addresses: []string{server.Addr}}, "set redis.password")
		refusedWith(t, Options{Addresses: []string{server.Addr}, Password: "wrong"}, "check redis.user and redis.password")
		n := opened(t, Options{Addresses: []string{server.Addr}, Password: "right", Prefix: redistest.Prefix()})
		if err := n.ledger.lane.subscribe(context.Background(), "c", &seen{}); err != nil {
			t.Error(err)
		}
		n = opened(t, Options{Addresses: []string{server.Addr}, User: "default", Password: "right", Prefix: redistest.Prefix()})
		if err := n.ledger.lane.subscribe(context.Background(), "c", &seen{}); err != nil {
			t.Error(err)
		}
	})
	t.Run("permissions", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t)
		for _, user := range []struct {
			rules []any
			words []string
		}{
			{[]any{"+@all", "-eval", "~*", "&*"}, []string{"permission"}},
			{[]any{"+@all", "-publish", "~*", "&*"}, []string{"PUBLISH", "mesh:"}},
			{[]any{"+@all", "-hset", "~*", "&*"}, []string{"HSET"}},
			{[]any{"+@all", "~other:*", "&*"}, []string{"permission"}},
			{[]any{"+@all", "~mesh:*", "&other:*"}, []string{"PUBLISH"}},
			{[]any{"+@all", "-subscribe", "~mesh:*", "&mesh:*"}, []string{"permission", "subscribe"}},
		} {
			command(t, server.Addr, append([]any{"acl", "setuser", "u", "reset", "on", ">p"}, user.rules...)...)
			refusedWith(t, Options{Addresses: []string{server.Addr}, User: "u", Password: "p"}, user.words...)
		}
		command(t, server.Addr, "acl", "setuser", "u", "reset", "on", ">p", "+@all", "~mesh:*", "&mesh:*")
		opened(t, Options{Addresses: []string{server.Addr}, User: "u", Password: "p"})
	})
	t.Run("renamed", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t, "--rename-command", "HSET", "")
		refusedWith(t, Options{Addresses: []string{server.Addr}}, "HSET")
		server = redistest.Start(t, "--rename-command", "EVAL", "")
		refusedWith(t, Options{Addresses: []string{server.Addr}}, "EVAL")
	})
	t.Run("modes", func(t *testing.T) {
		t.Parallel()
		clustered := redistest.Start(t, "--cluster-enabled", "yes")
		refusedWith(t, Options{Addresses: []string{clustered.Addr}}, "redis.mode = cluster")
		refusedWith(t, Options{Mode: Cluster, Addresses: []string{clustered.Addr}}, "does not serve all hash slots")
		refusedWith(t, Options{Mode: Cluster, Addresses: []string{plain.Addr}}, "redis.mode = standalone")
		refusedWith(t, Options{Mode: Sentinel, Master: "m", Addresses: []string{plain.Addr}}, "is no Sentinel")
		refusedWith(t, Options{Mode: Sentinel, Addresses: []string{plain.Addr}}, "redis.master")
	})
	t.Run("sentinels", func(t *testing.T) {
		t.Parallel()
		set := redistest.StartSentinel(t)
		refusedWith(t, Options{Addresses: set.Addrs()[:1]}, "redis.mode = sentinel")
		refusedWith(t, Options{Mode: Sentinel, Master: "other", Addresses: set.Addrs()}, "check redis.master")
	})
	t.Run("replica", func(t *testing.T) {
		t.Parallel()
		host, port, _ := strings.Cut(plain.Addr, ":")
		replica := redistest.Start(t, "--replicaof", host, port)
		refusedWith(t, Options{Addresses: []string{replica.Addr}}, "read-only replica", plain.Addr)
	})
}

func TestCheckServer(t *testing.T) {
	t.Parallel()
	info := func(version, mode, clustered string) string {
		return "# Server\r\nredis_version:" + version + "\r\nredis_mode:" + mode + "\r\nrole:master\r\ncluster_enabled:" + clustered + "\r\n"
	}
	for _, c := range []struct {
		info string
		mode Mode
		want string
	}{
		{info("6.0.16", "standalone", "0"), Standalone, "6.0.16, too old: it takes 6.2"},
		{info("6.2.0", "standalone", "0"), Standalone, ""},
		{info("7.2.4", "standalone", "0"), Sentinel, ""},
		{info("255.255.255", "standalone", "0"), Standalone, ""},
		{info("6.2.14", "cluster", "1"), Cluster, "takes 7.0 or newer as a Cluster"},
		{info("7.0.15", "cluster", "1"), Cluster, ""},
		{info("5.0.3", "cluster", "1"), Standalone, "redis.mode = cluster"},
	} {
		err := checkServer(c.info, Options{Mode: c.mode})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}

func TestOpenWarns(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
	var log journal
	opened(t, Options{Addresses: []string{server.Addr}, Replicas: 1, Log: log.log()})
	if log.count("set it to noeviction") != 1 || log.count("fewer replicas") != 1 {
		t.Errorf("logged %s", log.lines)
	}
	server = redistest.Start(t, "--maxmemory", "100mb", "--maxmemory-policy", "noeviction")
	log = journal{}
	opened(t, Options{Addresses: []string{server.Addr}, Log: log.log()})
	if len(log.lines) != 0 {
		t.Errorf("logged %s", log.lines)
	}
}

// TestFailures has a server refuse a change for each reason.
func TestFailures(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--busy-reply-threshold", "50")
	n := opened(t, Options{Addresses: []string{server.Addr}, Timeout: 300 * time.Millisecond})
	fails := func(s *script, words ...string) {
		t.Helper()
		_, err := n.eval(context.Background(), n.ledger, s)
		if !errors.Is(err, backplane.ErrUnavailable) {
			t.Errorf("got %v", err)
			return
		}
		for _, word := range words {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("got %q, want %q", err, word)
			}
		}
	}
	command(t, server.Addr, "set", "mesh:list", "x")
	fails(textScript(`return redis.call('RPUSH', KEYS[1] .. 'list', 'x')`), "another program", `"mesh:"`, "WRONGTYPE")
	command(t, server.Addr, "config", "set", "maxmemory", "1")
	fails(count, "maxmemory", "OOM")
	command(t, server.Addr, "config", "set", "maxmemory", "0")
	command(t, server.Addr, "config", "set", "min-replicas-to-write", "1")
	fails(count, "min-replicas-to-write")
	command(t, server.Addr, "config", "set", "min-replicas-to-write", "0")
	must[reply](t)(n.eval(context.Background(), n.ledger, count))

	loop := goredis.NewClient(&goredis.Options{Addr: server.Addr, ReadTimeout: patience, MaxRetries: -1, Protocol: 2})
	defer func() { _ = loop.Close() }()
	killed := make(chan error, 1)
	go func() { killed <- loop.Eval(context.Background(), "while true do end", nil).Err() }()
	eventually(t, "it is busy", func() bool {
		_, err := n.eval(context.Background(), n.ledger, count)
		return err != nil && strings.Contains(err.Error(), "SCRIPT KILL")
	})
	command(t, server.Addr, "script", "kill")
	if err := <-killed; err == nil {
		t.Error("it ended")
	}
	eventually(t, "it works again", func() bool {
		_, err := n.eval(context.Background(), n.ledger, count)
		return err == nil && n.Reachable() == nil
	})
}

// TestCode reads the errors of servers before 7.0 as well.
func TestCode(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"WRONGTYPE Operation against a key": "WRONGTYPE",
		"ERR Error running script (call to f_0123): @user_script: 9: WRONGTYPE Operation against a key": "WRONGTYPE",
		"ERR Error running script (call to f_0123): @user_script: 9: -READONLY You can't write":         "READONLY",
		"ERR Error running script (call to f_0123): @user_script: 9: user_script:9: x":                  "ERR",
		"ERR invalid password": "WRONGPASS",
	} {
		if got := code(serverError(text)); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// TestKilled has a script of the node's own killed.
func TestKilled(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--busy-reply-threshold", "50")
	n := opened(t, Options{Addresses: []string{server.Addr}, Timeout: patience})
	ended := make(chan error, 1)
	go func() {
		_, err := n.eval(context.Background(), n.ledger, textScript(`while true do end`))
		ended <- err
	}()
	killer := goredis.NewClient(&goredis.Options{Addr: server.Addr, Protocol: 2, MaxRetries: -1})
	defer func() { _ = killer.Close() }()
	eventually(t, "it is killed", func() bool { return killer.ScriptKill(context.Background()).Err() == nil })
	if err := <-ended; !errors.Is(err, backplane.ErrUnavailable) || !strings.Contains(err.Error(), "SCRIPT KILL") {
		t.Errorf("ended with %v", err)
	}
	must[reply](t)(n.eval(context.Background(), n.ledger, count))
}
