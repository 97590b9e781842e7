package wasm

import (
	"bytes"
	"context"

	"github.com/mesh-host/mesh-host/host/plugin/guest"
)

// lines cuts what a guest writes into lines. It holds at most MaxLine bytes of
// an unfinished one; more of it is dropped.
type lines struct {
	stream  string
	of      *Slot
	charge  func(units int64)
	partial []byte
}

func newLines(stream string, of *Slot, charge func(units int64)) *lines {
	return &lines{stream: stream, of: of, charge: charge}
}

// Write implements io.Writer. It fails only past the guest's deadline: one call
// of fd_write makes as many writes as its vector has entries, and nothing else
// would end it.
func (l *lines) Write(p []byte) (int, error) {
	if l.of.expired.Load() {
		return 0, context.DeadlineExceeded
	}
	l.charge(hostCallFuel + int64(len(p)))
	n := len(p)
	for {
		line, rest, ended := bytes.Cut(p, []byte{'\n'})
		l.partial = append(l.partial, line[:min(len(line), guest.MaxLine-len(l.partial))]...)
		if !ended {
			return n, nil
		}
		if l.of.expired.Load() {
			return 0, context.DeadlineExceeded
		}
		l.charge(hostCallFuel) // a line costs more than its bytes
		if take := l.of.pool.options.Print; take != nil {
			take(l.of.id, l.stream, bytes.TrimSuffix(l.partial, []byte{'\r'}))
		}
		l.partial, p = l.partial[:0], rest
	}
}
