//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// capacityCase is what one Redis did of one thing, a sample per round, or held
// of it.
type capacityCase struct {
	What    string   `json:"what"`
	Server  string   `json:"server"`
	Callers int      `json:"callers,omitempty"`
	Hearers int      `json:"hearers,omitempty"`
	Samples []sample `json:"samples,omitempty"`
	// Held is how many bytes each of so many takes in Redis, with nothing else
	// there but what it needs.
	Held float64 `json:"held,omitempty"`
	Of   int     `json:"of,omitempty"`
}

// The servers.
const (
	singleRedis  = "one Redis"
	clusterRedis = "one shard of a Cluster"
)

// capacities are what is done, by 256 callers at once: as many share a round
// trip.
var capacities = []capacityCase{
	{What: "publish", Callers: 256},
	{What: "publish", Callers: 256, Hearers: 10},
	{What: "publish", Callers: 256, Hearers: 100},
	{What: "publish, kept", Callers: 256},
	{What: "record", Callers: 256},
	{What: "join, leave", Callers: 256},
	{What: "connect, disconnect", Callers: 256},
	{What: "publish", Callers: 1},
}

// fills are what Redis is filled with.
var fills = []string{"connection", "connection of a user", "connection in a tracked room", "record of 200 B", "kept message"}

// capacityFill is how many of each.
const capacityFill = 100_000

// capacity measures what one Redis carries and holds, on the server's core, and
// what one that is the only master of a Cluster does: so the work of a shard is
// measured without that of others beside it.
func (b *bench) capacity(ctx context.Context) (all []*capacityCase, err error) {
	for _, name := range []string{singleRedis, clusterRedis} {
		some, err := b.carried(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("what %s carries: %w", name, err)
		}
		all = append(all, some...)
	}
	for _, f := range fills {
		c, err := b.held(ctx, f)
		if err != nil {
			return nil, fmt.Errorf("what a %s takes in Redis: %w", f, err)
		}
		all = append(all, c)
	}
	return all, nil
}

// startShard starts a Redis, as the one master of a Cluster if it is to be one.
func (b *bench) startShard(ctx context.Context, cluster bool) (*server, error) {
	if !cluster {
		return b.startRedis(ctx, b.serverCore)
	}
	s, err := b.startRedis(ctx, b.serverCore, "--cluster-enabled", "yes")
	if err != nil {
		return nil, err
	}
	if err = s.tell("CLUSTER ADDSLOTSRANGE 0 16383"); err == nil {
		err = s.serving(10 * time.Second)
	}
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// serving waits until a Cluster takes commands.
func (s *server) serving(patience time.Duration) (err error) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for until := time.Now().Add(patience); time.Now().Before(until); <-tick.C {
		if err = s.tell("DEL check"); err == nil {
			return nil
		}
	}
	return err
}

// carried measures all operations on one server, in rounds.
func (b *bench) carried(ctx context.Context, name string) (all []*capacityCase, err error) {
	to, err := b.startShard(ctx, name == clusterRedis)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, to.stop()) }()
	for _, c := range capacities {
		c.Server = name
		if name == clusterRedis && c.Hearers > 0 {
			continue // they would need as many commands as there are channels
		}
		all = append(all, &c)
	}
	warm, duration := b.fanTimes()
	for round := range b.rounds {
		for i := range all {
			c := all[(i+round)%len(all)]
			found, err := measure(ctx, b.clientCore, generatorCapacity, capacityLoad{
				served: served{Redis: to.pid()}, Address: to.address, Cluster: name == clusterRedis,
				What: c.What, Callers: c.Callers, Hearers: c.Hearers, Warm: warm, Duration: duration,
			}, warm+duration)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.What, err)
			}
			c.Samples = append(c.Samples, found)
			b.progress("round %d/%d, %s of %d, %s: %.0f/s, %s each", len(c.Samples), b.rounds, c.What, c.Callers, name,
				found.Rate, found.Redis)
		}
	}
	return all, nil
}

// held measures what something takes in a Redis with nothing else.
func (b *bench) held(ctx context.Context, what string) (c *capacityCase, err error) {
	to, err := b.startShard(ctx, false)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, to.stop()) }()
	before, err := to.usedMemory()
	if err != nil {
		return nil, err
	}
	if _, err := measure(ctx, b.clientCore, generatorCapacity, capacityLoad{
		served: served{Redis: to.pid()}, Address: to.address, What: what, Callers: 64, Fill: capacityFill,
	}, time.Minute); err != nil {
		return nil, err
	}
	after, err := to.usedMemory()
	if err != nil {
		return nil, err
	}
	c = &capacityCase{What: what, Server: singleRedis, Held: float64(after-before) / capacityFill, Of: capacityFill}
	b.progress("%s: %.0f bytes each of %d", what, c.Held, c.Of)
	return c, nil
}

// usedMemory is what a Redis has allocated, in bytes.
func (s *server) usedMemory() (bytes int64, err error) {
	conn, err := s.ask("INFO memory")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		if digits, ok := strings.CutPrefix(lines.Text(), "used_memory:"); ok {
			return strconv.ParseInt(digits, 10, 64)
		}
	}
	return 0, errors.New("INFO memory has no used_memory")
}

func (r *report) capacityTable() string {
	if len(r.Capacity) == 0 {
		return ""
	}
	rows := [][]string{{"what", "callers", "hearers", "server", "/s", "p50", "p99", "Redis CPU each", "generator busy", "a core of Redis alone, /s"}}
	sizes := [][]string{{"what", "how many", "bytes each in Redis"}}
	for _, c := range r.Capacity {
		if c.Held > 0 {
			sizes = append(sizes, []string{c.What, thousands(float64(c.Of)), thousands(c.Held)})
			continue
		}
		each := medianOf(c.Samples, redisCPU)
		rows = append(rows, []string{
			c.What, fmt.Sprint(c.Callers), fmt.Sprint(c.Hearers), c.Server,
			thousands(medianOf(c.Samples, rate)),
			short(medianOf(c.Samples, p50)),
			short(medianOf(c.Samples, p99)), short(each),
			fmt.Sprintf("%.0f%%", 100*medianOf(c.Samples, busy)),
			thousands(1 / max(each.Seconds(), 1e-9)),
		})
	}
	return markdown(rows) + "\n" + markdown(sizes)
}
