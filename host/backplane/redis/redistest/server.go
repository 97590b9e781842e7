// Package redistest starts real Redis servers for tests, on free ports of
// loopback, and stops them: one alone, a set that Sentinel watches, a Cluster,
// and a proxy that stands for the network between. Whatever is started ends with
// its test, at the latest with the process. A function that cannot do its work
// fails the test, with what the servers have said last.
package redistest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// patience is how long a server may take to do what it is told.
const patience = 30 * time.Second

// Server is a redis-server. Its methods are for one goroutine at a time.
type Server struct {
	// Addr is "127.0.0.1:port".
	Addr string

	dir  string
	args []string
	cmd  *exec.Cmd
	// done is closed when the process has ended.
	done chan struct{}
}

// Start starts a server, with further arguments for redis-server, which ends
// with the test. It keeps nothing on disk unless the arguments say so
// ("--appendonly", "yes", "--appendfsync", "always").
func Start(tb testing.TB, args ...string) *Server {
	tb.Helper()
	s, err := start(tb.TempDir(), args)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Kill)
	return s
}

// start starts a server on a port of its own choice.
func start(dir string, args []string) (*Server, error) {
	return launch(dir, func(port int) ([]string, error) {
		return append([]string{
			"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", dir,
			"--save", "", "--appendonly", "no",
		}, args...), nil
	})
}

// launch starts a redis-server with the arguments that a port makes. Another
// process may take the port before the server does: then it tries another one.
func launch(dir string, arguments func(port int) ([]string, error)) (s *Server, err error) {
	for range 5 {
		var port int
		if port, err = freePort(); err != nil {
			return nil, err
		}
		s = &Server{dir: dir, Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
		if s.args, err = arguments(port); err != nil {
			return nil, err
		}
		err = s.run()
		if err == nil || !strings.Contains(err.Error(), "in use") {
			return s, err
		}
	}
	return nil, err
}

// Restart starts a server that was killed, with what it has on disk, on the port
// that it had.
func (s *Server) Restart(tb testing.TB) {
	tb.Helper()
	if err := s.run(); err != nil {
		tb.Fatal(err)
	}
}

// run starts the process and waits until it answers.
func (s *Server) run() error {
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("redistest: %w", err)
	}
	defer func() { _ = log.Close() }() // the process has it too
	s.cmd = exec.Command("redis-server", s.args...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.SysProcAttr = mortal()
	s.done = make(chan struct{})
	if err := s.hold(); err != nil {
		return fmt.Errorf("redistest: %w; Debian's package redis-server has it", err)
	}
	if err := s.answer(); err != nil {
		s.Kill()
		return fmt.Errorf("redistest: %s: %w\n%s", s.Addr, err, s.said())
	}
	return nil
}

// hold starts the process and waits for its end in a goroutine that keeps its
// thread: Linux counts the end of the thread that has started a process as its
// parent's.
func (s *Server) hold() error {
	started, cmd, done := make(chan error), s.cmd, s.done
	go func() {
		defer close(done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // it is killed, which is an error
		}
	}()
	return <-started
}

// Kill ends the server as kill -9 does, also one that is paused, and waits for
// its end. One that has ended already is no mistake.
func (s *Server) Kill() {
	if s.cmd == nil || s.cmd.Process == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	<-s.done
}

// runs reports whether the server was started and has not ended.
func (s *Server) runs() bool {
	select {
	case <-s.done:
		return false
	default:
		return true
	}
}

// Client returns a client of the server, which the test's end closes. It tries
// each command once.
func (s *Server) Client(tb testing.TB) *goredis.Client {
	tb.Helper()
	client := s.client()
	tb.Cleanup(func() { _ = client.Close() })
	return client
}

func (s *Server) client() *goredis.Client {
	return goredis.NewClient(&goredis.Options{
		Addr: s.Addr, Password: s.argument("--requirepass"), MaxRetries: -1,
		DialTimeout: 5 * time.Second, ReadTimeout: 2 * time.Second,
	})
}

// argument is what follows an argument, "" where it is not given.
func (s *Server) argument(name string) string {
	for i, arg := range s.args[:max(0, len(s.args)-1)] {
		if arg == name {
			return s.args[i+1]
		}
	}
	return ""
}

// answer waits until the server answers, and it is this one.
func (s *Server) answer() error {
	client := s.client()
	defer func() { _ = client.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		info, err := client.Info(ctx, "server").Result()
		if err == nil && infoField(info, "process_id") == strconv.Itoa(s.cmd.Process.Pid) {
			return nil
		}
		select {
		case <-s.done:
			return fmt.Errorf("redis-server ended: %s", s.reason())
		case <-ctx.Done():
			return fmt.Errorf("redis-server does not answer: %w", errors.Join(err, ctx.Err()))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// reason is the last line of what the server has said.
func (s *Server) reason() string {
	lines := strings.Split(strings.TrimSpace(s.said()), "\n")
	for _, line := range lines {
		if strings.Contains(line, "in use") {
			return line
		}
	}
	return lines[len(lines)-1]
}

// said is the end of what the server has said.
func (s *Server) said() string {
	const most = 4 << 10
	text, err := os.ReadFile(s.logFile())
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}

func (s *Server) logFile() string {
	return filepath.Join(s.dir, "log-"+s.Addr[strings.LastIndexByte(s.Addr, ':')+1:])
}

// infoField is a field of an INFO.
func infoField(info, name string) string {
	_, after, _ := strings.Cut("\n"+info, "\n"+name+":")
	value, _, _ := strings.Cut(after, "\r")
	return value
}

// until waits until done has no more reason why not, and fails the test, with
// the last one and what the servers have said, where that never comes.
func until(tb testing.TB, what string, servers []*Server, done func(ctx context.Context) error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		err := done(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			for _, s := range servers {
				tb.Logf("%s, which runs: %v:\n%s", s.Addr, s.runs(), s.said())
			}
			tb.Fatalf("redistest: waiting for %s: %v", what, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

var prefixes atomic.Int64

// Prefix returns a prefix of keys that no other test of this process has, so
// that many can share servers.
func Prefix() string { return "test" + strconv.FormatInt(prefixes.Add(1), 10) + ":" }
