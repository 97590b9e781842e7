package guest

import (
	"sync/atomic"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// Counters count what became of a plugin's calls. They are safe for concurrent
// use; the zero value is ready.
type Counters struct {
	// Calls that were given an instance.
	Calls atomic.Uint64
	// Durations are those of Calls, from being given an instance to the end,
	// host calls included.
	Durations Histogram
	// Errors are calls that the guest answered with an error or a refusal;
	// Codes count them by their codes.
	Errors atomic.Uint64
	Codes  CodeCounters
	// Faults are calls that trapped, exited, or broke the ABI.
	Faults atomic.Uint64
	// Timeouts are calls that passed the deadline.
	Timeouts atomic.Uint64
	// OutOfFuel are calls that used up their fuel.
	OutOfFuel atomic.Uint64
	// Fuel is what calls have used, starting instances included, in units of
	// about one instruction.
	Fuel atomic.Uint64
	// Busy are calls that no instance came free for, or that were beyond
	// Options.InFlight.
	Busy atomic.Uint64
	// Suspended are calls that were refused because their handler had failed
	// again and again.
	Suspended atomic.Uint64
	// Discarded are instances that were thrown away after a fault, a
	// timeout or without fuel.
	Discarded atomic.Uint64
	// HostCalls are all host calls but those that need no capability;
	// HostCallsLimited those of them that were beyond Options.HostCalls,
	// HostCallsDenied those beyond the plugin's capabilities and origins.
	HostCalls, HostCallsLimited, HostCallsDenied atomic.Uint64
	// DroppedLines are log lines beyond the plugin's log rate.
	DroppedLines atomic.Uint64
	// Loads are versions that came to serve, FailedLoads contents that did not
	// load.
	Loads, FailedLoads atomic.Uint64
}

// CodeCounters count errors by their codes: those of abi.ErrorCodes, and all
// others together.
type CodeCounters [maxCodes + 1]atomic.Uint64

// maxCodes is more than abi.ErrorCodes has.
const maxCodes = 32

// OtherCode stands for all codes that plugins invent.
const OtherCode = "other"

// Add counts an error by its code, if it has one.
func (c *CodeCounters) Add(err error) {
	place := maxCodes
	if e := protocol.AsError(err); e != nil {
		if entry, ok := abi.LookupError(e.Code); ok && entry.Number < maxCodes {
			place = int(entry.Number)
		}
	}
	c[place].Add(1)
}

// Snapshot returns the codes that there were errors of.
func (c *CodeCounters) Snapshot() map[string]uint64 {
	counts := make(map[string]uint64)
	for _, e := range abi.ErrorCodes {
		if n := c[min(e.Number, maxCodes)].Load(); n > 0 {
			counts[e.Code] = n
		}
	}
	if n := c[maxCodes].Load(); n > 0 {
		counts[OtherCode] = n
	}
	return counts
}

// Counts is a snapshot of Counters.
type Counts struct {
	Calls            uint64            `json:"calls"`
	Durations        Durations         `json:"durations"`
	Errors           uint64            `json:"errors"`
	Codes            map[string]uint64 `json:"codes"`
	Faults           uint64            `json:"faults"`
	Timeouts         uint64            `json:"timeouts"`
	OutOfFuel        uint64            `json:"outOfFuel"`
	Fuel             uint64            `json:"fuel"`
	Busy             uint64            `json:"busy"`
	Suspended        uint64            `json:"suspended"`
	Discarded        uint64            `json:"discarded"`
	HostCalls        uint64            `json:"hostCalls"`
	HostCallsLimited uint64            `json:"hostCallsLimited"`
	HostCallsDenied  uint64            `json:"hostCallsDenied"`
	DroppedLines     uint64            `json:"droppedLines"`
	Loads            uint64            `json:"loads"`
	FailedLoads      uint64            `json:"failedLoads"`
}

// Snapshot reads the counters, one after the other.
func (c *Counters) Snapshot() Counts {
	return Counts{
		Calls: c.Calls.Load(), Durations: c.Durations.Snapshot(),
		Errors: c.Errors.Load(), Codes: c.Codes.Snapshot(),
		Faults: c.Faults.Load(), Timeouts: c.Timeouts.Load(),
		OutOfFuel: c.OutOfFuel.Load(), Fuel: c.Fuel.Load(),
		Busy: c.Busy.Load(), Suspended: c.Suspended.Load(), Discarded: c.Discarded.Load(),
		HostCalls: c.HostCalls.Load(), HostCallsLimited: c.HostCallsLimited.Load(), HostCallsDenied: c.HostCallsDenied.Load(),
		DroppedLines: c.DroppedLines.Load(), Loads: c.Loads.Load(), FailedLoads: c.FailedLoads.Load(),
	}
}
