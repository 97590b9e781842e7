//go:build linux

package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// fanShape is who hears how much at a time.
type fanShape struct {
	Listeners int           `json:"listeners"`
	InFlight  int           `json:"in_flight"`
	Every     time.Duration `json:"every,omitempty"` // between two messages; 0: as fast as it goes
	Together  bool          `json:"together,omitempty"`
}

func (s fanShape) String() string {
	name := fmt.Sprintf("%d × %d", s.Listeners, s.InFlight)
	if s.Every > 0 {
		name = fmt.Sprintf("%d, %.0f/s", s.Listeners, time.Second.Seconds()/s.Every.Seconds())
	}
	if s.Together {
		name += ", on one core"
	}
	return name
}

// slug begins the names of files about a shape.
func (s fanShape) slug() string {
	return strings.NewReplacer(" × ", "x", ", ", "-", "/", "-per-", " ", "-").Replace(s.String()) + "-"
}

// maxInFlight is more messages than a paced load ever has on their way.
const maxInFlight = 64

var fanShapes = []fanShape{
	{Listeners: 100, InFlight: 16},
	{Listeners: 1000, InFlight: 16},
	{Listeners: 100, InFlight: 1},
	{Listeners: 1000, InFlight: 1},
	{Listeners: 1000, InFlight: maxInFlight, Every: 20 * time.Millisecond},
	{Listeners: 1, InFlight: 1},
	{Listeners: 1, InFlight: 1, Together: true},
}

// fanContender is one way to fan out.
type fanContender struct{ name, role, script string }

// The contenders' names, which are the rows of the table.
const (
	floorFan    = "floor: bare gobwas, batched"
	channelFan  = "channel"
	keptFan     = "channel that keeps 100"
	presenceFan = "presence: joins and leaves"
)

var fanContenders = []fanContender{
	{floorFan, roleFanFloor, scriptFloor},
	{channelFan, roleBare, scriptChannel},
	{keptFan, roleBare, scriptKept},
	{presenceFan, roleBare, scriptPresence},
}

// in reports whether a contender is measured in a shape: the latency of one
// subscriber is not another's for another script.
func (c fanContender) in(s fanShape) bool {
	return s.Listeners > 1 && s.Every == 0 || c.script == scriptFloor || c.script == scriptChannel
}

// fanCase is what one contender did in one shape, a sample per round.
type fanCase struct {
	Contender string   `json:"contender"`
	Shape     fanShape `json:"shape"`
	Samples   []sample `json:"samples"`

	contender fanContender
}

// fans measures all fan-outs, shape by shape, so that servers begin each of
// them fresh.
func (b *bench) fans(ctx context.Context) (all []*fanCase, err error) {
	for _, s := range fanShapes {
		var group []*fanCase
		for _, c := range fanContenders {
			if c.in(s) {
				group = append(group, &fanCase{Contender: c.name, Shape: s, contender: c})
			}
		}
		if err := b.fanGroup(ctx, s.slug(), group); err != nil {
			return nil, err
		}
		all = append(all, group...)
	}
	return all, nil
}

// fanGroup measures the contenders of one shape, in rounds.
func (b *bench) fanGroup(ctx context.Context, profile string, group []*fanCase) error {
	servers, stop, err := b.startServers(ctx, profile, roleFanFloor, roleBare)
	if err != nil {
		return err
	}
	defer stop()
	for round := range b.rounds {
		for i := range group {
			c := group[(i+round)%len(group)] // the order turns
			if err := b.fan(ctx, servers[c.contender.role], c); err != nil {
				return fmt.Errorf("fan-out of %s, %s: %w", c.Contender, c.Shape, err)
			}
		}
	}
	return nil
}

// fan adds one sample to a case.
func (b *bench) fan(ctx context.Context, to *server, c *fanCase) error {
	core := b.clientCore
	if c.Shape.Together {
		core = b.serverCore
	}
	warm, duration := b.duration/5, b.duration/2
	found, err := measure(ctx, core, generatorFan, fanLoad{
		Address: to.address, served: to.served(), Script: c.contender.script,
		Listeners: c.Shape.Listeners, InFlight: c.Shape.InFlight, Every: c.Shape.Every,
		Warm: warm, Duration: duration,
	}, warm+duration)
	if err != nil {
		return err
	}
	c.Samples = append(c.Samples, found)
	b.progress("round %d/%d, fan-out to %s, %s: %.0f/s, p99 %s", len(c.Samples), b.rounds, c.Shape, c.Contender,
		found.Rate, found.P99.Round(time.Microsecond))
	return nil
}

// findFan returns the case of a contender in a shape, nil where there is none.
func (r *report) findFan(name string, s fanShape) *fanCase {
	for _, c := range r.Fan {
		if c.Contender == name && c.Shape == s {
			return c
		}
	}
	return nil
}

func (r *report) fanTable() string {
	if len(r.Fan) == 0 {
		return ""
	}
	rows := [][]string{{"subscribers × in flight", "what", "deliveries/s", "p50", "p99", "p99.9", "server CPU/delivery", "generator busy", "to floor"}}
	for _, c := range r.Fan {
		toFloor := 0.0
		if f := r.findFan(floorFan, c.Shape); f != nil {
			toFloor = ratioOf(c.Samples, f.Samples)
		}
		rows = append(rows, []string{
			c.Shape.String(), c.Contender,
			thousands(medianOf(c.Samples, rate)),
			short(medianOf(c.Samples, p50)),
			short(medianOf(c.Samples, p99)),
			short(medianOf(c.Samples, p999)),
			short(medianOf(c.Samples, serverCPU)),
			fmt.Sprintf("%.0f%%", 100*medianOf(c.Samples, busy)),
			fraction(toFloor),
		})
	}
	return markdown(rows)
}
