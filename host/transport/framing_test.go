package transport_test

import (
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/transport/transporttest"
)

// What Autobahn has no case for.
func TestFramesThatFailTheConnection(t *testing.T) {
	t.Parallel()
	s := serve(t)
	hello := said("hello")
	huge := func(length uint64) frame { return frame{Op: transporttest.Text, Length: length, Payload: "x"} }
	for name, test := range map[string]struct {
		send frame
		code int
	}{
		"unmasked text":                     {frame{Op: transporttest.Text, Payload: hello, Unmasked: true}, 1002},
		"unmasked ping":                     {frame{Op: transporttest.Ping, Unmasked: true}, 1002},
		"unmasked close":                    {frame{Op: transporttest.Close, Unmasked: true}, 1002},
		"text length in 2 bytes for 1":      {frame{Op: transporttest.Text, Payload: hello, Wide: 2}, 1002},
		"text length in 8 bytes for 1":      {frame{Op: transporttest.Text, Payload: hello, Wide: 8}, 1002},
		"text length in 8 bytes for 2":      {frame{Op: transporttest.Text, Payload: saidLong(200), Wide: 8}, 1002},
		"ping length in 2 bytes":            {frame{Op: transporttest.Ping, Payload: "hi", Wide: 2}, 1002},
		"ping length in 8 bytes":            {frame{Op: transporttest.Ping, Payload: "hi", Wide: 8}, 1002},
		"length of 2^63":                    {huge(1 << 63), 1002},
		"length of 2^64-1":                  {huge(1<<64 - 1), 1002},
		"length of 2^63-1":                  {huge(1<<63 - 1), 1009},
		"length of 2^32":                    {huge(1 << 32), 1009},
		"one byte more than the limit":      {huge(64<<10 + 1), 1009},
		"close frame of 126 bytes":          {frame{Op: transporttest.Close, Payload: strings.Repeat("a", 126)}, 1002},
		"first frame of a binary message":   {more(binary("x")), 1003},
		"binary message of 2^63-1":          {frame{Op: transporttest.Binary, Length: 1<<63 - 1}, 1003},
		"continuation of nothing, oversize": {frame{Op: transporttest.Continuation, Length: 1 << 40}, 1002},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := s.dial(t)
			c.Send(test.send)
			if reason := c.ExpectClose(test.code); reason == "" {
				t.Error("the close frame gives no reason")
			}
			c.ExpectEOF()
		})
	}
}

func TestMessageSizeCountsAllFragments(t *testing.T) {
	t.Parallel()
	s := serve(t, func(u *setup) { u.MessageSize = 1000 })
	c := s.dial(t)
	c.Send(fragments(saidLong(1000), 300)...)
	c.ExpectText(saidLong(1000))
	c.Send(fragments(saidLong(1001), 300)...)
	c.ExpectClose(1009)
	c.ExpectEOF()
	s.expectGone(t, 1009)
}

// A bad frame at the front of more than one read must not reset the
// connection before the client has read why it ends.
func TestViolationIsReadWhileTheClientGoesOnSending(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for name, first := range map[string]frame{"unmasked": {Op: transporttest.Text, Unmasked: true}, "binary": binary("x"), "not UTF-8": text("\xff")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := s.dial(t)
			flood := []frame{first}
			for range 16_000 { // more than all socket buffers together
				flood = append(flood, text(saidLong(1000)))
			}
			c.WriteString(string(bytesOf(flood...))) // a reset fails it
			if f := c.Read(); f.Op != transporttest.Close {
				t.Errorf("got frame %#x, want the close frame", f.Op)
			}
			c.ExpectEOF()
		})
	}
}

func TestServerCloseIsReadWhileTheClientGoesOnSending(t *testing.T) {
	t.Parallel()
	s := serve(t)
	c := s.dial(t)
	session := s.guest(t)
	flooded := make(chan struct{})
	go func() {
		defer close(flooded)
		flood := transporttest.Bytes(frame{Op: transporttest.Pong, Payload: strings.Repeat("x", 125)})
		for range 20_000 {
			if _, err := c.Write(flood); err != nil {
				t.Errorf("while closing: %v", err)
				return
			}
		}
		c.Chop(transporttest.Bytes(closing(4003, "")), 100)
	}()
	session.Close(hub.Cause{Code: 4003, Reason: "kicked"})
	if reason := c.ExpectClose(4003); reason != "kicked" {
		t.Errorf("reason %q", reason)
	}
	<-flooded
	c.ExpectEOF()
	if cause := s.expectGone(t, 4003); cause.Reason != "kicked" {
		t.Errorf("cause %+v", cause)
	}
}

func TestPeersThatVanish(t *testing.T) {
	t.Parallel()
	for name, vanish := range map[string]func(*net.TCPConn){
		"half-close": func(c *net.TCPConn) { _ = c.CloseWrite() },
		"close":      func(c *net.TCPConn) { _ = c.Close() },
		"reset":      func(c *net.TCPConn) { _ = c.SetLinger(0); _ = c.Close() },
	} {
		for state, sent := range map[string][]byte{
			"idle": nil, "in a header": {0x81}, "in a frame": bytesOf(text(said("hello")))[:20],
			"in a message": bytesOf(more(text("x"))), "after a command": bytesOf(text(said("hello"))),
		} {
			t.Run(name+" "+state, func(t *testing.T) {
				t.Parallel()
				s := serve(t)
				c := s.dial(t)
				c.Chop(sent, 100)
				if state == "after a command" {
					c.ExpectText(said("hello"))
				}
				vanish(c.Conn.(*net.TCPConn))
				s.expectGone(t, 1006)
				if name == "half-close" {
					c.ExpectEOF()
				}
			})
		}
	}
}

// A thousand clients that announce a large message and fall silent hold what
// they have sent, not what they have announced.
//
//nolint:paralleltest // it measures memory
func TestHalfSentFramesHoldLittleMemory(t *testing.T) {
	const clients = 1000
	s := serve(t)
	conns := make([]*client, clients)
	for i := range conns {
		conns[i] = s.dial(t)
		conns[i].Alive()
	}
	before := memoryInUse()
	for i, c := range conns {
		half := frame{Op: transporttest.Text, Length: 64 << 10, Payload: "half"}
		c.Send(ping(fmt.Sprint(i)), half)
		c.Expect(transporttest.Pong, fmt.Sprint(i)) // so the rest has been looked at
	}
	if per := (memoryInUse() - before) / clients; per > 1024 {
		t.Errorf("a half-sent frame holds %d bytes", per)
	}
}

// A client that has sent large messages back to back and is idle now holds no
// memory for them.
//
//nolint:paralleltest // it measures memory
func TestIdleSessionsKeepNoMessages(t *testing.T) {
	const clients = 100
	s := serve(t)
	conns := make([]*client, clients)
	for i := range conns {
		conns[i] = s.dial(t)
		conns[i].Alive()
	}
	before := memoryInUse()
	for _, c := range conns {
		c.Text(saidLong(60_000), saidLong(60_001), saidLong(60_002))
		c.ExpectText(saidLong(60_000), saidLong(60_001), saidLong(60_002))
		c.Alive()
	}
	if per := (memoryInUse() - before) / clients; per > 16<<10 {
		t.Errorf("an idle session holds %d bytes", per)
	}
}

// memoryInUse is what the heap and the stacks hold after a collection, in
// bytes.
func memoryInUse() int64 {
	var m runtime.MemStats
	for range 3 { // the pools let go in the second
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
