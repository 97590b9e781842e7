//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"
)

// client is one WebSocket connection of a fleet. Its requests repeat in a
// fixed order, and so must the replies: the next one is known before it comes.
type client struct {
	fd       int
	loop     bool   // a reply of any kind is followed by the next request
	requests []byte // frames of all requests, twice in a row: any run of them is one write
	size     int    // bytes of one of them
	replies  [][]byte
	sent     []time.Duration // when the request of a reply left
	first    int             // the request that is answered next
	waiting  int             // how many are on their way
	unread   []byte          // the head of a frame that has not arrived whole
	patient  bool            // what its socket does not take waits for flush
	queue    []byte          // which is this, after what has left
	left     int             // so many bytes of queue
}

// dial connects. Raw sockets, and not net.Conn, so that one goroutine can drive
// thousands without a wake-up for each.
func dial(address netip.AddrPort) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		// A machine may pace its senders by default, which costs more than a
		// loopback is worth.
		unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, "reno"),
	)
	if err == nil {
		err = connect(fd, address)
	}
	if err != nil {
		return -1, errors.Join(fmt.Errorf("connect to %s: %w", address, err), unix.Close(fd))
	}
	return fd, nil
}

func connect(fd int, address netip.AddrPort) error {
	err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(address.Port()), Addr: address.Addr().As4()})
	if !errors.Is(err, unix.EINPROGRESS) {
		return err
	}
	if err := await(fd, unix.POLLOUT); err != nil {
		return err
	}
	code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		err = syscall.Errno(code)
	}
	return err
}

// dialTimeout bounds each step of a handshake.
const dialTimeout = 10 * time.Second

// await waits until a socket is ready.
func await(fd int, events int16) error {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: events}}, int(dialTimeout.Milliseconds()))
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err
		case n == 0:
			return fmt.Errorf("nothing in %s", dialTimeout)
		default:
			return nil
		}
	}
}

// The key of RFC 6455 section 1.3 and what it is answered with.
const (
	handshakeKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	handshakeAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

func upgradeRequest(host string) string {
	return "GET / HTTP/1.1\r\nHost: " + host + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + handshakeKey + "\r\n\r\n"
}

// upgrade makes the handshake and returns what has arrived after it.
func upgrade(fd int, host string) (rest []byte, err error) {
	if _, err := unix.Write(fd, []byte(upgradeRequest(host))); err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	answer := make([]byte, 4096)
	for n := 0; n < len(answer); {
		if err := await(fd, unix.POLLIN); err != nil {
			return nil, fmt.Errorf("handshake: %w", err)
		}
		m, err := unix.Read(fd, answer[n:])
		if err != nil || m == 0 {
			return nil, fmt.Errorf("handshake: the connection has ended: %w", err)
		}
		n += m
		head, rest, done := bytes.Cut(answer[:n], []byte("\r\n\r\n"))
		if !done {
			continue
		}
		if !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) || !bytes.Contains(head, []byte(handshakeAccept)) {
			return nil, fmt.Errorf("handshake: the answer is %q", answer[:n])
		}
		return rest, nil
	}
	return nil, errors.New("handshake: the answer has no end")
}

// together bounds the requests that converse sends at once.
const together = 16

// converse sends requests and waits for the replies, which must all report
// success. Pushes before the last of them are of no interest.
func converse(c *client, requests ...string) error {
	for batch := range slices.Chunk(requests, together) {
		var frames []byte
		for _, request := range batch {
			frames = appendMasked(frames, []byte(request))
		}
		if err := c.writeAll(frames); err != nil {
			return err
		}
		for range batch {
			reply, err := c.reply()
			switch {
			case err != nil:
				return err
			case !bytes.Contains(reply, successful):
				return fmt.Errorf("the reply is %q", reply)
			}
		}
	}
	return nil
}

var successful = []byte(`"success":true`)

// reply waits for the next frame that is no push.
func (c *client) reply() ([]byte, error) {
	part := make([]byte, 16<<10)
	for {
		f, err := next(c.unread)
		if err != nil {
			return nil, err
		}
		if f.size > 0 {
			c.unread = c.unread[f.size:]
			if bytes.HasPrefix(f.body, []byte(`{"id":`)) {
				return f.body, nil
			}
			continue
		}
		if err := await(c.fd, unix.POLLIN); err != nil {
			return nil, err
		}
		n, err := unix.Read(c.fd, part)
		if err != nil || n == 0 {
			return nil, fmt.Errorf("the connection has ended: %w", err)
		}
		c.unread = append(c.unread, part[:n]...)
	}
}

// prepare makes the frames of as many requests as may be outstanding; ids are
// counted from id and all of one length, so that the frames are, too.
func (c *client) prepare(id int, command string, outstanding int) {
	for i := range outstanding {
		text := request(id+i, command)
		c.requests = appendMasked(c.requests, text)
		c.replies = append(c.replies, text)
	}
	c.size = len(c.requests) / outstanding
	c.requests = append(c.requests, c.requests...)
	c.sent = make([]time.Duration, outstanding)
}

// send sends the next n requests in one write.
func (c *client) send(n int, now time.Duration) error {
	start := (c.first + c.waiting) % len(c.replies)
	for i := range n {
		c.sent[(start+i)%len(c.replies)] = now
	}
	c.waiting += n
	return c.write(c.requests[start*c.size : (start+n)*c.size])
}

var errFull = errors.New("the server has stopped reading")

func (c *client) write(b []byte) error {
	if len(c.queue) > 0 {
		c.queue = append(c.queue, b...)
		return nil
	}
	n, err := unix.Write(c.fd, b)
	if errors.Is(err, unix.EAGAIN) {
		n, err = 0, nil
	}
	switch {
	case err != nil || n == len(b):
		return err
	case !c.patient:
		return errFull // a socket takes far more than is ever outstanding
	}
	c.queue = append(c.queue, b[n:]...)
	return nil
}

// flush writes what waits, as far as the socket takes it.
func (c *client) flush() error {
	for c.left < len(c.queue) {
		n, err := unix.Write(c.fd, c.queue[c.left:])
		if errors.Is(err, unix.EAGAIN) {
			return nil
		}
		if err != nil {
			return err
		}
		c.left += n
	}
	c.queue, c.left = c.queue[:0], 0
	return nil
}

// writeAll writes b and waits until the socket has taken it.
func (c *client) writeAll(b []byte) error {
	for len(b) > 0 {
		n, err := unix.Write(c.fd, b)
		if errors.Is(err, unix.EAGAIN) {
			n, err = 0, await(c.fd, unix.POLLOUT)
		}
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// answered takes text for the reply that is due next and returns when its
// request left.
func (c *client) answered(text []byte) (sent time.Duration, ok bool) {
	if c.waiting == 0 || !c.loop && !bytes.Equal(text, c.replies[c.first]) {
		return 0, false
	}
	if c.loop && !bytes.HasPrefix(text, []byte(`{"id":`)) {
		return 0, false
	}
	sent = c.sent[c.first]
	c.first = (c.first + 1) % len(c.replies)
	c.waiting--
	return sent, true
}

var (
	ping           = []byte(`{"command":"ping",`)
	pong           = appendMasked(nil, []byte(`{"id":1,"command":"pong","payload":{}}`))
	latencyRequest = []byte(`{"command":"latency:request",`)
	latencyAnswer  = appendMasked(nil, []byte(`{"id":1,"command":"latency:response","payload":{}}`))
	push           = []byte(`{"command":`)
)

// other handles a frame that is no reply: liveness is answered, as every
// client does, other pushes are none of a benchmark's business.
func (c *client) other(f frame) error {
	switch {
	case f.op == ws.OpText && bytes.HasPrefix(f.body, ping):
		return c.write(pong)
	case f.op == ws.OpText && bytes.HasPrefix(f.body, latencyRequest):
		return c.write(latencyAnswer)
	case f.op == ws.OpText && bytes.HasPrefix(f.body, push):
		return nil
	}
	return fmt.Errorf("unexpected frame, opcode %d: %q", f.op, f.body)
}
