//go:build linux

package main

import (
	"strings"
	"testing"
	"time"
)

// Each thing that is done with Redis, for a moment, by one node and by two.
func TestRedisShapes(t *testing.T) {
	t.Parallel()
	b := &bench{folder: t.TempDir(), rounds: 1, duration: 20 * time.Millisecond, redisCore: besideServers}
	redis, err := b.startRedis(t.Context(), anyCore)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = redis.stop() }()
	one := hostRole{folder: t.TempDir(), metered: true, redis: redis.address, prefix: "two:"}
	on := sharing{to: &server{address: startHost(t, one)}, from: &server{address: startHost(t, one)}}
	for _, s := range redisShapes() {
		var found sample
		switch l := s.load(on, b).(type) {
		case fanLoad:
			found, err = l.run()
		case recordLoad:
			found, err = l.run()
		case writeLoad:
			found, err = l.run()
		case churnLoad:
			found, err = l.run()
		}
		if err != nil || found.Rate <= 0 {
			t.Errorf("%s, %s: %+v, %v", s.What, s.Shape, found, err)
		}
	}
}

// Every operation on a single Redis and on a Cluster of one master.
func TestCapacityOperations(t *testing.T) {
	t.Parallel()
	for _, cluster := range []bool{false, true} {
		b := &bench{folder: t.TempDir(), serverCore: anyCore}
		to, err := b.startShard(t.Context(), cluster)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = to.stop() }()
		for what := range capacityOperations {
			l := capacityLoad{Address: to.address, Cluster: cluster, What: what, Callers: 4, Fill: 20}
			found, err := l.run()
			if err != nil || found.Rate <= 0 {
				t.Errorf("%s: %+v, %v", what, found, err)
			}
			if err := to.tell("FLUSHALL"); err != nil {
				t.Fatal(err)
			}
		}
		if used, err := to.usedMemory(); err != nil || used <= 0 {
			t.Errorf("memory %d, %v", used, err)
		}
	}
}

func TestRedisTables(t *testing.T) {
	t.Parallel()
	at := func(r float64) []sample { return []sample{{Rate: r, Redis: 10 * time.Microsecond}} }
	shape := redisShape{What: redisPlain, Shape: fanShapes[0].String()}
	table := (&report{
		Redis: &redisReport{Core: besideServers, Cases: []*redisCase{
			{redisShape: shape, Server: alone, Samples: at(4e6)},
			{redisShape: shape, Server: oneNode, Samples: at(1e6)},
		}},
		Capacity: []*capacityCase{
			{What: "publish", Server: singleRedis, Callers: 256, Samples: at(90e3)},
			{What: "connection", Server: singleRedis, Held: 374, Of: 100_000},
		},
	}).table()
	for _, want := range []string{"0.25", "core of the servers", "100,000", "374", "1,000,000", "missed"} {
		if !strings.Contains(table, want) {
			t.Errorf("the table lacks %q:\n%s", want, table)
		}
	}
}
