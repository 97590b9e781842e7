package plugin

import (
	"encoding/json"
	"time"

	"github.com/mesh-host/mesh-host/host/capability"
	"github.com/mesh-host/mesh-host/host/plugin/guest"
)

// The modes of a plugin.
const (
	// ModePool runs calls side by side in anonymous instances.
	ModePool = "pool"
	// ModeSingle runs calls one after another in one instance whose memory
	// lasts.
	ModeSingle = "single"
)

// Limits bound one plugin. Start from DefaultLimits: a zero Deadline, CallDepth,
// Memory, Instances, InFlight, HostCalls or Output is the default's, a zero Fuel,
// LogRate or Breaker is zero.
type Limits struct {
	// Deadline bounds one call, at a resolution of 10 to 20 ms, and the wait
	// for an instance before it. Default 2 s.
	Deadline time.Duration
	// Fuel bounds what one call executes, in units of about one instruction; the
	// start of an instance has as much for itself. 0 is no bound but Deadline.
	// Default 100,000,000,000: about three times what a call can execute in 2 s.
	Fuel int64
	// CallDepth is how deep calls of functions may nest, up to 1,000,000.
	// Default 10,000.
	CallDepth int
	// Memory bounds the linear memory of one instance, in bytes, rounded down
	// to pages of 64 KiB. Default 16 MiB.
	Memory int64
	// Instances is the most calls that run at once, apart from the one that
	// each registered handler may always have. Default 32.
	Instances int
	// InFlight is the most calls that run and wait together; one more is
	// refused with ERATELIMIT at once. Default 16384.
	InFlight int
	// HostCalls is the most host calls a second, of all instances together;
	// what is over is answered ERATELIMIT. Those that need no capability do not
	// count. Default 200000.
	HostCalls int
	// Access is what the plugin may ask of the server. nil: everything but
	// HTTP.
	Access *capability.Access
	// Breaker is how many faults, timeouts and ends of the fuel in a row, without a success in
	// between, suspend a handler; 0: none do. Default 20.
	Breaker int
	// Mode is ModePool, the default, or ModeSingle.
	Mode string
	// Output bounds what one call returns, in bytes. Default 4 MiB.
	Output int
	// LogRate bounds the lines logged a second, from the log operation and
	// from standard output and error together; more are dropped and counted.
	// Default 100; 0 drops all.
	LogRate int
	// Order, unless nil, replaces the orders that the plugin registers for its
	// global middleware and its authenticate hook.
	Order *int
}

// DefaultLimits returns the limits of a plugin that no one has said anything
// about.
func DefaultLimits() Limits {
	return Limits{
		Deadline:  2 * time.Second,
		Fuel:      100_000_000_000,
		CallDepth: 10_000,
		Memory:    16 << 20,
		Instances: 32,
		InFlight:  guest.DefaultInFlight,
		HostCalls: 200_000,
		Breaker:   20,
		Mode:      ModePool,
		Output:    4 << 20,
		LogRate:   100,
	}
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	if l.Deadline <= 0 {
		l.Deadline = d.Deadline
	}
	if l.CallDepth <= 0 {
		l.CallDepth = d.CallDepth
	}
	if l.Memory <= 0 {
		l.Memory = d.Memory
	}
	if l.Instances <= 0 {
		l.Instances = d.Instances
	}
	if l.InFlight <= 0 {
		l.InFlight = d.InFlight
	}
	if l.HostCalls <= 0 {
		l.HostCalls = d.HostCalls
	}
	if l.Access == nil {
		l.Access = capability.Everything()
	}
	if l.Output <= 0 {
		l.Output = d.Output
	}
	return l
}

// Settings are what the operator has set for one plugin.
type Settings struct {
	Limits Limits
	// Config is the plugin's own, a JSON object; nil reads as {}.
	Config json.RawMessage
}
