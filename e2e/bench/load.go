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
	// Rate is in echoes, deliveries, lives or writes a second; the latencies
	// include the generator's own queue. All durations are in nanoseconds.
	Rate float64       `json:"rate"`
	P50  time.Duration `json:"p50"`
	P99  time.Duration `json:"p99"`
	P999 time.Duration `json:"p999"`
	// CPU is the server's time for one of them, Busy the generator's share of its
	// core: near 1 the generator may be the limit.
	CPU  time.Duration `json:"cpu"`
	Busy float64       `json:"busy"`
	// Bytes is how much of a fan-out arrives in a second.
	Bytes float64 `json:"bytes,omitempty"`
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
	m := startMeter(l.Server)
	took, err := f.run(l.Duration)
	if err != nil {
		return s, err
	}
	return m.sample(f.answered, took, &f.latencies), nil
}

// meter knows the CPU times at the start of a measurement: of the server, and
// of this process.
type meter struct {
	server      int
	served, own time.Duration
}

func startMeter(server int) meter {
	return meter{server: server, served: cpuTime(server), own: ownTime()}
}

// sample ends a measurement in which so much was done.
func (m meter) sample(done int, took time.Duration, latencies *histogram) sample {
	return sample{
		Rate: float64(done) / took.Seconds(),
		P50:  latencies.quantile(0.5), P99: latencies.quantile(0.99), P999: latencies.quantile(0.999),
		CPU:  (cpuTime(m.server) - m.served) / time.Duration(max(done, 1)),
		Busy: (ownTime() - m.own).Seconds() / took.Seconds(),
	}
}

// ownTime is the CPU time of this process.
func ownTime() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// generate is a generator's process: it reads a load and writes the sample.
func generate[L interface{ run() (sample, error) }](in io.Reader, out io.Writer) error {
	var l L
	if err := json.NewDecoder(in).Decode(&l); err != nil {
		return err
	}
	s, err := l.run()
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(s)
}
