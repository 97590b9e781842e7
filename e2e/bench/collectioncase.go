//go:build linux

package main

import (
	"context"
	"fmt"
	"time"
)

// collectionShape is a collection, who subscribes to it, and what else is
// subscribed to.
type collectionShape struct {
	Members   int  `json:"members"`
	Listeners int  `json:"listeners"`
	InFlight  int  `json:"in_flight"`
	Beside    int  `json:"beside"`
	Elsewhere bool `json:"elsewhere,omitempty"` // those beside are of other records
}

func (s collectionShape) String() string {
	return fmt.Sprintf("%d members, %d × %d", s.Members, s.Listeners, s.InFlight)
}

// others says what else is subscribed to.
func (s collectionShape) others() string {
	switch {
	case s.Beside == 0:
		return "none"
	case s.Elsewhere:
		return fmt.Sprintf("%d, of other records", s.Beside)
	}
	return fmt.Sprintf("%d, of records with another value", s.Beside)
}

// slug begins the names of files about a shape.
func (s collectionShape) slug() string {
	return fmt.Sprintf("collections-%d-x%d-beside-%d-", s.Members, s.InFlight, s.Beside)
}

// memberSize is the size of a member's value in bytes.
const memberSize = 200

var collectionShapes = []collectionShape{
	{Members: 1000, Listeners: 100, InFlight: 1},
	{Members: 1000, Listeners: 100, InFlight: 16},
}

// With one subscriber and one member what a change costs besides does not drown.
var besideShapes = []collectionShape{
	{Members: 1, Listeners: 1, InFlight: 16},
	{Members: 1, Listeners: 1, InFlight: 16, Beside: 1000},
	{Members: 1, Listeners: 1, InFlight: 16, Beside: 10_000},
	{Members: 1, Listeners: 1, InFlight: 16, Beside: 10_000, Elsewhere: true},
}

// collectionCase is what one server did in one shape, a sample per round.
type collectionCase struct {
	Server  string          `json:"server"`
	Shape   collectionShape `json:"shape"`
	Samples []sample        `json:"samples"`
}

// collections measures changes of the members of collections. Those of
// besideShapes are one group, so that rounds compare them; each has a server of
// its own.
func (b *bench) collections(ctx context.Context) (all []*collectionCase, err error) {
	for _, s := range collectionShapes {
		group := []*collectionCase{{Server: floorRecords, Shape: s}, {Server: memoryRecords, Shape: s}}
		servers, stop, err := b.startRecordServers(ctx, s.slug(), roleLaneFloor, floorRecords, memoryRecords)
		if err != nil {
			return nil, err
		}
		err = b.collectionRounds(ctx, group, func(c *collectionCase) (*server, func(), error) {
			return servers[c.Server], func() {}, nil
		})
		stop()
		if err != nil {
			return nil, err
		}
		all = append(all, group...)
	}
	var group []*collectionCase
	for _, s := range besideShapes {
		group = append(group, &collectionCase{Server: memoryRecords, Shape: s})
	}
	return append(all, group...), b.collectionRounds(ctx, group, func(c *collectionCase) (*server, func(), error) {
		servers, stop, err := b.startRecordServers(ctx, c.Shape.slug(), roleLaneFloor, c.Server)
		return servers[c.Server], stop, err
	})
}

// collectionRounds measures cases in rounds, each with the server that it is
// given.
func (b *bench) collectionRounds(ctx context.Context, group []*collectionCase, serverOf func(*collectionCase) (*server, func(), error)) error {
	for round := range b.rounds {
		for i := range group {
			c := group[(i+round)%len(group)]
			to, stop, err := serverOf(c)
			if err != nil {
				return err
			}
			err = b.collection(ctx, to, c)
			stop()
			if err != nil {
				return fmt.Errorf("collection of %s, %s, %s beside: %w", c.Shape, c.Server, c.Shape.others(), err)
			}
		}
	}
	return nil
}

// collection adds one sample to a case.
func (b *bench) collection(ctx context.Context, to *server, c *collectionCase) error {
	warm, duration := b.recordTimes()
	found, err := measure(ctx, b.clientCore, generatorCollection, collectionLoad{
		fanLoad: fanLoad{
			Address: to.address, served: to.served(), Listeners: c.Shape.Listeners, InFlight: c.Shape.InFlight,
			Warm: warm, Duration: duration,
		},
		Members: c.Shape.Members, Size: memberSize, Beside: c.Shape.Beside, Elsewhere: c.Shape.Elsewhere,
		Bare: c.Server == floorRecords,
	}, warm+duration)
	if err != nil {
		return err
	}
	c.Samples = append(c.Samples, found)
	b.progress("round %d/%d, collection of %s, %s, beside %s: %.0f/s, p99 %s", len(c.Samples), b.rounds, c.Shape, c.Server,
		c.Shape.others(), found.Rate, found.P99.Round(time.Microsecond))
	return nil
}

// findCollection returns the case of a server in a shape, nil where there is
// none.
func (r *report) findCollection(name string, s collectionShape) *collectionCase {
	for _, c := range r.Collections {
		if c.Server == name && c.Shape == s {
			return c
		}
	}
	return nil
}

// besideRatio returns what a change costs the server's processor in a shape of
// besideShapes, to what it costs without other collections; 0 where that was not
// measured.
func (r *report) besideRatio(s collectionShape) float64 {
	c, none := r.findCollection(memoryRecords, s), r.findCollection(memoryRecords, besideShapes[0])
	if c == nil || none == nil {
		return 0
	}
	var ratios []float64
	for i := range min(len(c.Samples), len(none.Samples)) {
		ratios = append(ratios, c.Samples[i].CPU.Seconds()/none.Samples[i].CPU.Seconds())
	}
	return median(ratios)
}

func (r *report) collectionTable() string {
	if len(r.Collections) == 0 {
		return ""
	}
	rows := [][]string{{"collection, subscribers × in flight", "what", "changes/s", "deliveries/s", "p50", "p99", "server CPU/delivery", "generator busy", "to floor"}}
	for _, s := range collectionShapes {
		floor := r.findCollection(floorRecords, s)
		for _, name := range []string{floorRecords, memoryRecords} {
			c := r.findCollection(name, s)
			if c == nil || floor == nil {
				continue
			}
			rows = append(rows, []string{
				s.String(), name,
				thousands(medianOf(c.Samples, rate) / float64(s.Listeners)),
				thousands(medianOf(c.Samples, rate)),
				short(medianOf(c.Samples, p50)),
				short(medianOf(c.Samples, p99)),
				short(medianOf(c.Samples, serverCPU)),
				fmt.Sprintf("%.0f%%", 100*medianOf(c.Samples, busy)),
				fraction(ratioOf(c.Samples, floor.Samples)),
			})
		}
	}
	return markdown(rows)
}

func (r *report) besideTable() string {
	if len(r.Collections) == 0 {
		return ""
	}
	rows := [][]string{{"collections beside", "changes/s", "p50", "p99", "server CPU/change", "to none"}}
	for _, s := range besideShapes {
		c := r.findCollection(memoryRecords, s)
		if c == nil {
			continue
		}
		rows = append(rows, []string{
			s.others(),
			thousands(medianOf(c.Samples, rate)),
			short(medianOf(c.Samples, p50)),
			short(medianOf(c.Samples, p99)),
			short(medianOf(c.Samples, serverCPU)),
			fraction(r.besideRatio(s)),
		})
	}
	return markdown(rows)
}
