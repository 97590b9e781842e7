package wasm

import (
	"bytes"

	"github.com/mesh-host/mesh-host/host/plugin/guest"
)

// lines cuts what a guest writes into lines. It holds at most MaxLine bytes of
// an unfinished one; more of it is dropped.
type lines struct {
	stream  string
	take    func(stream string, line []byte) // may be nil
	partial []byte
}

func newLines(stream string, take func(stream string, line []byte)) *lines {
	return &lines{stream: stream, take: take}
}

// Write implements io.Writer and never fails: a guest is not to know how its
// output fares.
func (l *lines) Write(p []byte) (int, error) {
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
