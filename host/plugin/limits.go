package plugin

import (
	"encoding/json"
	"time"
)

// The modes of a plugin.
const (
	// ModePool runs calls side by side in anonymous instances.
	ModePool = "pool"
	// ModeSingle runs calls one after another in one instance whose memory
	// lasts.
	ModeSingle = "single"
)

// Limits bound one plugin. Start from DefaultLimits: a zero Deadline, Memory,
// Instances or Output is the default's, a zero LogRate is zero.
type Limits struct {
	// Deadline bounds one call, at a resolution of 10 to 20 ms, and the wait
	// for an instance before it. Default 2 s.
	Deadline time.Duration
	// Memory bounds the linear memory of one instance, in bytes, rounded down
	// to pages of 64 KiB. Default 16 MiB.
	Memory int64
	// Instances is the most calls that run at once, apart from the one that
	// each registered handler may always have. Default 32.
	Instances int
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
		Memory:    16 << 20,
		Instances: 32,
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
	if l.Memory <= 0 {
		l.Memory = d.Memory
	}
	if l.Instances <= 0 {
		l.Instances = d.Instances
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
