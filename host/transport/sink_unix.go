//go:build darwin || linux || openbsd

package transport

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// directSink writes to the socket itself, as much as it takes at once: the
// runtime's way of writing always waits for the rest.
type directSink struct{ raw syscall.RawConn }

func newDirectSink(conn net.Conn) sink {
	raw := rawConn(conn)
	if raw == nil {
		return nil
	}
	return directSink{raw}
}

func (s directSink) put(frames [][]byte) ([][]byte, error) {
	a := directPuts.Get().(*directPut)
	defer directPuts.Put(a)
	a.frames = frames
	err := s.raw.Write(a.try)
	a.frames = nil
	if err != nil {
		return nil, err
	}
	if a.err != nil {
		return nil, os.NewSyscallError("write", a.err)
	}
	return after(frames, a.n), nil
}

// directPut is one call of put. Connections at rest have none.
type directPut struct {
	frames [][]byte
	n      int
	err    error
	try    func(fd uintptr) bool // write, as a value made once
}

var directPuts = sync.Pool{New: func() any {
	a := &directPut{}
	a.try = a.write
	return a
}}

// write writes once; it never asks to wait until the socket takes more.
func (a *directPut) write(fd uintptr) bool {
	for {
		if len(a.frames) == 1 {
			a.n, a.err = syscall.Write(int(fd), a.frames[0])
		} else {
			a.n, a.err = unix.Writev(int(fd), a.frames)
		}
		switch {
		case errors.Is(a.err, syscall.EINTR):
			continue
		case errors.Is(a.err, syscall.EAGAIN):
			a.n, a.err = 0, nil
		}
		return true
	}
}

// after returns what is left of frames after so many bytes.
func after(frames [][]byte, n int) [][]byte {
	for len(frames) > 0 && n >= len(frames[0]) {
		n -= len(frames[0])
		frames = frames[1:]
	}
	if n > 0 {
		frames[0] = frames[0][n:]
	}
	return frames
}
