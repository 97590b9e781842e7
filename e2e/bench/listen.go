//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"time"
	"unsafe"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"
)

// listen takes what arrives, once, waiting for it if need be, and returns from how
// many clients.
func (a *audience) listen(wait int) (n int, err error) {
	for {
		n, err = unix.EpollWait(a.epoll, a.events, wait)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return 0, fmt.Errorf("wait for deliveries: %w", err)
	}
	for _, e := range a.events[:n] {
		l := a.publisher
		if e.Fd != publisherIndex {
			l = a.listeners[e.Fd]
		}
		if e.Events&unix.EPOLLOUT != 0 {
			if err := l.flush(); err != nil {
				return n, fmt.Errorf("publish: %w", err)
			}
		}
		if err := a.read(l); err != nil {
			return n, fmt.Errorf("client %d: %w", e.Fd, err)
		}
	}
	return n, nil
}

// read takes everything that has arrived for a client.
func (a *audience) read(l *listener) error {
	for more := true; more; {
		var err error
		more, err = a.readOnce(l)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case err != nil:
			return err
		}
	}
	return nil
}

// readOnce reports whether there may be more to read: what leaves room is the
// last read of an edge.
func (a *audience) readOnce(l *listener) (more bool, err error) {
	if l.skip > 0 {
		n, err := discard(l.fd, l.skip)
		if err != nil {
			return false, err
		}
		a.received += n
		more = n == l.skip
		return more, a.skipped(l, n)
	}
	kept := copy(a.buffer, l.unread)
	if kept == len(a.buffer) {
		return false, fmt.Errorf("not the message that comes next: %.200q", l.unread)
	}
	n, err := receive(l.fd, a.buffer[kept:])
	if err != nil {
		return false, err
	}
	a.received += n
	return kept+n == len(a.buffer), a.takeAll(l, a.buffer[:kept+n])
}

// receive is unix.Read without what the runtime and the kernel do for reads
// that may wait, or of files: a third of what a small one costs.
func receive(fd int, b []byte) (int, error) {
	n, _, code := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_DONTWAIT, 0, 0)
	return received(n, code)
}

// discard is receive for n bytes that no one looks at, which the kernel need not
// copy: tcp(7).
func discard(fd, n int) (int, error) {
	done, _, code := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), 0, uintptr(n), unix.MSG_DONTWAIT|unix.MSG_TRUNC, 0, 0)
	return received(done, code)
}

var errClosed = errors.New("the server has closed the connection")

func received(n uintptr, code unix.Errno) (int, error) {
	switch {
	case code != 0:
		return 0, code
	case n == 0:
		return 0, errClosed
	}
	return int(n), nil
}

// takeAll takes all frames of a read, and keeps what has no end yet. They count
// as arrived when they are looked at.
func (a *audience) takeAll(l *listener, unread []byte) error {
	now := a.now()
	for {
		f, err := begun(unread)
		if err != nil {
			return err
		}
		if f.size == 0 {
			break
		}
		if f.size > len(unread) {
			if f.size > large && len(f.body) >= soundest && l.hears(f) {
				l.skip, unread = f.size-len(unread), nil
			}
			break
		}
		if l == a.publisher {
			err = l.replied(f)
		} else {
			err = a.take(l, f, now)
		}
		if err != nil {
			return err
		}
		unread = unread[f.size:]
	}
	l.unread = append(l.unread[:0], unread...)
	return nil
}

// large is from how many bytes on the rest of a frame is not looked at.
const large = 64 << 10

// hears reports whether the begin of a frame is that of the message that comes
// next.
func (l *listener) hears(f frame) bool {
	if l.number == nil {
		return false
	}
	number, ok := l.number(f.body, l.next)
	return ok && f.op == ws.OpText && number == l.next
}

// skipped takes note of bytes of a large message.
func (a *audience) skipped(l *listener, n int) error {
	if l.skip -= n; l.skip > 0 {
		return nil
	}
	return a.deliver(l, l.next, a.now())
}

// take takes a frame of a listener.
func (a *audience) take(l *listener, f frame, now time.Duration) error {
	if l.number == nil {
		return l.other(f)
	}
	number, ok := l.number(f.body, l.next)
	if !ok || f.op != ws.OpText {
		return l.other(f)
	}
	return a.deliver(l, number, now)
}

// deliver counts a delivery.
func (a *audience) deliver(l *listener, number int, now time.Duration) error {
	if number != l.next || number >= a.sent {
		return fmt.Errorf("message %d comes instead of %d", number, l.next)
	}
	l.next++
	a.delivered++
	m := &a.inFlight[number%len(a.inFlight)]
	a.latencies.add(now - m.sent)
	if m.heard++; m.heard == a.hearing {
		a.heard++
	}
	return nil
}

// replied checks what the publisher is told.
func (l *listener) replied(f frame) error {
	if !bytes.HasPrefix(f.body, []byte(`{"id":`)) {
		return l.other(f)
	}
	if !bytes.Contains(f.body, successful) {
		return fmt.Errorf("a publish is answered %q", f.body)
	}
	return nil
}
