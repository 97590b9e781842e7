//go:build linux

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// fleet is a set of clients on one goroutine and one epoll descriptor: a load
// generator that costs less than what it measures. It is not safe for
// concurrent use.
type fleet struct {
	address   netip.AddrPort
	epoll     int
	clients   []*client
	events    []unix.EpollEvent
	buffer    []byte
	began     time.Time
	sending   bool // an answered request is followed by the next
	answered  int
	latencies histogram
}

// firstID begins the ids of a fleet's requests; all have six digits.
const firstID = 100_000

func newFleet(address string) (*fleet, error) {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return &fleet{
		address: a, epoll: epoll, began: time.Now(),
		events: make([]unix.EpollEvent, 256), buffer: make([]byte, 64<<10),
	}, nil
}

// close ends all connections, without a close frame: the server must bear it.
func (f *fleet) close() {
	for _, c := range f.clients {
		_ = unix.Close(c.fd)
	}
	_ = unix.Close(f.epoll)
}

// add connects n clients of one command.
func (f *fleet) add(n int, command string, outstanding int, loop bool) error {
	for range n {
		fd, err := dial(f.address)
		if err != nil {
			return err
		}
		c := &client{fd: fd, loop: loop}
		f.clients = append(f.clients, c)
		if c.unread, err = upgrade(fd, f.address.String()); err != nil {
			return err
		}
		// At most 20,000 clients of a few requests: six digits suffice.
		c.prepare(firstID+len(f.clients)*outstanding, command, outstanding)
		index := int32(len(f.clients) - 1)
		event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: index}
		if err := unix.EpollCtl(f.epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
			return err
		}
	}
	return nil
}

func (f *fleet) now() time.Duration { return time.Since(f.began) }

// start sends all that may be outstanding, on every connection.
func (f *fleet) start() error {
	for _, c := range f.clients {
		if err := c.send(len(c.replies)-c.waiting, f.now()); err != nil {
			return err
		}
	}
	return nil
}

// run keeps all requests outstanding for a time, and until one was answered,
// and counts from zero.
func (f *fleet) run(d time.Duration) (took time.Duration, err error) {
	f.sending, f.answered = true, 0
	f.latencies.reset()
	start := f.now()
	err = f.drive(func() bool { return f.now()-start >= d && f.answered > 0 })
	return f.now() - start, err
}

// hold sends nothing of its own for a time; liveness is answered.
func (f *fleet) hold(d time.Duration) error {
	f.sending = false
	until := f.now() + d
	return f.drive(func() bool { return f.now() >= until })
}

// once has every client make one request and waits for the answers.
func (f *fleet) once() error {
	f.sending, f.answered = false, 0
	want := 0
	for i, c := range f.clients {
		if err := c.send(1, f.now()); err != nil {
			return err
		}
		want++
		if i%100 == 99 { // leave the server room to keep up
			if err := f.drive(func() bool { return f.answered == want }); err != nil {
				return err
			}
		}
	}
	return f.drive(func() bool { return f.answered == want })
}

// silence is how long a fleet that waits for replies bears to hear nothing.
const silence = 10 * time.Second

// drive handles what arrives until done.
func (f *fleet) drive(done func() bool) error {
	heard := f.now()
	for !done() {
		n, err := unix.EpollWait(f.epoll, f.events, 100)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("wait for replies: %w", err)
		case n > 0:
			heard = f.now()
		case f.now()-heard > silence && f.waiting():
			return fmt.Errorf("no reply for %s", silence)
		}
		for _, e := range f.events[:n] {
			if err := f.read(f.clients[e.Fd]); err != nil {
				return fmt.Errorf("client %d: %w", e.Fd, err)
			}
		}
	}
	return nil
}

// waiting reports whether any reply is due.
func (f *fleet) waiting() bool {
	for _, c := range f.clients {
		if c.waiting > 0 {
			return true
		}
	}
	return false
}

// read takes what has arrived for a client and sends as many requests as were
// answered, in one write. The buffer has room for all that can be outstanding:
// one read per edge takes everything.
func (f *fleet) read(c *client) error {
	kept := copy(f.buffer, c.unread)
	n, err := unix.Read(c.fd, f.buffer[kept:])
	switch {
	case errors.Is(err, unix.EAGAIN):
		return nil
	case err != nil:
		return fmt.Errorf("read: %w", err)
	case n == 0:
		return errors.New("the server has closed the connection")
	}
	now, replies := f.now(), 0
	unread := f.buffer[:kept+n]
	for {
		fr, err := next(unread)
		if err != nil {
			return err
		}
		if fr.size == 0 {
			break
		}
		if sent, ok := c.answered(fr.body); ok {
			replies++
			if !c.loop {
				f.answered++
				f.latencies.add(now - sent)
			}
		} else if err := c.other(fr); err != nil {
			return err
		}
		unread = unread[fr.size:]
	}
	c.unread = append(c.unread[:0], unread...)
	if replies > 0 && f.sending {
		return c.send(replies, now)
	}
	return nil
}
