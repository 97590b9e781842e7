package develop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/mesh-host/mesh-host/host/plugin"
	"github.com/mesh-host/mesh-host/host/plugin/guest"
	"github.com/mesh-host/mesh-host/host/plugin/wasm"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// BenchOptions say what to measure.
type BenchOptions struct {
	// File is the plugin's name, Module its content.
	File   string
	Module []byte
	Config json.RawMessage
	// Command is called with Payload, JSON text or nil. Empty: the plugin's
	// first.
	Command string
	Payload json.RawMessage
	// Duration is how long, above 0 and up to an hour.
	Duration time.Duration
	// Concurrency is how many clients call at once, 1 to 1000.
	Concurrency int
}

// Measured is what Bench has found. A call goes from a client's command to its
// reply, without the network.
type Measured struct {
	Command     string        `json:"command"`
	Concurrency int           `json:"concurrency"`
	Duration    time.Duration `json:"durationNs"`
	Calls       int           `json:"calls"`
	// Errors are calls that were not answered with a reply; FirstError is one
	// of them.
	Errors     int           `json:"errors"`
	FirstError string        `json:"firstError,omitempty"`
	PerSecond  float64       `json:"callsPerSecond"`
	P50        time.Duration `json:"p50Ns"`
	P99        time.Duration `json:"p99Ns"`
	Max        time.Duration `json:"maxNs"`
	// Allocations and AllocatedBytes are the host's for one call.
	Allocations    float64 `json:"allocationsPerCall"`
	AllocatedBytes float64 `json:"allocatedBytesPerCall"`
	// Fuel is what one call used, in units of about one instruction.
	Fuel float64 `json:"fuelPerCall"`
	// Start is the median time that a new instance takes to be ready, Memory
	// what one holds after it, in bytes. Both are 0 for a format other than the
	// native one.
	Start  time.Duration `json:"instanceStartNs,omitempty"`
	Memory int64         `json:"instanceMemoryBytes,omitempty"`
}

const (
	maxBenchDuration    = time.Hour
	maxBenchConcurrency = 1000
	// warmUp calls come before those that are measured, by each client.
	warmUp = 200
	// maxSamples bounds the latencies that a client keeps; beyond them every
	// second one is dropped, and so on.
	maxSamples = 1 << 18
	// startSamples is how often the start of an instance is measured.
	startSamples = 9
)

func (o *BenchOptions) check() error {
	switch {
	case o.Duration <= 0 || o.Duration > maxBenchDuration:
		return refused(fmt.Errorf("--duration is %s: it must be above 0 and at most %s", o.Duration, maxBenchDuration))
	case o.Concurrency < 1 || o.Concurrency > maxBenchConcurrency:
		return refused(fmt.Errorf("--concurrency is %d: it must be 1 to %d", o.Concurrency, maxBenchConcurrency))
	case o.Payload != nil && !json.Valid(o.Payload):
		return refusedText("--payload is no JSON")
	}
	return nil
}

// Bench calls a plugin's command again and again, in a host of its own without
// a network.
func Bench(ctx context.Context, o BenchOptions) (m *Measured, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	limits := plugin.DefaultLimits()
	limits.Instances = max(limits.Instances, o.Concurrency)
	s, err := openSandbox(sandboxOptions{file: pluginFile(o.File), module: o.Module, config: o.Config, limits: limits})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.loaded(); err != nil {
		return nil, fmt.Errorf("%s does not load: %s", o.File, printable(err.Error()))
	}
	if o.Command, err = chooseCommand(s.commandNames(), o.Command); err != nil {
		return nil, err
	}
	m = &Measured{Command: o.Command, Concurrency: o.Concurrency}
	if err := m.callAll(ctx, s, &o); err != nil {
		return nil, err
	}
	m.Start, m.Memory = measureInstance(s, &o, limits)
	return m, nil
}

// chooseCommand checks the name of a command against those that are there.
func chooseCommand(there []string, name string) (string, error) {
	switch {
	case len(there) == 0:
		return "", errors.New("the plugin registers no command: there is nothing to call")
	case name == "" && len(there) > 1:
		return "", refused(fmt.Errorf("say which command to call with --command: there are %s", shorten(fmt.Sprint(there))))
	case name == "":
		return there[0], nil
	case !slices.Contains(there, name):
		return "", refused(fmt.Errorf("the plugin has no command %q: there are %s", name, shorten(fmt.Sprint(there))))
	}
	return name, nil
}

// caller is one client's part of the measurement.
type caller struct {
	samples []time.Duration
	every   int // one in so many calls is a sample
	calls   int
	errors  int
	first   *protocol.Error
	max     time.Duration
}

func (m *Measured) callAll(ctx context.Context, s *sandbox, o *BenchOptions) error {
	clients := make([]*client, o.Concurrency)
	for i := range clients {
		c, err := s.connect(ctx, Client{})
		if err != nil {
			return err
		}
		defer func() { _ = c.close(context.Background()) }() // a recorder's never fails
		clients[i] = c
	}
	callers := make([]caller, len(clients))
	each := func(run func(c *client, into *caller)) {
		var all sync.WaitGroup
		for i, c := range clients {
			all.Go(func() { run(c, &callers[i]) })
		}
		all.Wait()
	}
	each(func(c *client, _ *caller) {
		for range warmUp {
			if ctx.Err() == nil {
				_, _ = c.call(ctx, o.Command, o.Payload) // what fails here fails below, too
			}
		}
	})
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fuel := s.status().Counts.Fuel
	start := time.Now()
	ends := start.Add(o.Duration)
	each(func(c *client, into *caller) { into.run(ctx, c, o, ends) })
	m.Duration = time.Since(start)
	runtime.ReadMemStats(&after)
	m.sum(callers, &before, &after)
	if m.Calls > 0 {
		m.Fuel = float64(s.status().Counts.Fuel-fuel) / float64(m.Calls)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return nil
}

func (c *caller) run(ctx context.Context, from *client, o *BenchOptions, ends time.Time) {
	c.samples, c.every = make([]time.Duration, 0, maxSamples), 1
	for at := time.Now(); at.Before(ends) && ctx.Err() == nil; {
		_, failed := from.call(ctx, o.Command, o.Payload)
		now := time.Now()
		c.add(now.Sub(at), failed)
		at = now
		if c.calls%1000 == 0 {
			from.socket.forget()
		}
	}
}

func (c *caller) add(took time.Duration, failed *protocol.Error) {
	if failed != nil {
		if c.errors++; c.first == nil {
			c.first = failed
		}
	}
	c.max = max(c.max, took)
	if c.calls%c.every == 0 {
		if len(c.samples) == maxSamples {
			for i := range maxSamples / 2 {
				c.samples[i] = c.samples[2*i]
			}
			c.samples, c.every = c.samples[:maxSamples/2], 2*c.every
		}
		c.samples = append(c.samples, took)
	}
	c.calls++
}

func (m *Measured) sum(callers []caller, before, after *runtime.MemStats) {
	var samples []time.Duration
	for _, c := range callers {
		samples = append(samples, c.samples...)
		m.Calls += c.calls
		m.Errors += c.errors
		m.Max = max(m.Max, c.max)
		if c.first != nil && m.FirstError == "" {
			m.FirstError = printable(c.first.Error())
		}
	}
	if m.Calls == 0 {
		return
	}
	slices.Sort(samples)
	m.P50, m.P99 = samples[len(samples)/2], samples[len(samples)*99/100]
	m.PerSecond = float64(m.Calls) / m.Duration.Seconds()
	m.Allocations = float64(after.Mallocs-before.Mallocs) / float64(m.Calls)
	m.AllocatedBytes = float64(after.TotalAlloc-before.TotalAlloc) / float64(m.Calls)
}

// measureInstance starts instances of their own; what is of another format is
// not measured.
func measureInstance(s *sandbox, o *BenchOptions, limits plugin.Limits) (start time.Duration, memory int64) {
	r, err := wasm.New(wasm.Config{Operations: s.operations})
	if err != nil {
		return 0, 0
	}
	defer func() { _ = r.Close() }() // what it held is not needed
	module, err := r.Compile(context.Background(), o.Module, limits.CallDepth)
	if err != nil {
		return 0, 0
	}
	defer func() { _ = module.Close() }() // as above
	var samples []time.Duration
	for range startSamples {
		begun := time.Now()
		p, err := module.Start(guest.Options{
			Name: s.status().Name, Deadline: limits.Deadline, Memory: limits.Memory, Instances: 1,
			Output: limits.Output, Counters: new(guest.Counters),
		})
		if err != nil {
			return 0, 0
		}
		samples = append(samples, time.Since(begun))
		_, memory = p.Footprint()
		p.Close()
	}
	slices.Sort(samples)
	return samples[len(samples)/2], memory
}

// Write prints the measurements for people.
func (m *Measured) Write(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	var lines io.Writer = table // which keeps an error for Flush
	fmt.Fprintf(lines, "command\t%s, %d at once, %s\n", m.Command, m.Concurrency, m.Duration.Round(time.Millisecond))
	fmt.Fprintf(lines, "calls\t%d, %.0f/s\n", m.Calls, m.PerSecond)
	fmt.Fprintf(lines, "latency\tp50 %s, p99 %s, max %s\n", round(m.P50), round(m.P99), round(m.Max))
	fmt.Fprintf(lines, "host allocations\t%.1f per call, %.0f bytes\n", m.Allocations, m.AllocatedBytes)
	fmt.Fprintf(lines, "fuel\t%.0f units per call\n", m.Fuel)
	if m.Start > 0 {
		fmt.Fprintf(lines, "instance\tready after %s, %s of memory\n", round(m.Start), byteCount(int(m.Memory)))
	}
	if m.Errors > 0 {
		fmt.Fprintf(lines, "ERRORS\t%d, the first: %s\n", m.Errors, shorten(m.FirstError))
	}
	return table.Flush()
}

// round keeps three digits or so.
func round(d time.Duration) time.Duration {
	switch {
	case d > time.Second:
		return d.Round(10 * time.Millisecond)
	case d > time.Millisecond:
		return d.Round(10 * time.Microsecond)
	case d > 10*time.Microsecond:
		return d.Round(100 * time.Nanosecond)
	}
	return d.Round(10 * time.Nanosecond)
}
