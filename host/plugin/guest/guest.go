// Package guest is what the plugin manager and the runtimes that execute
// plugins agree on: how a loaded plugin is called, bounded and counted,
// whatever its binary format.
package guest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/capability"
	"github.com/mesh-host/mesh-host/host/operation"
)

// Plugin is one loaded version of a plugin with its instances. It is safe for
// concurrent use.
type Plugin interface {
	// Document is the registration document that the plugin returned when it
	// was probed: JSON text, not yet looked at, at most MaxDocument bytes.
	Document() []byte
	// Handler returns the function that the guest knows by a number. Each
	// entry of the registration document needs a Handler of its own, even
	// where two share a number: instances are reserved per Handler.
	Handler(number uint32) Handler
	// Imports returns the names of the operations that the plugin can call, in
	// any order; what else it imports is not among them.
	Imports() []string
	// Narrow replaces Options.Access by one that goes no further, before any
	// Handler is called.
	Narrow(access *capability.Access)
	// Memory returns how much memory all instances have together, in bytes.
	Memory() int64
	// Instances returns how many instances exist, and how many of them are
	// running a call.
	Instances() (all, running int)
	// Close fails new calls with ErrClosed, waits for the running ones and
	// frees everything. It may be called twice.
	Close()
}

// Handler is one function of a guest. It is safe for concurrent use.
type Handler interface {
	// Call runs the function once and gives its answer to the receiver
	// before it returns. It waits for a free instance for at most the plugin's deadline,
	// or until ctx is done, and then fails with ErrBusy; once it runs, only
	// the plugin's deadline ends it. It returns what Receive returned, or
	// ErrTimeout, ErrFuel, ErrClosed or a *Fault, in a *CallError where the call
	// had begun.
	Call(ctx context.Context, request abi.Request, to Receiver) error
}

// Receiver takes the answer of one call.
type Receiver interface {
	// Receive reads an answer whose fields are in the guest's memory: they may
	// hold anything and are gone when it returns. An error that wraps
	// ErrMalformed costs the guest its instance; any other is simply the
	// result of the call.
	Receive(response abi.Response) error
	// Yield tells the receiver that the call is about to wait, or has run for
	// long. It must not block; it may come from another goroutine, but never
	// after the call has returned.
	Yield()
}

// The outcomes of a call that are no answer.
var (
	// ErrBusy: no instance came free in time.
	ErrBusy = errors.New("guest: all instances are busy")
	// ErrTimeout: the deadline passed while the guest ran.
	ErrTimeout = errors.New("guest: deadline passed")
	// ErrFuel: the call used up its fuel.
	ErrFuel = errors.New("guest: out of fuel")
	// ErrClosed: the plugin was closed.
	ErrClosed = errors.New("guest: closed")
	// ErrMalformed: the answer breaks the ABI; see Receiver.
	ErrMalformed = errors.New("guest: malformed answer")
)

// Malformed returns an error that wraps ErrMalformed and says what is wrong.
func Malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// Fault is the outcome of a call whose guest trapped, exited, ran out of
// memory, answered rubbish or could not be started. Cause is for the log: it
// may hold text that the guest chose.
type Fault struct{ Cause error }

// Error implements error.
func (f *Fault) Error() string { return "guest: " + f.Cause.Error() }

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.Cause }

// CallError is what went wrong with a call, the guest's own errors too, and
// which one that was.
type CallError struct {
	Call operation.CallID
	Err  error
}

// Error implements error.
func (e *CallError) Error() string { return e.Err.Error() }

// Unwrap returns what went wrong.
func (e *CallError) Unwrap() error { return e.Err }

// MaxDocument bounds a registration document, in bytes.
const MaxDocument = 1 << 20

// Options are what a plugin is started with.
type Options struct {
	// Name is the plugin's name as far as it is known: host calls are made
	// under it.
	Name string
	// Version is the short hash of its content, for the log.
	Version string
	// Deadline bounds every run of guest code, at a resolution of 10 to 20 ms.
	Deadline time.Duration
	// Fuel bounds what one call executes, in units of about one instruction; the
	// start of an instance has as much for itself. 0 is no bound but Deadline.
	Fuel int64
	// Memory bounds the linear memory of one instance, in bytes; it is rounded
	// down to whole pages of 64 KiB.
	Memory int64
	// Instances is the most calls that run at once, apart from the one that
	// each handler may always have.
	Instances int
	// Single keeps one instance only, which runs one call at a time and lives
	// until it fails.
	Single bool
	// InFlight is the most calls that run and wait together; one more is
	// ErrBusy at once. 0 reads as DefaultInFlight.
	InFlight int
	// HostCalls bounds the host calls, of all that share it; what is over is
	// answered ERATELIMIT. nil: no bound.
	HostCalls *Rate
	// Access is what the plugin may ask for; nil: everything but HTTP.
	Access *capability.Access
	// Output bounds what one call returns, in bytes.
	Output int
	// Print takes the lines that the guest writes to its standard output and
	// standard error, without line end, cut at MaxLine bytes, and the call
	// that it does so in. It is called from whatever goroutine runs the guest
	// and must not keep line.
	Print func(call operation.CallID, stream string, line []byte)
	// Counters are added to, and shared by all versions of a plugin.
	Counters *Counters
}

// DefaultInFlight is what Options have that set no InFlight.
const DefaultInFlight = 16 << 10

// MaxLine bounds a line of guest output, in bytes; the rest of it is dropped.
const MaxLine = 4096
