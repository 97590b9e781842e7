//go:build linux

package main

import (
	"encoding/json"
	"io"
	"time"
)

// fanLoad is one measurement of a fan-out, as the generator's process is told
// it.
type fanLoad struct {
	Address   string        `json:"address"`
	Script    string        `json:"script"`
	Listeners int           `json:"listeners"`
	InFlight  int           `json:"in_flight"`
	Every     time.Duration `json:"every"` // 0: as fast as InFlight allows
	Warm      time.Duration `json:"warm"`
	Duration  time.Duration `json:"duration"`
	// Server is the process whose CPU time is taken.
	Server int `json:"server"`
}

// run makes the measurement on this process's core: Rate is in deliveries a
// second, latencies are from a publish to a delivery.
func (l fanLoad) run() (s sample, err error) {
	a, err := newAudience(l)
	if a != nil {
		defer a.close()
	}
	if err != nil {
		return s, err
	}
	if _, err := a.run(l.Warm); err != nil {
		return s, err
	}
	served, own := cpuTime(l.Server), ownTime()
	took, err := a.run(l.Duration)
	if err != nil {
		return s, err
	}
	served, own = cpuTime(l.Server)-served, ownTime()-own
	return sample{
		Rate: float64(a.delivered) / took.Seconds(),
		P50:  a.latencies.quantile(0.5), P99: a.latencies.quantile(0.99), P999: a.latencies.quantile(0.999),
		CPU:  served / time.Duration(max(a.delivered, 1)),
		Busy: own.Seconds() / took.Seconds(),
	}, nil
}

// serveFan is the generator's process: it reads a load and writes the sample.
func serveFan(in io.Reader, out io.Writer) error {
	var l fanLoad
	if err := json.NewDecoder(in).Decode(&l); err != nil {
		return err
	}
	s, err := l.run()
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(s)
}
