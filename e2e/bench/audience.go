//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"time"
	"unsafe"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"
)

// audience is a publisher and those who hear it, on one goroutine and one epoll
// descriptor. It counts every delivery, and checks that each listener gets each
// message once and in order. It is not safe for concurrent use.
type audience struct {
	script    script
	address   netip.AddrPort
	epoll     int
	publisher *listener
	listeners []*listener
	events    []unix.EpollEvent
	buffer    []byte
	began     time.Time
	every     time.Duration // between two messages, 0: as the window allows

	sent, heard int // messages published, and heard by all
	inFlight    []flight
	delivered   int
	latencies   histogram
}

// flight is a message on its way.
type flight struct {
	sent  time.Duration
	heard int // by so many listeners
}

// listener is a client that counts.
type listener struct {
	client
	next int // number of the message that comes next
}

// publisherIndex is the publisher's in the events of epoll.
const publisherIndex = -1

// newAudience connects and subscribes listeners, and connects a publisher of
// which at most window messages are on their way.
func newAudience(l fanLoad) (a *audience, err error) {
	s, ok := scripts[l.Script]
	if !ok {
		return nil, fmt.Errorf("unknown script %q", l.Script)
	}
	a = &audience{
		script: s, began: time.Now(), every: l.Every, inFlight: make([]flight, l.InFlight),
		events: make([]unix.EpollEvent, 1024), buffer: make([]byte, 256<<10),
	}
	if a.address, err = netip.ParseAddrPort(l.Address); err != nil {
		return nil, err
	}
	if a.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	for i := range l.Listeners {
		listening, err := a.connect(int32(i), s.subscribe)
		if err != nil {
			return a, fmt.Errorf("listener %d: %w", i, err)
		}
		a.listeners = append(a.listeners, listening)
	}
	a.publisher, err = a.connect(publisherIndex, "")
	return a, err
}

// close ends all connections, without a close frame.
func (a *audience) close() {
	for _, l := range a.listeners {
		_ = unix.Close(l.fd)
	}
	if a.publisher != nil {
		_ = unix.Close(a.publisher.fd)
	}
	_ = unix.Close(a.epoll)
}

// connect connects a client, which sends a first command, unless it is "", and
// has it answered.
func (a *audience) connect(index int32, first string) (*listener, error) {
	fd, err := dial(a.address)
	if err != nil {
		return nil, err
	}
	c := &listener{client: client{fd: fd}}
	if c.unread, err = upgrade(fd, a.address.String()); err == nil && first != "" {
		err = converse(&c.client, first)
	}
	if err == nil {
		event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: index}
		err = unix.EpollCtl(a.epoll, unix.EPOLL_CTL_ADD, fd, &event)
	}
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return c, nil
}

func (a *audience) now() time.Duration { return time.Since(a.began) }

// run keeps messages on their way for a time, and until one was heard by all,
// and counts from zero.
func (a *audience) run(d time.Duration) (took time.Duration, err error) {
	if err := a.acknowledgeLate(); err != nil {
		return 0, err
	}
	a.delivered = 0
	a.latencies.reset()
	start, last := a.now(), a.heard
	for a.now()-start < d || a.heard == last {
		if err := a.publish(); err != nil {
			return 0, fmt.Errorf("publish: %w", err)
		}
		if err := a.listen(a.pause()); err != nil {
			return 0, err
		}
	}
	return a.now() - start, nil
}

// acknowledgeLate has the kernel acknowledge several messages together, until a
// listener hears nothing for a while: doing it for each is almost half of what a
// listener costs.
func (a *audience) acknowledgeLate() error {
	for _, l := range a.listeners {
		if err := unix.SetsockoptInt(l.fd, unix.IPPROTO_TCP, unix.TCP_QUICKACK, 0); err != nil {
			return err
		}
	}
	return nil
}

// pause is how long to listen before a message is due, in milliseconds.
func (a *audience) pause() int {
	if a.every == 0 || a.sent == 0 {
		return int(silence.Milliseconds())
	}
	wait := a.inFlight[(a.sent-1)%len(a.inFlight)].sent + a.every - a.now()
	return int(max(wait, 0).Milliseconds())
}

// publish sends as many messages as may be, in one write.
func (a *audience) publish() error {
	n := len(a.inFlight) - (a.sent - a.heard)
	if a.every > 0 {
		if a.sent > 0 && a.pause() > 0 {
			return nil
		}
		n = min(n, 1)
	}
	if n == 0 {
		return nil
	}
	frames, now := a.buffer[:0], a.now()
	for range n {
		frames = appendMasked(frames, a.script.message(a.sent))
		a.inFlight[a.sent%len(a.inFlight)] = flight{sent: now}
		a.sent++
	}
	return a.publisher.write(frames)
}

// listen takes what arrives, once, waiting for it if need be.
func (a *audience) listen(wait int) error {
	n, err := unix.EpollWait(a.epoll, a.events, wait)
	switch {
	case errors.Is(err, unix.EINTR):
		return nil
	case err != nil:
		return fmt.Errorf("wait for deliveries: %w", err)
	case n == 0 && a.every == 0:
		return fmt.Errorf("no delivery for %s: %d messages were sent, %d have arrived everywhere", silence, a.sent, a.heard)
	}
	for _, e := range a.events[:n] {
		l := a.publisher
		if e.Fd != publisherIndex {
			l = a.listeners[e.Fd]
		}
		if err := a.read(l); err != nil {
			return fmt.Errorf("client %d: %w", e.Fd, err)
		}
	}
	return nil
}

// read takes everything that has arrived for a client: a read that leaves room
// in the buffer is the last one of an edge.
func (a *audience) read(l *listener) error {
	for {
		kept := copy(a.buffer, l.unread)
		n, err := receive(l.fd, a.buffer[kept:])
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case err != nil:
			return fmt.Errorf("read: %w", err)
		case n == 0:
			return errors.New("the server has closed the connection")
		}
		if err := a.takeAll(l, a.buffer[:kept+n]); err != nil {
			return err
		}
		if kept+n < len(a.buffer) {
			return nil
		}
	}
}

// receive is unix.Read without what the runtime and the kernel do for reads
// that may wait, or of files: a third of what a small one costs.
func receive(fd int, b []byte) (int, error) {
	n, _, err := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_DONTWAIT, 0, 0)
	if err != 0 {
		return 0, err
	}
	return int(n), nil
}

// takeAll takes all frames of a read, and keeps what has no end yet. They count
// as arrived when they are looked at.
func (a *audience) takeAll(l *listener, unread []byte) error {
	now := a.now()
	for {
		f, err := next(unread)
		if err != nil {
			return err
		}
		if f.size == 0 {
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

// take counts a delivery.
func (a *audience) take(l *listener, f frame, now time.Duration) error {
	number, ok := a.script.number(f.body, l.next)
	if !ok || f.op != ws.OpText {
		return l.other(f)
	}
	if number != l.next || number >= a.sent {
		return fmt.Errorf("message %d comes instead of %d", number, l.next)
	}
	l.next++
	a.delivered++
	m := &a.inFlight[number%len(a.inFlight)]
	a.latencies.add(now - m.sent)
	if m.heard++; m.heard == len(a.listeners) {
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
