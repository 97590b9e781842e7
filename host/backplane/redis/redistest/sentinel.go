package redistest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"
)

// MasterName is what the Sentinels call a SentinelSet.
const MasterName = "mesh"

// SentinelSet is a master and two replicas, watched by three Sentinels that
// agree by two of them. They miss a master after a second.
type SentinelSet struct {
	// Servers are the master, as long as nothing happened, and the replicas.
	Servers []*Server
	// Sentinels are those that watch them.
	Sentinels []*Server

	killed []*Server
}

// StartSentinel starts a set, with further arguments for its servers. It returns
// when the replicas have the master's data and the Sentinels know each other.
func StartSentinel(tb testing.TB, args ...string) *SentinelSet {
	tb.Helper()
	args = append([]string{"--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"}, args...)
	set := &SentinelSet{Servers: []*Server{Start(tb, args...)}}
	host, port := set.Servers[0].hostPort()
	for range 2 {
		set.Servers = append(set.Servers, Start(tb, append(args, "--replicaof", host, port)...))
	}
	until(tb, "the replicas", set.all(), func(ctx context.Context) error {
		return set.Servers[0].replicated(ctx, 2)
	})
	for range 3 {
		set.Sentinels = append(set.Sentinels, startSentinel(tb, host, port))
	}
	until(tb, "the Sentinels", set.all(), set.settled)
	return set
}

// startSentinel starts a Sentinel, which keeps what it knows in its
// configuration.
func startSentinel(tb testing.TB, host, port string) *Server {
	tb.Helper()
	dir := tb.TempDir()
	s, err := launch(dir, func(own int) ([]string, error) {
		file := filepath.Join(dir, "sentinel.conf")
		text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\n", own, dir) +
			fmt.Sprintf("sentinel monitor %s %s %s 2\n", MasterName, host, port) +
			fmt.Sprintf("sentinel down-after-milliseconds %s 1000\n", MasterName) +
			fmt.Sprintf("sentinel failover-timeout %s 5000\n", MasterName) +
			fmt.Sprintf("sentinel parallel-syncs %s 2\n", MasterName)
		return []string{file, "--sentinel"}, os.WriteFile(file, []byte(text), 0o600)
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Kill)
	return s
}

// Addrs are the addresses of the Sentinels.
func (set *SentinelSet) Addrs() []string { return addrs(set.Sentinels) }

// Master returns the server that the Sentinels say is the master.
func (set *SentinelSet) Master(tb testing.TB) (master *Server) {
	tb.Helper()
	until(tb, "the Sentinels to name a master", set.all(), func(ctx context.Context) (err error) {
		master, err = set.master(ctx, set.Sentinels[0])
		return err
	})
	return master
}

// KillMaster ends the master as kill -9 does and returns it. Its Restart makes
// it a replica in the end.
func (set *SentinelSet) KillMaster(tb testing.TB) *Server {
	tb.Helper()
	master := set.Master(tb)
	set.miss(tb, "1000")
	master.Kill()
	set.killed = append(set.killed, master)
	return master
}

// WaitFailover waits until another server than the one that was killed last is
// the master, to all Sentinels and to itself, and the other replica, if it runs,
// has its data.
func (set *SentinelSet) WaitFailover(tb testing.TB) {
	tb.Helper()
	until(tb, "the failover", set.all(), func(ctx context.Context) error {
		for _, s := range set.Sentinels {
			master, err := set.master(ctx, s)
			if err != nil {
				return err
			}
			if len(set.killed) > 0 && master == set.killed[len(set.killed)-1] {
				return fmt.Errorf("%s still names %s", s.Addr, master.Addr)
			}
			replicas := -1
			for _, server := range set.Servers {
				if server.runs() {
					replicas++
				}
			}
			if err := master.replicated(ctx, replicas); err != nil {
				return err
			}
		}
		return nil
	})
}

// Steady has the Sentinels miss a master only after a minute, until the next one is
// killed, so that a machine which is busy for a while is no reason for a failover.
func (set *SentinelSet) Steady(tb testing.TB) {
	tb.Helper()
	set.miss(tb, "60000")
}

// miss sets after how many milliseconds the Sentinels miss a master.
func (set *SentinelSet) miss(tb testing.TB, after string) {
	tb.Helper()
	for _, s := range set.Sentinels {
		err := s.with(func(client *goredis.Client) error {
			return client.Do(context.Background(), "sentinel", "set", MasterName, "down-after-milliseconds", after).Err()
		})
		if err != nil {
			tb.Fatalf("redistest: %s: %v", s.Addr, err)
		}
	}
}

// CutReplicas cuts all replicas off and pauses them: what the master is told from
// then on they do not have. Resume them once the master is killed, within a few
// seconds.
func (set *SentinelSet) CutReplicas(tb testing.TB) (replicas []*Server) {
	tb.Helper()
	master := set.Master(tb)
	for _, s := range set.Servers {
		if s != master && s.runs() {
			s.Pause(tb)
			replicas = append(replicas, s)
		}
	}
	master.dropReplicas(tb)
	return replicas
}

func (set *SentinelSet) all() []*Server {
	return append(append([]*Server{}, set.Servers...), set.Sentinels...)
}

// settled reports whether every Sentinel sees the others and the replicas.
func (set *SentinelSet) settled(ctx context.Context) error {
	for _, s := range set.Sentinels {
		about, err := s.sentinelMaster(ctx)
		if err != nil {
			return err
		}
		if about["num-other-sentinels"] != "2" || about["num-slaves"] != "2" || about["flags"] != "master" {
			return fmt.Errorf("%s sees %s other Sentinels and %s replicas of a %s",
				s.Addr, about["num-other-sentinels"], about["num-slaves"], about["flags"])
		}
	}
	return nil
}

// master is the server that a Sentinel names.
func (set *SentinelSet) master(ctx context.Context, sentinel *Server) (*Server, error) {
	about, err := sentinel.sentinelMaster(ctx)
	if err != nil {
		return nil, err
	}
	addr := about["ip"] + ":" + about["port"]
	for _, s := range set.Servers {
		if s.Addr == addr {
			return s, nil
		}
	}
	return nil, fmt.Errorf("%s names %s, which is none of them", sentinel.Addr, addr)
}

func (s *Server) sentinelMaster(ctx context.Context) (map[string]string, error) {
	client := goredis.NewSentinelClient(&goredis.Options{Addr: s.Addr, MaxRetries: -1})
	defer func() { _ = client.Close() }()
	return client.Master(ctx, MasterName).Result()
}

// replicated reports whether the server is a master with so many replicas that
// have what it has.
func (s *Server) replicated(ctx context.Context, replicas int) error {
	var info string
	err := s.with(func(client *goredis.Client) (err error) {
		info, err = client.Info(ctx, "replication").Result()
		return err
	})
	if err != nil {
		return err
	}
	if role := infoField(info, "role"); role != "master" {
		return fmt.Errorf("%s is a %s", s.Addr, role)
	}
	online := 0
	for i := range replicas {
		about := infoField(info, "slave"+strconv.Itoa(i))
		if strings.Contains(about, "state=online") {
			online++
		}
	}
	if online < replicas {
		return fmt.Errorf("%s has %d replicas of %d", s.Addr, online, replicas)
	}
	return nil
}

// dropReplicas ends the connections of a master's replicas.
func (s *Server) dropReplicas(tb testing.TB) {
	tb.Helper()
	err := s.with(func(client *goredis.Client) error {
		return client.Do(context.Background(), "client", "kill", "type", "replica").Err()
	})
	if err != nil {
		tb.Fatalf("redistest: %s: %v", s.Addr, err)
	}
}
