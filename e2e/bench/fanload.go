//go:build linux

package main

import (
	"fmt"
	"time"
)

// fanLoad is one measurement of a fan-out, as the generator's process is told
// it.
type fanLoad struct {
	Address string `json:"address"`
	// From is where the publisher connects to, "" for Address.
	From      string        `json:"from,omitempty"`
	Script    string        `json:"script"`
	Listeners int           `json:"listeners"`
	InFlight  int           `json:"in_flight"`
	Every     time.Duration `json:"every"` // 0: as fast as InFlight allows
	Warm      time.Duration `json:"warm"`
	Duration  time.Duration `json:"duration"`
	served
}

// run measures the script of its name.
func (l fanLoad) run() (s sample, err error) {
	script, ok := scripts[l.Script]
	if !ok {
		return s, fmt.Errorf("unknown script %q", l.Script)
	}
	return l.play(script)
}

// play makes the measurement on this process's core: Rate is in deliveries a
// second, latencies are from a publish to a delivery.
func (l fanLoad) play(script script) (s sample, err error) {
	a, err := newAudience(script, l)
	if a != nil {
		defer a.close()
	}
	if err != nil {
		return s, err
	}
	if _, err := a.run(l.Warm); err != nil {
		return s, err
	}
	m := startMeter(l.served)
	took, err := a.run(l.Duration)
	if err != nil {
		return s, err
	}
	s = m.sample(a.delivered, took, &a.latencies)
	s.Bytes = float64(a.received) / took.Seconds()
	return s, a.end()
}
