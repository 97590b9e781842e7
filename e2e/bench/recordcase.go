//go:build linux

package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// recordShape is who hears of how large a record.
type recordShape struct {
	Size     int  `json:"size"`    // of the value in bytes
	Patches  int  `json:"patches"` // so many read patches
	Full     int  `json:"full"`    // so many read values
	InFlight int  `json:"in_flight"`
	Merge    bool `json:"merge,omitempty"` // updates carry what changes, not the value
}

func (s recordShape) listeners() int { return s.Patches + s.Full }

// readers says who reads.
func (s recordShape) readers() string {
	var kinds []string
	if s.Patches > 0 {
		kinds = append(kinds, fmt.Sprintf("%d patch", s.Patches))
	}
	if s.Full > 0 {
		kinds = append(kinds, fmt.Sprintf("%d full", s.Full))
	}
	return fmt.Sprintf("%s × %d", strings.Join(kinds, " + "), s.InFlight)
}

// value says what is written.
func (s recordShape) value() string {
	if s.Merge {
		return sizeText(s.Size) + ", merged"
	}
	return sizeText(s.Size)
}

func (s recordShape) String() string { return s.value() + ", " + s.readers() }

// slug begins the names of files about a shape.
func (s recordShape) slug() string {
	return fmt.Sprintf("records-%d-%dp-%df-x%d-", s.Size, s.Patches, s.Full, s.InFlight)
}

func sizeText(bytes int) string {
	switch {
	case bytes >= 1e6:
		return fmt.Sprintf("%d MB", bytes/1e6)
	case bytes >= 1e4:
		return fmt.Sprintf("%d KB", bytes/1e3)
	}
	return fmt.Sprintf("%d B", bytes)
}

// peerShapes are those in which other servers were measured.
var peerShapes = []recordShape{
	{Size: payloadSize, Full: 100, InFlight: 1},
	{Size: payloadSize, Full: 100, InFlight: 16},
}

var recordShapes = append(peerShapes[:2:2],
	recordShape{Size: 200, Patches: 100, Full: 100, InFlight: 1},
	recordShape{Size: 200, Patches: 100, Full: 100, InFlight: 16},
	recordShape{Size: 10e3, Patches: 100, Full: 100, InFlight: 1},
	recordShape{Size: 10e3, Patches: 100, Full: 100, InFlight: 16},
	recordShape{Size: 1e6, Patches: 100, Full: 100, InFlight: 1},
	recordShape{Size: 1e6, Patches: 100, Full: 100, InFlight: 16},
	recordShape{Size: 1e6, Patches: 100, InFlight: 16, Merge: true},
)

// recordCase is what one server did in one shape, a sample per round.
type recordCase struct {
	Server  string      `json:"server"`
	Shape   recordShape `json:"shape"`
	Samples []sample    `json:"samples"`
}

// recordTimes are how long a measurement of records warms up and takes: there
// are many.
func (b *bench) recordTimes() (warm, duration time.Duration) {
	return b.duration / 20, max(b.duration/10, min(b.duration, 500*time.Millisecond))
}

// records measures updates of a record, shape by shape, so that servers begin
// each of them fresh.
func (b *bench) records(ctx context.Context) (all []*recordCase, err error) {
	for _, s := range recordShapes {
		var group []*recordCase
		for _, name := range []string{floorRecords, memoryRecords, storeRecords} {
			group = append(group, &recordCase{Server: name, Shape: s})
		}
		if err := b.recordGroup(ctx, s.slug(), group); err != nil {
			return nil, err
		}
		all = append(all, group...)
	}
	return all, nil
}

// recordGroup measures the servers of one shape, in rounds.
func (b *bench) recordGroup(ctx context.Context, profile string, group []*recordCase) error {
	servers, stop, err := b.startRecordServers(ctx, profile, roleLaneFloor, floorRecords, memoryRecords, storeRecords)
	if err != nil {
		return err
	}
	defer stop()
	for round := range b.rounds {
		for i := range group {
			c := group[(i+round)%len(group)] // the order turns
			if err := b.record(ctx, servers[c.Server], c); err != nil {
				return fmt.Errorf("updates of a record of %s, %s: %w", c.Shape, c.Server, err)
			}
		}
	}
	return nil
}

// record adds one sample to a case.
func (b *bench) record(ctx context.Context, to *server, c *recordCase) error {
	warm, duration := b.recordTimes()
	found, err := measure(ctx, b.clientCore, generatorRecord, recordLoad{
		fanLoad: fanLoad{
			Address: to.address, served: to.served(), Listeners: c.Shape.listeners(), InFlight: c.Shape.InFlight,
			Warm: warm, Duration: duration,
		},
		Size: c.Shape.Size, Patches: c.Shape.Patches, Merge: c.Shape.Merge, Bare: c.Server == floorRecords,
	}, warm+duration)
	if err != nil {
		return err
	}
	c.Samples = append(c.Samples, found)
	b.progress("round %d/%d, record of %s, %s: %.0f/s, p99 %s", len(c.Samples), b.rounds, c.Shape, c.Server,
		found.Rate, found.P99.Round(time.Microsecond))
	return nil
}

// findRecord returns the case of a server in a shape, nil where there is none.
func (r *report) findRecord(name string, s recordShape) *recordCase {
	for _, c := range r.Records {
		if c.Server == name && c.Shape == s {
			return c
		}
	}
	return nil
}

// recordRate returns the deliveries a second of a record in memory, 0 where they
// were not measured.
func (r *report) recordRate(s recordShape) float64 {
	if c := r.findRecord(memoryRecords, s); c != nil {
		return medianOf(c.Samples, rate)
	}
	return 0
}

func (r *report) recordTable() string {
	if len(r.Records) == 0 {
		return ""
	}
	rows := [][]string{{"record", "subscribers × in flight", "what", "updates/s", "deliveries/s", "MB/s", "p50", "p99", "server CPU/delivery", "generator busy", "to floor"}}
	for _, c := range r.Records {
		toFloor := 0.0
		if f := r.findRecord(floorRecords, c.Shape); f != nil {
			toFloor = ratioOf(c.Samples, f.Samples)
		}
		rows = append(rows, []string{
			c.Shape.value(), c.Shape.readers(), c.Server,
			figure(medianOf(c.Samples, rate) / float64(c.Shape.listeners())),
			thousands(medianOf(c.Samples, rate)),
			thousands(medianOf(c.Samples, bytesRate) / 1e6),
			short(medianOf(c.Samples, p50)),
			short(medianOf(c.Samples, p99)),
			short(medianOf(c.Samples, serverCPU)),
			fmt.Sprintf("%.0f%%", 100*medianOf(c.Samples, busy)),
			fraction(toFloor),
		})
	}
	return markdown(rows)
}
