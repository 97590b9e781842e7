//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// anyCore leaves a process where the system puts it.
const anyCore = -1

// cores returns the first two cores that this process may use, the same one
// twice where there is only one.
func cores() (server, client int, err error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return 0, 0, err
	}
	found := make([]int, 0, 2)
	for core := 0; core < len(set)*64 && len(found) < 2; core++ {
		if set.IsSet(core) {
			found = append(found, core)
		}
	}
	return found[0], found[len(found)-1], nil
}

// startOn starts a process that stays on one core, with one thread of Go code:
// a process inherits the affinity of the thread that starts it.
func startOn(core int, cmd *exec.Cmd) error {
	if core == anyCore {
		return cmd.Start()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return err
	}
	one.Set(core)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return err
	}
	cmd.Env = append(cmd.Environ(), "GOMAXPROCS=1")
	return errors.Join(cmd.Start(), unix.SchedSetaffinity(0, &before))
}

// self is a command that runs this program in one of its roles.
func self(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/proc/self/exe", args...)
	cmd.Stderr = os.Stderr
	return cmd
}

// measure runs a load in a generator of a kind, on a core, which takes about so
// long.
func measure(ctx context.Context, core int, kind string, l any, about time.Duration) (s sample, err error) {
	ctx, cancel := context.WithTimeout(ctx, about+time.Minute)
	defer cancel()
	spec, err := json.Marshal(l)
	if err != nil {
		return s, err
	}
	var out strings.Builder
	cmd := self(ctx, kind)
	cmd.Stdin, cmd.Stdout = strings.NewReader(string(spec)), &out
	if err := startOn(core, cmd); err != nil {
		return s, err
	}
	if err := cmd.Wait(); err != nil {
		return s, fmt.Errorf("load generator: %w", err)
	}
	return s, json.Unmarshal([]byte(out.String()), &s)
}

// server is a process that serves until it is stopped.
type server struct {
	cmd     *exec.Cmd
	stdin   io.Closer // its end tells a role of this program to stop
	address string
}

// startServer starts a server and waits for the line that says where it
// listens: the last word, or what follows listen=.
func startServer(core int, cmd *exec.Cmd) (*server, error) {
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := startOn(core, cmd); err != nil {
		return nil, err
	}
	late := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	s := &server{cmd: cmd, stdin: stdin}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s is not ready: %w", cmd, err), s.stop())
	}
	for _, word := range strings.Fields(line) {
		if address, ok := strings.CutPrefix(word, "listen="); ok {
			s.address = address
		}
	}
	return s, nil
}

func (s *server) pid() int { return s.cmd.Process.Pid }

// served is a server that works alone.
func (s *server) served() served { return served{Servers: []int{s.pid()}} }

// stop ends the server and waits for it.
func (s *server) stop() error {
	_ = s.cmd.Process.Signal(unix.SIGTERM)
	_ = s.stdin.Close()
	late := time.AfterFunc(20*time.Second, func() { _ = s.cmd.Process.Kill() })
	defer late.Stop()
	return s.cmd.Wait()
}
