package redistest

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"
)

// masters and slots are those of a Cluster.
const (
	masters = 3
	slots   = 1 << 14
)

// Cluster is a Redis Cluster of three masters with a replica each. They miss
// each other after a second and a half.
type Cluster struct {
	// Servers are three masters, which have a third of the slots each, and their
	// replicas in the same order, as long as nothing happened.
	Servers []*Server
}

// StartCluster starts a Cluster, with further arguments for its servers. It
// returns when all of them say that it is well.
func StartCluster(tb testing.TB, args ...string) *Cluster {
	tb.Helper()
	args = append([]string{
		"--cluster-enabled", "yes", "--cluster-node-timeout", "1500", "--cluster-replica-validity-factor", "0",
		"--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1",
	}, args...)
	c := &Cluster{}
	for range 2 * masters {
		c.Servers = append(c.Servers, Start(tb, args...))
	}
	if err := c.meet(context.Background()); err != nil {
		tb.Fatalf("redistest: making a Cluster: %v", err)
	}
	until(tb, "the nodes to know each other", c.Servers, c.acquainted)
	if err := c.follow(context.Background()); err != nil {
		tb.Fatalf("redistest: making a Cluster: %v", err)
	}
	c.WaitOK(tb)
	return c
}

// Addrs are the addresses of all servers.
func (c *Cluster) Addrs() []string { return addrs(c.Servers) }

// Master returns the server that has the i-th third of the slots.
func (c *Cluster) Master(tb testing.TB, i int) (master *Server) {
	tb.Helper()
	until(tb, "a master", c.Servers, func(ctx context.Context) (err error) {
		for _, s := range c.Servers {
			if s.runs() {
				master, err = c.owner(ctx, s, firstSlot(i))
				return err
			}
		}
		return fmt.Errorf("none runs")
	})
	return master
}

// KillMaster ends the server that has the i-th third of the slots, from 0, as
// kill -9 does and returns it. Its Restart makes it a replica in the end.
func (c *Cluster) KillMaster(tb testing.TB, i int) *Server {
	tb.Helper()
	master := c.Master(tb, i)
	master.Kill()
	return master
}

// WaitOK waits until all servers that run say that the Cluster is well, all slots
// belong to servers that run, and every replica that runs has its master's data.
func (c *Cluster) WaitOK(tb testing.TB) {
	tb.Helper()
	until(tb, "the Cluster to be well", c.Servers, func(ctx context.Context) error {
		for _, s := range c.Servers {
			if !s.runs() {
				continue
			}
			if err := c.well(ctx, s); err != nil {
				return err
			}
		}
		return nil
	})
}

// CutReplicas cuts off and pauses the replicas of the master that has the i-th
// third of the slots: what it is told from then on they do not have. Resume them
// once it is killed, within a few seconds.
func (c *Cluster) CutReplicas(tb testing.TB, i int) (replicas []*Server) {
	tb.Helper()
	master := c.Master(tb, i)
	client := master.client()
	defer func() { _ = client.Close() }()
	info, err := client.Info(context.Background(), "replication").Result()
	if err != nil {
		tb.Fatalf("redistest: %s: %v", master.Addr, err)
	}
	for _, s := range c.Servers {
		if _, port := s.hostPort(); s != master && s.runs() && strings.Contains(info, ",port="+port+",") {
			s.Pause(tb)
			replicas = append(replicas, s)
		}
	}
	master.dropReplicas(tb)
	return replicas
}

// ThirdOf is which third of the slots a slot is in, from 0.
func (c *Cluster) ThirdOf(slot int) int {
	i := masters - 1
	for slot < firstSlot(i) {
		i--
	}
	return i
}

// Steady has the servers miss each other only after a minute from now on, so that
// a machine which is busy for a while is no reason for another failover.
func (c *Cluster) Steady(tb testing.TB) {
	tb.Helper()
	for _, s := range c.Servers {
		if !s.runs() {
			continue
		}
		err := s.with(func(client *goredis.Client) error {
			return client.ConfigSet(context.Background(), "cluster-node-timeout", "60000").Err()
		})
		if err != nil {
			tb.Fatalf("redistest: %s: %v", s.Addr, err)
		}
	}
}

// meet gives the masters their slots and introduces all to the first.
func (c *Cluster) meet(ctx context.Context) error {
	for i, s := range c.Servers {
		err := s.with(func(client *goredis.Client) error {
			if i < masters {
				if err := client.ClusterAddSlotsRange(ctx, firstSlot(i), firstSlot(i+1)-1).Err(); err != nil {
					return err
				}
			}
			if err := client.Do(ctx, "cluster", "set-config-epoch", i+1).Err(); err != nil {
				return err
			}
			host, port := c.Servers[0].hostPort()
			if i == 0 {
				return nil
			}
			return client.ClusterMeet(ctx, host, port).Err()
		})
		if err != nil {
			return fmt.Errorf("%s: %w", s.Addr, err)
		}
	}
	return nil
}

// acquainted reports whether each server knows all others.
func (c *Cluster) acquainted(ctx context.Context) error {
	for _, s := range c.Servers {
		err := s.with(func(client *goredis.Client) error {
			nodes, err := client.ClusterNodes(ctx).Result()
			if err != nil {
				return err
			}
			for _, other := range c.Servers {
				if !strings.Contains(nodes, " "+other.Addr+"@") {
					return fmt.Errorf("%s does not know %s", s.Addr, other.Addr)
				}
			}
			if strings.Contains(nodes, "handshake") {
				return fmt.Errorf("%s shakes hands", s.Addr)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// follow makes the last servers replicas.
func (c *Cluster) follow(ctx context.Context) error {
	for i, s := range c.Servers[masters:] {
		var id string
		err := c.Servers[i].with(func(client *goredis.Client) (err error) {
			id, err = client.Do(ctx, "cluster", "myid").Text()
			return err
		})
		if err != nil {
			return err
		}
		err = s.with(func(client *goredis.Client) error { return client.ClusterReplicate(ctx, id).Err() })
		if err != nil {
			return fmt.Errorf("%s: %w", s.Addr, err)
		}
	}
	return nil
}

// well reports whether a server sees the Cluster well.
func (c *Cluster) well(ctx context.Context, s *Server) error {
	return s.with(func(client *goredis.Client) error {
		info, err := client.ClusterInfo(ctx).Result()
		if err != nil {
			return err
		}
		state, ok := infoField(info, "cluster_state"), infoField(info, "cluster_slots_ok")
		if state != "ok" || ok != fmt.Sprint(slots) {
			return fmt.Errorf("%s: state %s, %s slots are well", s.Addr, state, ok)
		}
		replication, err := client.Info(ctx, "replication").Result()
		if err != nil {
			return err
		}
		if infoField(replication, "role") == "slave" && infoField(replication, "master_link_status") != "up" {
			return fmt.Errorf("%s: its master is away", s.Addr)
		}
		for i := range masters {
			if _, err := c.owner(ctx, s, firstSlot(i)); err != nil {
				return err
			}
		}
		return c.replicas(ctx, s, client)
	})
}

// replicas reports whether a server knows the replicas that run as such: as many
// as there are servers beside the masters.
func (c *Cluster) replicas(ctx context.Context, s *Server, client *goredis.Client) error {
	nodes, err := client.ClusterNodes(ctx).Result()
	if err != nil {
		return err
	}
	for line := range strings.Lines(nodes) {
		for _, other := range c.Servers {
			if !other.runs() || !strings.Contains(line, " "+other.Addr+"@") {
				continue
			}
			if strings.Contains(line, "fail") || strings.Contains(line, " noaddr") {
				return fmt.Errorf("%s: %s", s.Addr, line)
			}
		}
	}
	if running, replicas := c.running(), strings.Count(nodes, "slave "); replicas < running-masters {
		return fmt.Errorf("%s knows %d replicas", s.Addr, replicas)
	}
	return nil
}

func (c *Cluster) running() (n int) {
	for _, s := range c.Servers {
		if s.runs() {
			n++
		}
	}
	return n
}

// owner is the server that runs and has a slot, as another one says.
func (c *Cluster) owner(ctx context.Context, teller *Server, slot int) (owner *Server, err error) {
	err = teller.with(func(client *goredis.Client) error {
		ranges, err := client.ClusterSlots(ctx).Result() //nolint:staticcheck // in Valkey and all of Redis; what follows it is younger
		if err != nil {
			return err
		}
		for _, r := range ranges {
			if slot < r.Start || slot > r.End || len(r.Nodes) == 0 {
				continue
			}
			for _, s := range c.Servers {
				if s.Addr == r.Nodes[0].Addr && s.runs() {
					owner = s
					return nil
				}
			}
			return fmt.Errorf("%s has slot %d and does not run, says %s", r.Nodes[0].Addr, slot, teller.Addr)
		}
		return fmt.Errorf("slot %d has no owner, says %s", slot, teller.Addr)
	})
	return owner, err
}

// firstSlot is where the i-th master's part of the slots begins.
func firstSlot(i int) int { return i * slots / masters }

// with has something done with a client of the server.
func (s *Server) with(do func(client *goredis.Client) error) error {
	client := s.client()
	defer func() { _ = client.Close() }()
	return do(client)
}

func (s *Server) hostPort() (host, port string) {
	host, port, _ = net.SplitHostPort(s.Addr)
	return host, port
}

func addrs(servers []*Server) (all []string) {
	for _, s := range servers {
		all = append(all, s.Addr)
	}
	return all
}
