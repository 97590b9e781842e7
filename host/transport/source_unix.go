//go:build unix

package transport

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// directSource reads the socket itself once it is readable. The runtime's
// poller does the waiting, and while it waits the session has no buffer: that
// is what keeps an idle connection small.
type directSource struct {
	raw syscall.RawConn
	in  *inbound
	n   int
	err error
	try func(fd uintptr) bool // read, as a value made once
}

func newDirectSource(conn net.Conn) source {
	raw := rawConn(conn)
	if raw == nil {
		return nil
	}
	s := &directSource{raw: raw}
	s.try = s.read
	return s
}

// rawConn returns the way to a connection's file descriptor, nil where what is
// read there is not what the client wrote.
func rawConn(conn net.Conn) syscall.RawConn {
	var raw syscall.RawConn
	var err error
	switch c := conn.(type) {
	case *net.TCPConn:
		raw, err = c.SyscallConn()
	case *net.UnixConn:
		raw, err = c.SyscallConn()
	}
	if err != nil {
		return nil
	}
	return raw
}

func (s *directSource) fill(in *inbound) error {
	s.in = in
	if err := s.raw.Read(s.try); err != nil {
		return err
	}
	if s.n > 0 {
		in.w += s.n
		return nil
	}
	in.giveBack()
	if s.err != nil {
		return os.NewSyscallError("read", s.err)
	}
	return io.EOF
}

// read is called when the socket may be readable; false waits until it is.
func (s *directSource) read(fd uintptr) bool {
	for {
		s.n, s.err = syscall.Read(int(fd), s.in.borrow())
		switch {
		case s.err == nil:
			return true
		case errors.Is(s.err, syscall.EAGAIN):
			s.in.giveBack()
			return false
		case !errors.Is(s.err, syscall.EINTR):
			return true
		}
	}
}

// isExhausted reports that the process or the system is out of descriptors or
// memory, or that a connection was gone before it was accepted.
func isExhausted(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
