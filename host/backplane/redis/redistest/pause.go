//go:build unix

package redistest

import (
	"syscall"
	"testing"
)

// Pause stops the server as SIGSTOP does: connections stay, nothing answers.
func (s *Server) Pause(tb testing.TB) {
	tb.Helper()
	s.signal(tb, syscall.SIGSTOP)
}

// Resume has a server go on that was paused.
func (s *Server) Resume(tb testing.TB) {
	tb.Helper()
	s.signal(tb, syscall.SIGCONT)
}

func (s *Server) signal(tb testing.TB, sig syscall.Signal) {
	tb.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		tb.Fatalf("redistest: %s: %v: %v", s.Addr, sig, err)
	}
}
