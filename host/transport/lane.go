package transport

import (
	"sync"

	"github.com/mesh-host/mesh-host/host/command"
)

// lane keeps the account of a session's commands: how many run or wait, which
// serial ones wait their turn, and who runs the one that runs.
type lane struct {
	mu       sync.Mutex
	freed    sync.Cond // a command has ended
	limit    int
	inFlight int
	serial   serial
	waiting  []request
	draining bool
}

// serial says who runs the session's serial command.
type serial uint8

const (
	none   serial = iota
	inline        // the reader, which may yield its turn to read
	apart         // a goroutine that has yielded it
)

// request is a command that has been found and not yet run.
type request struct {
	command *command.Command
	table   *command.Table
	// id and name are the JSON text of the id and the command as the client
	// sent them; id is nil for a one-way command.
	id, name, payload []byte
}

// owned returns the request with copies of its bytes, for one that outlives
// the read buffer.
func (r request) owned() request {
	all := make([]byte, 0, len(r.id)+len(r.name)+len(r.payload))
	keep := func(b []byte) []byte {
		if b == nil {
			return nil
		}
		all = append(all, b...)
		return all[len(all)-len(b) : len(all) : len(all)]
	}
	r.id, r.name, r.payload = keep(r.id), keep(r.name), keep(r.payload)
	return r
}

// verdict says what becomes of a command that has arrived.
type verdict uint8

const (
	runHere verdict = iota // the reader runs it
	runBeside
	queued
	crowded // as many as may be are in flight: wait, and ask again
	dropped // the server is draining
)

// admit takes a command in; only the session's reader calls it.
func (l *lane) admit(r request) verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.draining:
		return dropped
	case l.inFlight >= l.limit:
		return crowded
	}
	l.inFlight++
	switch {
	case r.command.Concurrent:
		return runBeside
	case l.serial != none:
		l.waiting = append(l.waiting, r.owned())
		return queued
	}
	l.serial = inline
	return runHere
}

// wait blocks until a command may be admitted, or none will be.
func (l *lane) wait() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.inFlight >= l.limit && !l.draining {
		l.freed.Wait()
	}
}

// yield calls handOver, which must not block, if the reader runs a command:
// from then on that command runs apart.
func (l *lane) yield(handOver func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.serial == inline {
		l.serial = apart
		handOver()
	}
}

// endInline ends the command that the reader ran, unless it has yielded.
func (l *lane) endInline() (kept, last bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.serial != inline {
		return false, false
	}
	l.serial = none // no one but the reader adds to the queue: it is empty
	return true, l.left()
}

// endApart ends a command that ran apart and hands over the one that waits
// longest; without one no serial command runs any more.
func (l *lane) endApart() (next request, more, last bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	last = l.left()
	if len(l.waiting) == 0 {
		l.serial, l.waiting = none, nil
		return request{}, false, last
	}
	next = l.waiting[0]
	l.waiting[0] = request{}
	l.waiting = l.waiting[1:]
	return next, true, last
}

// endBeside ends a concurrent command.
func (l *lane) endBeside() (last bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.left()
}

// left takes a command, whose reply was handed over, out of the account and
// reports whether it was the last one of a draining session; the lane is
// locked.
func (l *lane) left() (last bool) {
	l.inFlight--
	l.freed.Signal()
	return l.draining && l.inFlight == 0
}

// drain takes no more commands in and reports whether none are in flight.
func (l *lane) drain() (idle bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.draining = true
	l.freed.Signal()
	return l.inFlight == 0
}
