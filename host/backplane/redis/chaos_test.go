package redis_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/redis"
	"github.com/mesh-host/mesh-host/host/backplane/redis/redistest"
)

func at(s *redistest.Server) redis.Options { return redis.Options{Addresses: []string{s.Addr}} }

// do has a server do something that it must be able to.
func (s *chaos) do(client *goredis.Client, args ...any) {
	s.Helper()
	if err := client.Do(context.Background(), args...).Err(); err != nil {
		s.Errorf("%v: %v", args, err)
	}
}

// wantOtherEpochs fails unless no epoch of a record or a stream outlives what
// happens.
func (s *chaos) wantOtherEpochs(happens func()) {
	s.Helper()
	// What is acknowledged when it has happened was perhaps done before: the final
	// epochs tell.
	before := s.epochs()
	happens()
	s.Cleanup(func() {
		for name, epoch := range s.finalEpochs() {
			if before[name+" "+epoch] {
				s.Errorf("%s is still in epoch %s", name, epoch)
			}
		}
	})
}

// finalEpochs are the epochs of what was acknowledged last.
func (s *chaos) finalEpochs() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	final := make(map[string]string)
	for _, of := range []map[string][]ack{s.records, s.channels} {
		for name, acks := range of {
			if last := acks[len(acks)-1]; last.epoch != "" { // none is empty
				final[name] = last.epoch
			}
		}
	}
	return final
}

// A server that writes to its disk before it answers loses nothing.
func TestChaosRestart(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	s := startChaos(t, at(server))
	for range 2 * chaosRounds(t) {
		s.pass(700 * time.Millisecond)
		s.wantOtherEpochs(func() {
			server.Kill()
			s.pass(200 * time.Millisecond)
			server.Restart(t)
		})
	}
	s.pass(time.Second)
	s.settle(promise{records: true, messages: true})
}

// Of three nodes one is cut off, and comes back.
func TestChaosCut(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr)
	s := startChaos(t, at(server), redis.Options{Addresses: []string{proxy.Addr}}, at(server))
	s.pass(500 * time.Millisecond)
	proxy.Cut()
	s.pass(min(time.Duration(chaosRounds(t))*2*time.Second, 20*time.Second))
	proxy.Restore(t)
	s.pass(time.Second)
	proxy.Refuse()
	s.pass(time.Second)
	proxy.Restore(t)
	s.pass(time.Second)
	s.settle(promise{records: true, messages: true})
	const most = 3 * time.Second // the timeout is half a second, and the machine busy
	if s.slowest > most {
		s.Errorf("a call took %v", s.slowest)
	}
}

// A server that stands still for a while is away to all nodes.
func TestChaosPause(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := startChaos(t, at(server))
	for range chaosRounds(t) {
		s.pass(500 * time.Millisecond)
		server.Pause(t)
		s.pass(1500 * time.Millisecond)
		server.Resume(t)
	}
	s.pass(500 * time.Millisecond)
	s.settle(promise{records: true, messages: true})
}

// Whoever flushes takes everything, and what follows says so.
func TestChaosFlush(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := server.Client(t)
	s := startChaos(t, at(server))
	for range 3 * chaosRounds(t) {
		s.pass(500 * time.Millisecond)
		s.wantOtherEpochs(func() { s.do(client, "flushall") })
	}
	s.pass(500 * time.Millisecond)
	s.settle(promise{})
}

// Scripts that are gone are sent again, and nobody notices.
func TestChaosScriptFlush(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := server.Client(t)
	options := at(server)
	options.Timeout = 10 * time.Second // nothing but a lost script may fail a call
	s := startChaos(t, options)
	for range 20 * chaosRounds(t) {
		s.pass(50 * time.Millisecond)
		s.do(client, "script", "flush")
	}
	s.settle(promise{records: true, messages: true})
	if s.unavailable > 0 {
		s.Errorf("%d calls failed", s.unavailable)
	}
}

// Another program's script that does not end keeps everyone away until it is
// killed.
func TestChaosScriptKill(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--lua-time-limit", "50")
	client := server.Client(t)
	s := startChaos(t, at(server))
	for range chaosRounds(t) {
		s.pass(300 * time.Millisecond)
		var endless sync.WaitGroup
		endless.Go(func() { _ = server.Client(t).Eval(context.Background(), "while true do end", nil).Err() })
		s.pass(700 * time.Millisecond)
		s.await("the script to be killed", func() bool {
			err := client.ScriptKill(context.Background()).Err()
			return err == nil || strings.HasPrefix(err.Error(), "NOTBUSY")
		})
		endless.Wait()
		s.pass(300 * time.Millisecond)
	}
	s.settle(promise{records: true, messages: true})
}

// Subscriptions that are cut off again and again miss nothing that is kept.
func TestChaosKillSubscriptions(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := server.Client(t)
	s := startChaos(t, at(server))
	for range 8 * chaosRounds(t) {
		s.pass(200 * time.Millisecond)
		s.do(client, "client", "kill", "type", "pubsub")
	}
	s.settle(promise{records: true, messages: true})
	for _, n := range s.nodes {
		for name, of := range n.channels {
			if of.missed && name != passing {
				s.Errorf("%s: %s was told lost, and all of it was kept", n.node.ID(), name)
			}
		}
	}
}

// Requests whose connections are cut were done or not, and only once.
func TestChaosKillRequests(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := server.Client(t)
	s := startChaos(t, at(server))
	for range 80 * chaosRounds(t) {
		s.pass(20 * time.Millisecond)
		s.do(client, "client", "kill", "type", "normal", "skipme", "yes")
	}
	s.settle(promise{records: true, messages: true})
}

// Who is connected where is known again after all was flushed.
func TestFlushIsFoundOut(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	options := at(server)
	options.Lease = 2 * time.Second
	s := &chaos{T: t, facts: newFacts(t)}
	one, other := s.follow((&cluster{t, options}).Node("one"), 0), s.follow((&cluster{t, options}).Node("other"), 2)
	ctx := t.Context()
	about := backplane.Connection{ID: "c", User: "u", ConnectedAt: time.Now(), Metadata: []byte("{}")}
	if err := one.node.Connections().Add(ctx, about); err != nil {
		t.Fatal(err)
	}
	if _, err := one.node.Rooms().Join(ctx, "r", "c", true); err != nil {
		t.Fatal(err)
	}
	s.do(server.Client(t), "flushall")
	s.await("the connection to be there again", func() bool {
		got, err := other.node.Connections().Get(ctx, "c")
		if err != nil && !errors.Is(err, backplane.ErrNotFound) {
			t.Fatal(err)
		}
		return err == nil && got.User == "u" && got.Node == "one" && string(got.Metadata) == "{}"
	})
	s.await("its room to be there again", func() bool {
		shot, err := other.node.Presence().Snapshot(ctx, "r")
		return err == nil && len(shot.Present) == 1 && shot.Present[0] == "c"
	})
}
