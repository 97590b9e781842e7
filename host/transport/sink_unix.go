//go:build darwin || linux || openbsd

package transport

import (
	"errors"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// directSink writes to the socket itself, as much as it takes at once: the
// runtime's way of writing always waits for the rest.
type directSink struct {
	raw    syscall.RawConn
	frames [][]byte
	n      int
	err    error
	try    func(fd uintptr) bool // write, as a value made once
}

func newDirectSink(conn net.Conn) sink {
	raw := rawConn(conn)
	if raw == nil {
		return nil
	}
	s := &directSink{raw: raw}
	s.try = s.write
	return s
}

func (s *directSink) put(frames [][]byte) ([][]byte, error) {
	s.frames = frames
	err := s.raw.Write(s.try)
	s.frames = nil
	if err != nil {
		return nil, err
	}
	if s.err != nil {
		return nil, os.NewSyscallError("write", s.err)
	}
	return after(frames, s.n), nil
}

// write writes once; it never asks to wait until the socket takes more.
func (s *directSink) write(fd uintptr) bool {
	for {
		if len(s.frames) == 1 {
			s.n, s.err = syscall.Write(int(fd), s.frames[0])
		} else {
			s.n, s.err = unix.Writev(int(fd), s.frames)
		}
		switch {
		case errors.Is(s.err, syscall.EINTR):
			continue
		case errors.Is(s.err, syscall.EAGAIN):
			s.n, s.err = 0, nil
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
