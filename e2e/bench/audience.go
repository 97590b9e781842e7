//go:build linux

package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// audience is a publisher and those who hear it, on one goroutine and one epoll
// descriptor. It counts every delivery, and checks that each listener gets each
// message once and in order. It is not safe for concurrent use.
type audience struct {
	script    script
	address   netip.AddrPort
	from      netip.AddrPort // the publisher's
	epoll     int
	publisher *listener
	listeners []*listener
	hearing   int // so many of them hear every message, others none
	events    []unix.EpollEvent
	buffer    []byte
	outgoing  []byte
	began     time.Time
	every     time.Duration // between two messages, 0: as the window allows

	sent, heard int // messages published, and heard by all
	inFlight    []flight
	delivered   int
	received    int // bytes
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
	ear
	next int // number of the message that comes next
	skip int // bytes that are still to come of a large one
}

// publisherIndex is the publisher's in the events of epoll.
const publisherIndex = -1

// newAudience connects and subscribes listeners, and connects a publisher of
// which at most l.InFlight messages are on their way.
func newAudience(s script, l fanLoad) (a *audience, err error) {
	a = &audience{
		script: s, hearing: l.Listeners, began: time.Now(), every: l.Every, inFlight: make([]flight, l.InFlight),
		events: make([]unix.EpollEvent, 1024), buffer: make([]byte, 256<<10),
	}
	if a.address, err = netip.ParseAddrPort(l.Address); err != nil {
		return nil, err
	}
	if a.from, err = netip.ParseAddrPort(cmp.Or(l.From, l.Address)); err != nil {
		return nil, err
	}
	if a.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	return a, a.assemble()
}

// assemble connects everyone: those first who hear nothing, so that what they
// are told of the preparation is over when it begins.
func (a *audience) assemble() (err error) {
	for _, requests := range a.script.beside {
		if err := a.join(ear{}, requests); err != nil {
			return err
		}
	}
	if a.publisher, err = a.connect(publisherIndex, ear{}, a.script.prepare...); err != nil {
		return fmt.Errorf("publisher: %w", err)
	}
	if len(a.listeners) > 0 {
		if err := a.settle(300 * time.Millisecond); err != nil {
			return err
		}
	}
	for i := range a.hearing {
		e := a.script.ear(i)
		var first []string
		if e.subscribe != "" {
			first = []string{e.subscribe}
		}
		if err := a.join(e, first); err != nil {
			return err
		}
	}
	// The first pushes after a subscription wait 5 ms, those of each topic for
	// themselves: that would mix the order of several.
	return a.settle(20 * time.Millisecond)
}

// settle takes what arrives until nothing does for a while.
func (a *audience) settle(calm time.Duration) error {
	for heard := 1; heard > 0; {
		var err error
		if heard, err = a.listen(int(calm.Milliseconds())); err != nil {
			return err
		}
	}
	return nil
}

// join connects a listener.
func (a *audience) join(e ear, first []string) error {
	l, err := a.connect(int32(len(a.listeners)), e, first...)
	if err != nil {
		return fmt.Errorf("listener %d: %w", len(a.listeners), err)
	}
	a.listeners = append(a.listeners, l)
	return nil
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

// connect connects a client, which sends some requests and has them answered.
func (a *audience) connect(index int32, e ear, first ...string) (*listener, error) {
	to := a.address
	if index == publisherIndex {
		to = a.from
	}
	fd, err := dial(to)
	if err != nil {
		return nil, err
	}
	c := &listener{client: client{fd: fd, patient: index == publisherIndex}, ear: e}
	if c.unread, err = upgrade(fd, to.String()); err == nil && len(first) > 0 {
		err = converse(&c.client, first...)
	}
	if err == nil {
		event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: index}
		if c.patient {
			event.Events |= unix.EPOLLOUT
		}
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
	a.delivered, a.received = 0, 0
	a.latencies.reset()
	start, last := a.now(), a.heard
	for a.now()-start < d || a.heard == last {
		if err := a.publish(); err != nil {
			return 0, fmt.Errorf("publish: %w", err)
		}
		if err := a.hear(a.pause(), a.every == 0); err != nil {
			return 0, err
		}
	}
	return a.now() - start, nil
}

// end waits until all have heard all: what is still on its way would be heard by
// the next audience.
func (a *audience) end() error {
	for a.heard < a.sent {
		if err := a.hear(int(silence.Milliseconds()), true); err != nil {
			return err
		}
	}
	return nil
}

// hear takes what arrives, once; must says that something has to.
func (a *audience) hear(wait int, must bool) error {
	n, err := a.listen(wait)
	if err == nil && n == 0 && must {
		return fmt.Errorf("no delivery for %s: %d messages were sent, %d have arrived everywhere", silence, a.sent, a.heard)
	}
	return err
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

// pause is how long to listen before a message is due, in full milliseconds.
func (a *audience) pause() int {
	if a.every == 0 || a.sent == 0 {
		return int(silence.Milliseconds())
	}
	wait := a.inFlight[(a.sent-1)%len(a.inFlight)].sent + a.every - a.now()
	return int((max(wait, 0) + time.Millisecond - 1).Milliseconds())
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
	frames, now := a.outgoing[:0], a.now()
	for range n {
		for _, message := range a.script.messages {
			frames = appendMasked(frames, message(a.sent))
		}
		a.inFlight[a.sent%len(a.inFlight)] = flight{sent: now}
		a.sent++
	}
	a.outgoing = frames
	return a.publisher.write(frames)
}
