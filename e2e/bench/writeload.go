//go:build linux

package main

import (
	"fmt"
	"time"
)

// writeLoad is one measurement of records that are written and that no one
// reads, as the generator's process is told it.
type writeLoad struct {
	Address string `json:"address"`
	Clients int    `json:"clients"` // of which each waits for the answer to its last write
	Records int    `json:"records"` // that they share
	Size    int    `json:"size"`    // of a value in bytes
	// Bare is whether the server sends requests back as they are.
	Bare     bool          `json:"bare"`
	Warm     time.Duration `json:"warm"`
	Duration time.Duration `json:"duration"`
	served
}

// run makes the measurement on this process's core: Rate is in writes a second,
// latencies are from a write to its answer.
func (l writeLoad) run() (s sample, err error) {
	w, err := newWriters(l)
	if w != nil {
		defer w.close()
	}
	if err != nil {
		return s, err
	}
	if _, err := w.run(l.Warm); err != nil {
		return s, err
	}
	m := startMeter(l.served)
	took, err := w.run(l.Duration)
	if err != nil {
		return s, err
	}
	s = m.sample(w.answered, took, &w.latencies)
	return s, w.end()
}

// name returns the name of the record that a client writes.
func (l writeLoad) name(client int) string { return fmt.Sprintf("item:%04d", client%l.Records) }
