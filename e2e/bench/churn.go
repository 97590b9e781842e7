//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"
)

// churnLoad is one measurement of clients that come and go.
type churnLoad struct {
	Address string `json:"address"`
	// Assigned says that the server tells a client its id and answers its close
	// frame, and is only then done with it.
	Assigned bool `json:"assigned"`
	// Room is what a client joins and leaves in between, "" for none.
	Room     string        `json:"room,omitempty"`
	Clients  int           `json:"clients"` // at a time
	Warm     time.Duration `json:"warm"`
	Duration time.Duration `json:"duration"`
	served
}

// run makes the measurement: Rate is whole lives a second, from the connect to
// the end of the connection; latencies are those of such lives.
func (l churnLoad) run() (s sample, err error) {
	c, err := newChurn(l)
	if c != nil {
		defer c.close()
	}
	if err != nil {
		return s, err
	}
	if _, err := c.run(l.Warm); err != nil {
		return s, err
	}
	m := startMeter(l.served)
	took, err := c.run(l.Duration)
	if err != nil {
		return s, err
	}
	return m.sample(c.ended, took, &c.latencies), nil
}

// churn is a number of clients that connect, are told their id, close, and
// begin anew, on one goroutine and one epoll descriptor.
type churn struct {
	address   netip.AddrPort
	assigned  bool
	joins     []byte // frames: what is asked before the close
	leaves    []byte
	hello     []byte // the request of a handshake
	epoll     int
	lives     []life
	events    []unix.EpollEvent
	buffer    []byte
	began     time.Time
	ended     int
	latencies histogram
}

// life is one client's: what it has come to, and what it has read since.
type life struct {
	fd    int
	began time.Duration
	stage stage
	got   []byte
}

type stage uint8

const (
	connecting stage = iota
	greeting         // the handshake is on its way
	joining          // the request to join is
	leaving          // that to leave is
	closing          // the close frame is
)

func newChurn(l churnLoad) (c *churn, err error) {
	c = &churn{
		assigned: l.Assigned, hello: []byte(upgradeRequest(l.Address)), lives: make([]life, l.Clients),
		events: make([]unix.EpollEvent, 256), buffer: make([]byte, 16<<10), began: time.Now(),
	}
	if l.Room != "" {
		c.joins = appendMasked(nil, fmt.Appendf(nil, `{"id":1,"command":"mesh/join-room","payload":{"roomName":%q}}`, l.Room))
		c.leaves = appendMasked(nil, fmt.Appendf(nil, `{"id":2,"command":"mesh/leave-room","payload":{"roomName":%q}}`, l.Room))
	}
	for i := range c.lives {
		c.lives[i].fd = -1
	}
	if c.address, err = netip.ParseAddrPort(l.Address); err != nil {
		return nil, err
	}
	if c.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	for i := range c.lives {
		if err := c.begin(i); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (c *churn) close() {
	for i := range c.lives {
		if c.lives[i].fd >= 0 {
			_ = unix.Close(c.lives[i].fd)
		}
	}
	_ = unix.Close(c.epoll)
}

func (c *churn) now() time.Duration { return time.Since(c.began) }

// begin starts a client's next life.
func (c *churn) begin(i int) (err error) {
	l := &c.lives[i]
	*l = life{began: c.now(), got: l.got[:0], fd: -1}
	if l.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
		return err
	}
	err = unix.Connect(l.fd, &unix.SockaddrInet4{Port: int(c.address.Port()), Addr: c.address.Addr().As4()})
	if err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return fmt.Errorf("connect: %w", err)
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLET, Fd: int32(i)}
	return unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, l.fd, &event)
}

// run lets clients come and go for a time, and until one has gone, and counts
// from zero.
func (c *churn) run(d time.Duration) (took time.Duration, err error) {
	c.ended = 0
	c.latencies.reset()
	start := c.now()
	for c.now()-start < d || c.ended == 0 {
		n, err := unix.EpollWait(c.epoll, c.events, int(silence.Milliseconds()))
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return 0, err
		case n == 0:
			return 0, fmt.Errorf("nothing happens for %s", silence)
		}
		for _, e := range c.events[:n] {
			if err := c.advance(int(e.Fd)); err != nil {
				return 0, fmt.Errorf("client %d: %w", e.Fd, err)
			}
		}
	}
	return c.now() - start, nil
}

// advance takes a client as far as it comes.
func (c *churn) advance(i int) error {
	l := &c.lives[i]
	if l.stage == connecting {
		n, err := unix.Write(l.fd, c.hello)
		switch {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOTCONN):
			return nil // not yet
		case err != nil || n < len(c.hello):
			return fmt.Errorf("handshake: %w", err)
		}
		l.stage = greeting
	}
	for {
		n, err := receive(l.fd, c.buffer)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case errors.Is(err, errClosed):
			return c.end(i)
		case err != nil:
			return fmt.Errorf("read: %w", err)
		}
		l.got = append(l.got, c.buffer[:n]...)
		if err := c.goOn(l); err != nil {
			return err
		}
	}
}

// closeFrame is a client's, with code 1000 and the usual mask.
var closeFrame = []byte{0x88, 0x82, 0x5a, 0xc3, 0x17, 0x88, 0x03 ^ 0x5a, 0xe8 ^ 0xc3}

// goOn does what is next for a client that has been told all it waits for.
func (c *churn) goOn(l *life) error {
	switch l.stage {
	case greeting:
		return c.greeted(l)
	case joining:
		return c.answered(l, joinAnswer, leaving, c.leaves)
	case leaving:
		return c.answered(l, leaveAnswer, closing, closeFrame)
	}
	return nil
}

var (
	joinAnswer  = []byte(`{"id":1,"command":"mesh/join-room","payload":{"success":true`)
	leaveAnswer = []byte(`{"id":2,"command":"mesh/leave-room","payload":{"success":true`)
)

// answered takes a client with an answer to its next stage.
func (c *churn) answered(l *life, answer []byte, following stage, frame []byte) error {
	if !bytes.Contains(l.got, answer) {
		return nil
	}
	l.stage = following
	_, err := unix.Write(l.fd, frame)
	return err
}

// greeted has a client that knows its id join, or go.
func (c *churn) greeted(l *life) error {
	head, rest, whole := bytes.Cut(l.got, []byte("\r\n\r\n"))
	if !whole {
		return nil
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) {
		return fmt.Errorf("handshake: the answer is %q", l.got)
	}
	if c.assigned && !bytes.Contains(rest, []byte(`/assign-id","payload":"`)) {
		return nil
	}
	next := closeFrame
	if l.stage = closing; c.joins != nil {
		l.stage, next = joining, c.joins
	}
	_, err := unix.Write(l.fd, next)
	return err
}

// end counts a life whose connection the server has ended, and begins another.
func (c *churn) end(i int) error {
	l := &c.lives[i]
	if l.stage != closing {
		return fmt.Errorf("the server has ended the connection early, after %q", l.got)
	}
	if c.assigned && !bytes.Contains(l.got, []byte{0x80 | byte(ws.OpClose), 2, 0x03, 0xe8}) {
		return fmt.Errorf("the close frame is not answered: %q", l.got)
	}
	c.ended++
	c.latencies.add(c.now() - l.began)
	if err := unix.Close(l.fd); err != nil {
		return err
	}
	return c.begin(i)
}
