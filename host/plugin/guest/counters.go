package guest

import "sync/atomic"

// Counters count what became of a plugin's calls. They are safe for concurrent
// use; the zero value is ready.
type Counters struct {
	// Calls that were given an instance.
	Calls atomic.Uint64
	// Errors are calls that the guest answered with an error or a refusal.
	Errors atomic.Uint64
	// Faults are calls that trapped, exited, or broke the ABI.
	Faults atomic.Uint64
	// Timeouts are calls that passed the deadline.
	Timeouts atomic.Uint64
	// Busy are calls that no instance came free for.
	Busy atomic.Uint64
	// Discarded are instances that were thrown away after a fault or a
	// timeout.
	Discarded atomic.Uint64
	// DroppedLines are log lines beyond the plugin's log rate.
	DroppedLines atomic.Uint64
}

// Counts is a snapshot of Counters.
type Counts struct {
	Calls        uint64 `json:"calls"`
	Errors       uint64 `json:"errors"`
	Faults       uint64 `json:"faults"`
	Timeouts     uint64 `json:"timeouts"`
	Busy         uint64 `json:"busy"`
	Discarded    uint64 `json:"discarded"`
	DroppedLines uint64 `json:"droppedLines"`
}

// Snapshot reads the counters, one after the other.
func (c *Counters) Snapshot() Counts {
	return Counts{
		Calls: c.Calls.Load(), Errors: c.Errors.Load(), Faults: c.Faults.Load(),
		Timeouts: c.Timeouts.Load(), Busy: c.Busy.Load(),
		Discarded: c.Discarded.Load(), DroppedLines: c.DroppedLines.Load(),
	}
}
