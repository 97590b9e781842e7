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
	served
}

// sample is what one measurement finds.
type sample struct {
	// Rate is in echoes, deliveries, lives or writes a second; the latencies
	// include the generator's own queue. All durations are in nanoseconds.
	Rate float64       `json:"rate"`
	P50  time.Duration `json:"p50"`
	P99  time.Duration `json:"p99"`
	P999 time.Duration `json:"p999"`
	// CPU is the servers' time for one of them, Redis what Redis has of it, Busy
	// the generator's share of its core: near 1 the generator may be the limit.
	CPU   time.Duration `json:"cpu"`
	Redis time.Duration `json:"redis,omitempty"`
	Busy  float64       `json:"busy"`
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
	m := startMeter(l.served)
	took, err := f.run(l.Duration)
	if err != nil {
		return s, err
	}
	return m.sample(f.answered, took, &f.latencies), nil
}

// meter knows the CPU times at the start of a measurement: of the server, and
// of this process.
type meter struct {
	served             served
	server, redis, own time.Duration
}

func startMeter(s served) meter {
	m := meter{served: s, own: ownTime()}
	m.server, m.redis = s.used()
	return m
}

// served are the processes that do the work that is asked for.
type served struct {
	// Servers are those whose CPU time is taken.
	Servers []int `json:"servers"`
	// Redis is what they share, 0 for nothing: its time counts as theirs, and is
	// told apart.
	Redis int `json:"redis,omitempty"`
}

// used is the CPU time of all of them so far, and that of Redis.
func (s served) used() (all, redis time.Duration) {
	for _, pid := range s.Servers {
		all += cpuTime(pid)
	}
	if s.Redis > 0 {
		redis = cpuTime(s.Redis)
	}
	return all + redis, redis
}

// sample ends a measurement in which so much was done.
func (m meter) sample(done int, took time.Duration, latencies *histogram) sample {
	server, redis := m.served.used()
	each := func(spent time.Duration) time.Duration { return spent / time.Duration(max(done, 1)) }
	return sample{
		Rate: float64(done) / took.Seconds(),
		P50:  latencies.quantile(0.5), P99: latencies.quantile(0.99), P999: latencies.quantile(0.999),
		CPU: each(server - m.server), Redis: each(redis - m.redis),
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
