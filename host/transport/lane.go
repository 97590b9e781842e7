package transport

import (
	"sync"

	"github.com/mesh-host/mesh-host/host/command"
)

// lane keeps the account of a session's commands: how many run or wait, which
// serial ones wait their turn, and whether one runs.
type lane struct {
	mu       sync.Mutex
	freed    sync.Cond // a command has ended
	limit    int
	inFlight int
	busy     bool // a serial command runs
	waiting  []request
	draining bool
}

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
type verdict int

const (
	runHere verdict = iota // the reader runs it
	runBeside
	queued
	dropped // the server is draining
)

// full reports whether limit commands run or wait.
func (l *lane) full() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.inFlight >= l.limit
}

// wait blocks until a command may be admitted.
func (l *lane) wait() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.inFlight >= l.limit {
		l.freed.Wait()
	}
}

// admit takes a command in; only the session's reader calls it.
func (l *lane) admit(r request) verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.draining {
		return dropped
	}
	l.inFlight++
	switch {
	case r.command.Concurrent:
		return runBeside
	case l.busy:
		l.waiting = append(l.waiting, r.owned())
		return queued
	}
	l.busy = true
	return runHere
}

// next hands over the serial command that waits longest, or ends the lane's
// turn.
func (l *lane) next() (request, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		l.busy = false
		l.waiting = nil
		return request{}, false
	}
	r := l.waiting[0]
	l.waiting[0] = request{}
	l.waiting = l.waiting[1:]
	return r, true
}

// ended takes a command out of the account, after its reply was handed over,
// and reports whether that was the last one of a draining session.
func (l *lane) ended() (last bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inFlight--
	l.freed.Signal()
	return l.draining && l.inFlight == 0
}

// drain takes no more commands in and reports whether none are in flight.
func (l *lane) drain() (idle bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.draining = true
	return l.inFlight == 0
}
