//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// writers are clients that write records, on one goroutine and one epoll
// descriptor. They check the versions that they are answered: that each write
// made one, that no other write got. It is not safe for concurrent use.
type writers struct {
	address   netip.AddrPort
	epoll     int
	clients   []*writer
	bare      bool
	histories []history // of the records
	events    []unix.EpollEvent
	buffer    []byte
	frame     []byte
	began     time.Time

	writes    int // each value has another number
	writing   bool
	waiting   int // for so many answers
	answered  int
	latencies histogram
}

// writer is one of them.
type writer struct {
	client
	write  *numbered
	record int // of histories
	latest int // version that it was answered
	sent   time.Duration
}

// history is what is known of a record.
type history struct{ first, last, writes int }

// newWriters connects clients, of which those that are the first to write a
// record make sure that it has the initial value.
func newWriters(l writeLoad) (w *writers, err error) {
	w = &writers{
		bare: l.Bare, histories: make([]history, l.Records), began: time.Now(),
		events: make([]unix.EpollEvent, 256), buffer: make([]byte, 64<<10),
	}
	if w.address, err = netip.ParseAddrPort(l.Address); err != nil {
		return nil, err
	}
	if w.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	for i := range l.Clients {
		c := &writer{write: newWrite(l.name(i), l.Size, "main"), record: i % l.Records}
		if c.fd, err = dial(w.address); err != nil {
			return w, err
		}
		w.clients = append(w.clients, c)
		if c.unread, err = upgrade(c.fd, w.address.String()); err != nil {
			return w, err
		}
		if i < l.Records && !l.Bare {
			if err := converse(&c.client, string(c.write.with(initialNumber))); err != nil {
				return w, err
			}
		}
		event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: int32(i)}
		if err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, c.fd, &event); err != nil {
			return w, err
		}
	}
	return w, nil
}

// close ends all connections, without a close frame.
func (w *writers) close() {
	for _, c := range w.clients {
		_ = unix.Close(c.fd)
	}
	_ = unix.Close(w.epoll)
}

func (w *writers) now() time.Duration { return time.Since(w.began) }

// run has each client write all the time, until one was answered at least, and
// counts from zero.
func (w *writers) run(d time.Duration) (took time.Duration, err error) {
	w.writing, w.answered = true, 0
	w.latencies.reset()
	for _, c := range w.clients {
		if c.sent == 0 {
			if err := w.send(c); err != nil {
				return 0, err
			}
		}
	}
	start := w.now()
	for w.now()-start < d || w.answered == 0 {
		if err := w.listen(); err != nil {
			return 0, err
		}
	}
	return w.now() - start, nil
}

// end waits for the last answers, and checks what has become of the records.
func (w *writers) end() error {
	for w.writing = false; w.waiting > 0; {
		if err := w.listen(); err != nil {
			return err
		}
	}
	for i, h := range w.histories {
		if got := h.last - h.first + 1; !w.bare && got != h.writes {
			return fmt.Errorf("record %d: %d writes have made %d versions", i, h.writes, got)
		}
	}
	return nil
}

// send writes a value that the record has not had.
func (w *writers) send(c *writer) error {
	w.frame = appendMasked(w.frame[:0], c.write.with(w.writes))
	w.writes++
	w.waiting++
	c.sent = w.now()
	return c.client.write(w.frame)
}

// listen takes what arrives, once.
func (w *writers) listen() error {
	n, err := unix.EpollWait(w.epoll, w.events, int(silence.Milliseconds()))
	switch {
	case errors.Is(err, unix.EINTR):
		return nil
	case err != nil:
		return fmt.Errorf("wait for answers: %w", err)
	case n == 0:
		return fmt.Errorf("no answer for %s", silence)
	}
	for _, e := range w.events[:n] {
		if err := w.read(w.clients[e.Fd]); err != nil {
			return fmt.Errorf("client %d: %w", e.Fd, err)
		}
	}
	return nil
}

// read takes what has arrived for a client: the buffer has room for all that can.
func (w *writers) read(c *writer) error {
	kept := copy(w.buffer, c.unread)
	n, err := receive(c.fd, w.buffer[kept:])
	if err != nil {
		if errors.Is(err, unix.EAGAIN) {
			return nil
		}
		return fmt.Errorf("read: %w", err)
	}
	unread := w.buffer[:kept+n]
	for {
		f, err := next(unread)
		if err != nil {
			return err
		}
		if f.size == 0 {
			break
		}
		if err := w.take(c, f); err != nil {
			return err
		}
		unread = unread[f.size:]
	}
	c.unread = append(c.unread[:0], unread...)
	return nil
}

var writeAnswer = []byte(`{"id":1,"command":"mesh/publish-record-update","payload":`)

// take takes a frame: an answer is followed by the next write.
func (w *writers) take(c *writer, f frame) error {
	payload, ok := bytes.CutPrefix(f.body, writeAnswer)
	if !ok {
		return c.other(f)
	}
	if !w.bare {
		if err := w.made(c, payload); err != nil {
			return err
		}
	}
	w.waiting--
	w.answered++
	w.latencies.add(w.now() - c.sent)
	if w.writing {
		return w.send(c)
	}
	return nil
}

// made takes note of the version that a write has made.
func (w *writers) made(c *writer, payload []byte) error {
	rest, ok := bytes.CutPrefix(payload, []byte(`{"success":true,"version":`))
	version := 0
	for _, d := range rest {
		if d < '0' || d > '9' {
			break
		}
		version = 10*version + int(d-'0')
	}
	if !ok || version <= c.latest {
		return fmt.Errorf("the answer after version %d is %q", c.latest, payload)
	}
	h := &w.histories[c.record]
	if h.writes == 0 || version < h.first {
		h.first = version
	}
	h.last = max(h.last, version)
	h.writes++
	c.latest = version
	return nil
}
