//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/redis"
)

// capacityLoad is one measurement of what a Redis carries, asked by the package
// that mesh-host asks it with, without clients and connections in between.
type capacityLoad struct {
	served
	Address string `json:"address"`
	Cluster bool   `json:"cluster"`
	// What is the name of an operation of capacityOperations.
	What    string `json:"what"`
	Callers int    `json:"callers"` // of which each waits for the answer
	// Hearers are connections that subscribe to every channel.
	Hearers  int           `json:"hearers,omitempty"`
	Duration time.Duration `json:"duration"` // 0: until there are Fill of them
	Warm     time.Duration `json:"warm"`
	Fill     int           `json:"fill,omitempty"`
}

// operation is something that a node does to Redis. Its i is another one each
// time; prepare is called for each caller before.
type operation struct {
	prepare, do func(ctx context.Context, n *redis.Node, w *writing, i int) error
}

// writing is what a caller knows of its record, and of its connection.
type writing struct {
	caller int
	writes []backplane.RecordWrite
}

// The shapes of what is written.
const (
	capacityChannels = 100
	capacityMembers  = 100 // of a room that is filled
	capacityHistory  = 100 // messages that a filled channel keeps
	capacityRecord   = 200 // bytes
	capacityPatch    = 60
)

var capacityOperations = map[string]operation{
	"publish": {do: func(ctx context.Context, n *redis.Node, _ *writing, i int) error {
		_, err := n.Channels().Publish(ctx, capacityChannel(i%capacityChannels), []byte(payload()), backplane.Keep{})
		return err
	}},
	"publish, kept": {do: func(ctx context.Context, n *redis.Node, _ *writing, i int) error {
		_, err := n.Channels().Publish(ctx, capacityChannel(i%capacityChannels), []byte(payload()), backplane.Keep{Count: capacityHistory})
		return err
	}},
	"record": {do: func(ctx context.Context, n *redis.Node, w *writing, _ int) error {
		return w.commit(ctx, n, "item:"+strconv.Itoa(w.caller))
	}},
	"join, leave": {prepare: connectOne, do: func(ctx context.Context, n *redis.Node, w *writing, _ int) error {
		room, id := "room"+strconv.Itoa(w.caller%10), strconv.Itoa(w.caller)
		if _, err := n.Rooms().Join(ctx, room, id, true); err != nil {
			return err
		}
		_, err := n.Rooms().Leave(ctx, room, id, "")
		return err
	}},
	"connect, disconnect": {do: func(ctx context.Context, n *redis.Node, _ *writing, i int) error {
		id := capacityID(i)
		if err := n.Connections().Add(ctx, backplane.Connection{ID: id, User: id, ConnectedAt: time.Now()}); err != nil {
			return err
		}
		_, _, err := n.Connections().Remove(ctx, id, "")
		return err
	}},
	"connection": {do: func(ctx context.Context, n *redis.Node, _ *writing, i int) error {
		return n.Connections().Add(ctx, backplane.Connection{ID: capacityID(i), ConnectedAt: time.Now()})
	}},
	"connection of a user": {do: func(ctx context.Context, n *redis.Node, _ *writing, i int) error {
		return n.Connections().Add(ctx, backplane.Connection{ID: capacityID(i), User: "user:" + capacityID(i), ConnectedAt: time.Now()})
	}},
	"connection in a tracked room": {do: func(ctx context.Context, n *redis.Node, _ *writing, i int) error {
		if err := n.Connections().Add(ctx, backplane.Connection{ID: capacityID(i), ConnectedAt: time.Now()}); err != nil {
			return err
		}
		_, err := n.Rooms().Join(ctx, "room:"+strconv.Itoa(i/capacityMembers), capacityID(i), true)
		return err
	}},
	"record of 200 B": {do: func(ctx context.Context, n *redis.Node, _ *writing, i int) error {
		w := new(writing)
		return w.commit(ctx, n, "item:"+strconv.Itoa(i))
	}},
	"kept message": {do: func(ctx context.Context, n *redis.Node, _ *writing, i int) error {
		_, err := n.Channels().Publish(ctx, capacityChannel(i/capacityHistory), []byte(payload()), backplane.Keep{Count: capacityHistory})
		return err
	}},
}

func capacityChannel(i int) string { return "c" + strconv.Itoa(i) }

// capacityID is as long as those of mesh-host.
func capacityID(i int) string { return fmt.Sprintf("%026d", i) }

func connectOne(ctx context.Context, n *redis.Node, w *writing, _ int) error {
	return n.Connections().Add(ctx, backplane.Connection{ID: strconv.Itoa(w.caller), ConnectedAt: time.Now()})
}

// commit writes the next version of a record, of which nobody else writes.
func (w *writing) commit(ctx context.Context, n *redis.Node, id string) error {
	if w.writes == nil {
		w.writes = []backplane.RecordWrite{{
			ID: id, Value: make([]byte, capacityRecord), Patch: make([]byte, capacityPatch),
			Tombstone: time.Hour, Log: 64, LogSize: 4 << 10,
		}}
		// What another run has left is written on.
		known, err := n.Records().Get(ctx, id)
		if err != nil {
			return err
		}
		w.writes[0].Expect = known.Version
	}
	versions, _, err := n.Records().Commit(ctx, w.writes, 1<<40)
	if err == nil && versions == nil {
		err = fmt.Errorf("another has written %s", id)
	}
	if err == nil {
		w.writes[0].Expect = versions[0]
	}
	return err
}

// indifferent is a Receiver that nothing matters to.
type indifferent struct{}

func (indifferent) Message(string, backplane.Message)                      {}
func (indifferent) Presence(backplane.PresenceEvent)                       {}
func (indifferent) Member(_, _ string, _ bool, _ string)                   {}
func (indifferent) Metadata(string, []byte)                                {}
func (indifferent) Record(backplane.RecordChange)                          {}
func (indifferent) Wrote(backplane.RecordChange)                           {}
func (indifferent) Lost(backplane.Topic)                                   {}
func (indifferent) Instruct(backplane.Audience, backplane.Instruction) int { return 0 }

// run makes the measurement on this process's core: Rate is operations a second.
func (l capacityLoad) run() (s sample, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	options := redis.Options{Addresses: []string{l.Address}, Timeout: 30 * time.Second}
	if l.Cluster {
		options.Mode = redis.Cluster
	}
	n, err := redis.Open(ctx, "", options)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	n.Attach(indifferent{})
	if l.Fill == 0 { // one that fills leaves its work behind, and has a lease for a while
		var running sync.WaitGroup
		running.Go(func() { n.Run(ctx) })
		defer running.Wait()
		defer cancel()
	}
	stop, err := l.hear()
	if err != nil {
		return s, err
	}
	defer stop()
	return l.measure(ctx, n)
}

// hear has others subscribe to every channel, and hear what comes.
func (l capacityLoad) hear() (stop func(), err error) {
	var conns []net.Conn
	var hearing sync.WaitGroup
	stop = func() {
		for _, c := range conns {
			_ = c.Close()
		}
		hearing.Wait()
	}
	var command strings.Builder
	command.WriteString("SUBSCRIBE")
	for i := range capacityChannels {
		command.WriteString(" " + redis.DefaultPrefix + "channel:" + capacityChannel(i))
	}
	command.WriteString("\r\n")
	for range l.Hearers {
		c, err := net.Dial("tcp", l.Address)
		if err != nil {
			stop()
			return nil, err
		}
		conns = append(conns, c)
		if _, err := io.WriteString(c, command.String()); err != nil {
			stop()
			return nil, err
		}
		if _, err := bufio.NewReader(c).ReadString('\n'); err != nil {
			stop()
			return nil, err
		}
		hearing.Go(func() { _, _ = io.CopyBuffer(io.Discard, struct{ io.Reader }{c}, make([]byte, 1<<20)) })
	}
	return stop, nil
}

// measure runs the operation.
func (l capacityLoad) measure(ctx context.Context, n *redis.Node) (s sample, err error) {
	op, ok := capacityOperations[l.What]
	if !ok {
		return s, fmt.Errorf("unknown operation %q", l.What)
	}
	c := &callers{load: l, op: op, node: n, all: make([]writing, l.Callers)}
	for i := range c.all {
		c.all[i].caller = i
		if op.prepare != nil {
			if err := op.prepare(ctx, n, &c.all[i], i); err != nil {
				return s, err
			}
		}
	}
	if l.Fill == 0 {
		if _, err := c.run(ctx, l.Warm); err != nil {
			return s, err
		}
	}
	done := c.done
	c.latencies.reset()
	m := startMeter(l.served)
	took, err := c.run(ctx, l.Duration)
	if err != nil {
		return s, err
	}
	return m.sample(c.done-done, took, &c.latencies), nil
}

// callers do something all the time.
type callers struct {
	load capacityLoad
	op   operation
	node *redis.Node
	all  []writing

	mu        sync.Mutex
	next      int
	done      int
	latencies histogram
}

// run has all callers work for a time, or until all is filled.
func (c *callers) run(ctx context.Context, d time.Duration) (took time.Duration, err error) {
	start := time.Now()
	errs := make(chan error, len(c.all))
	for i := range c.all {
		go func() { errs <- c.call(ctx, &c.all[i], start.Add(d)) }()
	}
	for range c.all {
		err = errors.Join(err, <-errs)
	}
	return time.Since(start), err
}

func (c *callers) call(ctx context.Context, w *writing, until time.Time) error {
	for now := time.Now(); c.load.Fill > 0 || now.Before(until); {
		c.mu.Lock()
		i := c.next
		c.next++
		c.mu.Unlock()
		if c.load.Fill > 0 && i >= c.load.Fill {
			return nil
		}
		if err := c.op.do(ctx, c.node, w, i); err != nil {
			return err
		}
		then := time.Now()
		c.mu.Lock()
		c.done++
		c.latencies.add(then.Sub(now))
		c.mu.Unlock()
		now = then
	}
	return nil
}
