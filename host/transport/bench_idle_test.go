//go:build unix

package transport_test

import (
	"net/netip"
	"runtime"
	"syscall"
	"testing"

	"github.com/mesh-host/mesh-host/host/transport/transporttest"
)

// BenchmarkIdle is what an idle session holds of the process's heap and
// stacks, in bytes, after one command. The clients are bare sockets, of which
// the runtime knows nothing.
func BenchmarkIdle(b *testing.B) {
	const sessions = 5000
	for b.Loop() {
		s := serve(b, func(u *setup) { u.limits.PingInterval = 1 << 40 })
		before := memoryInUse()
		var sockets []int
		for range sessions {
			sockets = append(sockets, bareClient(b, s.address))
		}
		holds := memoryInUse() - before
		b.ReportMetric(float64(holds)/sessions, "B/session")
		if n := runtime.NumGoroutine(); n > sessions+20 {
			b.Errorf("%d goroutines for %d sessions", n, sessions)
		}
		for _, fd := range sockets {
			_ = syscall.Close(fd)
		}
		for range sessions {
			s.expectGone(b, 1006)
		}
	}
}

// bareClient opens a session, sends a command and reads its reply.
func bareClient(b *testing.B, address string) int {
	b.Helper()
	to := netip.MustParseAddrPort(address)
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		b.Fatal(err)
	}
	if err := syscall.Connect(fd, &syscall.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}); err != nil {
		b.Fatal(err)
	}
	var answer [1024]byte
	for _, sent := range [][]byte{[]byte(transporttest.Request("/")), bytesOf(text(said("hello")))} {
		if _, err := syscall.Write(fd, sent); err != nil {
			b.Fatal(err)
		}
		if n, err := syscall.Read(fd, answer[:]); n <= 0 || err != nil {
			b.Fatal(n, err)
		}
	}
	return fd
}
