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
	take    func(stream string, line []byte) // may be nil
	expired func() bool
	partial []byte
}

func newLines(stream string, take func(stream string, line []byte), expired func() bool) *lines {
	return &lines{stream: stream, take: take, expired: expired}
}

// Write implements io.Writer. It fails only past the guest's deadline: one call
// of fd_write makes as many writes as its vector has entries, and nothing else
// would end it.
func (l *lines) Write(p []byte) (int, error) {
	if l.expired() {
		return 0, context.DeadlineExceeded
	}
	n := len(p)
	for {
		line, rest, ended := bytes.Cut(p, []byte{'\n'})
		l.partial = append(l.partial, line[:min(len(line), guest.MaxLine-len(l.partial))]...)
		if !ended {
			return n, nil
		}
		if l.take != nil {
			l.take(l.stream, bytes.TrimSuffix(l.partial, []byte{'\r'}))
		}
		l.partial, p = l.partial[:0], rest
	}
}
