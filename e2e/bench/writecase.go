//go:build linux

package main

import (
	"context"
	"fmt"
	"time"
)

// writeShape is who writes what.
type writeShape struct {
	Clients int `json:"clients"`
	Records int `json:"records"`
	Size    int `json:"size"` // in bytes
}

func (s writeShape) String() string {
	if s.Records == 1 {
		return fmt.Sprintf("%d on one record", s.Clients)
	}
	return fmt.Sprintf("%d on %d records", s.Clients, s.Records)
}

var writeShapes = []writeShape{
	{Clients: 50, Records: 1, Size: 200},
	{Clients: 50, Records: 50, Size: 200},
}

// writeCase is what one server did in one shape, a sample per round.
type writeCase struct {
	Server  string     `json:"server"`
	Shape   writeShape `json:"shape"`
	Samples []sample   `json:"samples"`
}

// writes measures writes of records that no one reads.
func (b *bench) writes(ctx context.Context) (all []*writeCase, err error) {
	names := []string{floorRecords, memoryRecords, storeRecords}
	for _, s := range writeShapes {
		servers, stop, err := b.startRecordServers(ctx, "writes-", roleFloor, names...)
		if err != nil {
			return nil, err
		}
		var group []*writeCase
		for _, name := range names {
			group = append(group, &writeCase{Server: name, Shape: s})
		}
		err = b.writeGroup(ctx, servers, group)
		stop()
		if err != nil {
			return nil, err
		}
		all = append(all, group...)
	}
	return all, nil
}

// writeGroup measures the servers of one shape, in rounds.
func (b *bench) writeGroup(ctx context.Context, servers map[string]*server, group []*writeCase) error {
	warm, duration := b.recordTimes()
	for round := range b.rounds {
		for i := range group {
			c := group[(i+round)%len(group)]
			to := servers[c.Server]
			found, err := measure(ctx, b.clientCore, generatorWrite, writeLoad{
				Address: to.address, served: to.served(), Clients: c.Shape.Clients, Records: c.Shape.Records, Size: c.Shape.Size,
				Bare: c.Server == floorRecords, Warm: warm, Duration: duration,
			}, warm+duration)
			if err != nil {
				return fmt.Errorf("writes, %s, %s: %w", c.Shape, c.Server, err)
			}
			c.Samples = append(c.Samples, found)
			b.progress("round %d/%d, writes of %s, %s: %.0f/s, p99 %s", len(c.Samples), b.rounds, c.Shape, c.Server,
				found.Rate, found.P99.Round(time.Microsecond))
		}
	}
	return nil
}

func (r *report) writeTable() string {
	if len(r.Writes) == 0 {
		return ""
	}
	rows := [][]string{{"clients", "what", "writes/s", "p50", "p99", "server CPU/write", "generator busy", "to floor"}}
	for _, c := range r.Writes {
		toFloor := 0.0
		for _, f := range r.Writes {
			if f.Server == floorRecords && f.Shape == c.Shape {
				toFloor = ratioOf(c.Samples, f.Samples)
			}
		}
		rows = append(rows, []string{
			c.Shape.String(), c.Server,
			thousands(medianOf(c.Samples, rate)),
			short(medianOf(c.Samples, p50)),
			short(medianOf(c.Samples, p99)),
			short(medianOf(c.Samples, serverCPU)),
			fmt.Sprintf("%.0f%%", 100*medianOf(c.Samples, busy)),
			fraction(toFloor),
		})
	}
	return markdown(rows)
}
