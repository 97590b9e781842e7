//go:build linux

package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Where Redis runs.
const (
	besideServers = "server"
	besideClients = "client"
)

// redisShape is one thing that is done by servers that share a Redis, and by one
// that does not.
type redisShape struct {
	What  string `json:"what"`
	Shape string `json:"shape"`

	kind  string                         // of generator
	apart bool                           // whether another node can be the one that publishes
	load  func(on sharing, b *bench) any // what the generator does
}

// fanTimes are how long a fan-out, and clients that come and go, are measured.
func (b *bench) fanTimes() (warm, duration time.Duration) { return b.duration / 5, b.duration / 2 }

// What is done.
const (
	redisPlain  = "channel"
	redisKept   = "channel that keeps 100"
	redisRecord = "record of 128 B, full"
	redisWrites = "writes of 200 B"
	redisLives  = "connect, disconnect"
	redisRooms  = "connect, join, leave, disconnect"
)

// redisShapes are all of them.
func redisShapes() (all []redisShape) {
	for _, s := range fanShapes[:4] {
		all = append(all, fanOnRedis(redisPlain, scriptChannel, s), fanOnRedis(redisKept, scriptKept, s))
	}
	for _, s := range peerShapes {
		all = append(all, recordOnRedis(s))
	}
	for _, s := range writeShapes {
		all = append(all, writesOnRedis(s))
	}
	return append(all, churnOnRedis(redisLives, ""), churnOnRedis(redisRooms, presenceRoom))
}

func fanOnRedis(what, script string, s fanShape) redisShape {
	return redisShape{What: what, Shape: s.String(), kind: generatorFan, apart: true, load: func(on sharing, b *bench) any {
		warm, duration := b.fanTimes()
		return fanLoad{
			Address: on.to.address, From: on.from.address, served: on.served, Script: script,
			Listeners: s.Listeners, InFlight: s.InFlight, Warm: warm, Duration: duration,
		}
	}}
}

func recordOnRedis(s recordShape) redisShape {
	return redisShape{
		What: redisRecord, Shape: fmt.Sprintf("%d × %d", s.Full, s.InFlight), kind: generatorRecord, apart: true,
		load: func(on sharing, b *bench) any {
			warm, duration := b.fanTimes()
			return recordLoad{
				fanLoad: fanLoad{
					Address: on.to.address, From: on.from.address, served: on.served,
					Listeners: s.Full, InFlight: s.InFlight, Warm: warm, Duration: duration,
				},
				Size: s.Size,
			}
		},
	}
}

func writesOnRedis(s writeShape) redisShape {
	return redisShape{What: redisWrites, Shape: s.String(), kind: generatorWrite, load: func(on sharing, b *bench) any {
		warm, duration := b.fanTimes()
		return writeLoad{
			Address: on.to.address, served: on.served, Clients: s.Clients, Records: s.Records, Size: s.Size,
			Warm: warm, Duration: duration,
		}
	}}
}

func churnOnRedis(what, room string) redisShape {
	return redisShape{What: what, Shape: fmt.Sprintf("%d at a time", churnClients), kind: generatorChurn, load: func(on sharing, b *bench) any {
		warm, duration := b.fanTimes()
		return churnLoad{
			Address: on.to.address, served: on.served, Assigned: true, Room: room, Clients: churnClients,
			Warm: warm, Duration: duration,
		}
	}}
}

// redisCase is what was done in one shape, a sample per round.
type redisCase struct {
	redisShape
	Server  string   `json:"server"`
	Samples []sample `json:"samples"`

	on sharing
}

// redisReport is all that was measured with Redis.
type redisReport struct {
	Core  string       `json:"core"` // where Redis ran
	Cases []*redisCase `json:"cases"`
}

// redis measures mesh-host with Redis beside mesh-host without.
func (b *bench) redis(ctx context.Context) (*redisReport, error) {
	r := &redisReport{Core: b.redisCore}
	for i, s := range redisShapes() {
		group, err := b.redisGroup(ctx, fmt.Sprintf("redis-%02d-", i), s)
		if err != nil {
			return nil, fmt.Errorf("%s, %s: %w", s.What, s.Shape, err)
		}
		r.Cases = append(r.Cases, group...)
	}
	return r, nil
}

// redisGroup measures one shape, in rounds.
func (b *bench) redisGroup(ctx context.Context, profile string, s redisShape) (group []*redisCase, err error) {
	all, stop, err := b.startSharing(ctx, profile)
	if err != nil {
		return nil, err
	}
	defer stop()
	for _, on := range all {
		if on.from == on.to || s.apart {
			group = append(group, &redisCase{redisShape: s, Server: on.name, on: on})
		}
	}
	warm, duration := b.fanTimes()
	for round := range b.rounds {
		for i := range group {
			c := group[(i+round)%len(group)] // the order turns
			found, err := measure(ctx, b.clientCore, s.kind, s.load(c.on, b), warm+duration)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.Server, err)
			}
			c.Samples = append(c.Samples, found)
			b.progress("round %d/%d, %s, %s, %s: %.0f/s, p99 %s", len(c.Samples), b.rounds, s.What, s.Shape, c.Server,
				found.Rate, found.P99.Round(time.Microsecond))
		}
	}
	return group, nil
}

// find returns a case, nil where there is none.
func (r *redisReport) find(what, shape, server string) *redisCase {
	if r == nil {
		return nil
	}
	i := slices.IndexFunc(r.Cases, func(c *redisCase) bool {
		return c.What == what && c.Shape == shape && c.Server == server
	})
	if i < 0 {
		return nil
	}
	return r.Cases[i]
}

// redisRate returns how much was done in a second in a shape, 0 where it was not
// measured.
func (r *report) redisRate(what, shape, server string) float64 {
	if c := r.Redis.find(what, shape, server); c != nil {
		return medianOf(c.Samples, rate)
	}
	return 0
}

func (r *report) redisTable() string {
	if r.Redis == nil {
		return ""
	}
	rows := [][]string{{"what", "of whom", "server", "/s", "p50", "p99", "CPU each", "of it Redis", "generator busy", "to memory"}}
	for _, c := range r.Redis.Cases {
		toMemory := 0.0
		if m := r.Redis.find(c.What, c.Shape, alone); m != nil {
			toMemory = ratioOf(c.Samples, m.Samples)
		}
		redis := "–"
		if c.Server != alone {
			redis = short(medianOf(c.Samples, redisCPU))
		}
		rows = append(rows, []string{
			c.What, c.Shape, c.Server,
			thousands(medianOf(c.Samples, rate)),
			short(medianOf(c.Samples, p50)),
			short(medianOf(c.Samples, p99)),
			short(medianOf(c.Samples, serverCPU)), redis,
			fmt.Sprintf("%.0f%%", 100*medianOf(c.Samples, busy)),
			fraction(toMemory),
		})
	}
	return fmt.Sprintf("Redis is on the core of the %ss.\n\n%s", r.Redis.Core, markdown(rows))
}
