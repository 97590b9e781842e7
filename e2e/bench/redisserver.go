//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

func findRedis() (path string, err error) {
	if path, err = exec.LookPath("redis-server"); err != nil {
		return "", fmt.Errorf("the cases %s and %s need redis-server 6.2 or newer, which Debian's package redis-server has; -only leaves them out: %w",
			caseRedis, caseCapacity, err)
	}
	return path, nil
}

// startRedis starts a redis-server with nothing in it on a free port of loopback,
// on a core. It keeps nothing on disk, and ends with this process at the latest.
func (b *bench) startRedis(ctx context.Context, core int, args ...string) (*server, error) {
	path, err := findRedis()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp(b.folder, "redis-")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &server{address: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
	s.cmd = exec.CommandContext(ctx, path, append([]string{
		"--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--dir", folder,
		"--save", "", "--appendonly", "no", "--logfile", filepath.Join(folder, "log"),
	}, args...)...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := startOn(core, s.cmd); err != nil {
		return nil, err
	}
	if err := s.answers(10 * time.Second); err != nil {
		text, _ := os.ReadFile(filepath.Join(folder, "log"))
		return nil, errors.Join(fmt.Errorf("redis-server at %s: %w\n%s", s.address, err, text), s.stop())
	}
	return s, nil
}

// answers waits until a redis-server does.
func (s *server) answers(patience time.Duration) (err error) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for until := time.Now().Add(patience); time.Now().Before(until); <-tick.C {
		if err = s.tell("PING"); err == nil {
			return nil
		}
	}
	return err
}

// ask sends a command to a redis-server; the caller reads the answer, within a
// minute, and closes the connection.
func (s *server) ask(command string) (net.Conn, error) {
	conn, err := net.DialTimeout("tcp", s.address, time.Second)
	if err != nil {
		return nil, err
	}
	err = conn.SetDeadline(time.Now().Add(time.Minute))
	if err == nil {
		_, err = fmt.Fprintf(conn, "%s\r\n", command)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// tell sends a command to a redis-server, and fails if it does.
func (s *server) tell(command string) (err error) {
	conn, err := s.ask(command)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && line[0] == '-' {
		err = errors.New(line)
	}
	return err
}

// freePort returns a port that was free just now.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// sharing is what one or two nodes are for a measurement: where clients listen,
// where they publish, and whose CPU time counts.
type sharing struct {
	name     string
	to, from *server
	served   served
}

// The rows of the table.
const (
	alone    = "in memory"
	oneNode  = "Redis, one node"
	twoNodes = "Redis, from another node"
)

// startSharing starts a Redis and the servers of the case redis, all on the
// server's core but for Redis, which is where it was asked for. Those with one
// node and those with two have a prefix each, and so nothing in common.
func (b *bench) startSharing(ctx context.Context, profile string) (all []sharing, stop func(), err error) {
	var started []*server
	stop = func() {
		for i := len(started) - 1; i >= 0; i-- {
			if err := started[i].stop(); err != nil {
				b.progress("%s did not end well: %v", started[i].address, err)
			}
		}
	}
	defer func() {
		if err != nil {
			stop()
		}
	}()
	core := b.serverCore
	if b.redisCore == besideClients {
		core = b.clientCore
	}
	redis, err := b.startRedis(ctx, core)
	if err != nil {
		return nil, nil, err
	}
	started = append(started, redis)
	for _, s := range []struct{ name, prefix, node string }{
		{alone, "", "memory-"}, {oneNode, "one:", "one-"}, {twoNodes, "two:", "two-"}, {twoNodes, "two:", "other-"},
	} {
		var args []string
		if s.prefix != "" {
			args = []string{"-redis", redis.address, "-prefix", s.prefix}
		}
		node, err := startServer(b.serverCore, self(ctx, b.roleArgs(profile+s.node, roleBare, args...)...))
		if err != nil {
			return nil, nil, err
		}
		started = append(started, node)
		last := len(all) - 1
		if last >= 0 && all[last].name == s.name {
			all[last].from = node
			all[last].served.Servers = append(all[last].served.Servers, node.pid())
			continue
		}
		one := sharing{name: s.name, to: node, from: node, served: node.served()}
		if s.prefix != "" {
			one.served.Redis = redis.pid()
		}
		all = append(all, one)
	}
	return all, stop, nil
}
