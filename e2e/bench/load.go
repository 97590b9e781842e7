//go:build linux

package main

import (
	"encoding/json"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// load is one measurement, as the generator's process is told it.
type load struct {
	Address     string        `json:"address"`
	Command     string        `json:"command"`
	Clients     int           `json:"clients"`
	Outstanding int           `json:"outstanding"`
	Beside      string        `json:"beside,omitempty"` // a command that one more client calls all the time
	Warm        time.Duration `json:"warm"`
	Duration    time.Duration `json:"duration"`
	// Server is the process whose CPU time is taken.
	Server int `json:"server"`
}

// sample is what one measurement finds.
type sample struct {
	// Rate is in echoes, or deliveries, a second; the latencies include the generator's own
	// queue. All durations are in nanoseconds.
	Rate float64       `json:"rate"`
	P50  time.Duration `json:"p50"`
	P99  time.Duration `json:"p99"`
	P999 time.Duration `json:"p999"`
	// CPU is the server's time for one of them, Busy the generator's share of its
	// core: near 1 the generator may be the limit.
	CPU  time.Duration `json:"cpu"`
	Busy float64       `json:"busy"`
}

// run makes the measurement on this process's core.
func (l load) run() (s sample, err error) {
	f, err := newFleet(l.Address)
	if err != nil {
		return s, err
	}
	defer f.close()
	if err := f.add(l.Clients, l.Command, l.Outstanding, false); err != nil {
		return s, err
	}
	if l.Beside != "" {
		if err := f.add(1, l.Beside, 1, true); err != nil {
			return s, err
		}
	}
	if err := f.start(); err != nil {
		return s, err
	}
	if _, err := f.run(l.Warm); err != nil {
		return s, err
	}
	served, own := cpuTime(l.Server), ownTime()
	took, err := f.run(l.Duration)
	if err != nil {
		return s, err
	}
	served, own = cpuTime(l.Server)-served, ownTime()-own
	return sample{
		Rate: float64(f.answered) / took.Seconds(),
		P50:  f.latencies.quantile(0.5), P99: f.latencies.quantile(0.99), P999: f.latencies.quantile(0.999),
		CPU:  served / time.Duration(max(f.answered, 1)),
		Busy: own.Seconds() / took.Seconds(),
	}, nil
}

// ownTime is the CPU time of this process.
func ownTime() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// serveLoad is the generator's process: it reads a load and writes the sample.
func serveLoad(in io.Reader, out io.Writer) error {
	var l load
	if err := json.NewDecoder(in).Decode(&l); err != nil {
		return err
	}
	s, err := l.run()
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(s)
}
