package transport_test

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mesh-host/mesh-host/host/transport/transporttest"
)

// The cases of the Autobahn test suite (fuzzingclient, groups 1 to 7, 9 and
// 10; 12 and 13 are compression, which is not offered), under its numbers.
// This server does not echo raw text, but an echo command's reply is the same
// bytes as its request, so a text message of the suite is such a command here:
// its text is the payload, or, where the suite counts bytes, the whole message
// has that many. A text that is no command (empty, a single broken character)
// is sent as it is too; then nothing may come back, and the connection must
// stay open if it was valid. A binary message is answered with 1003 at once.

type (
	frame  = transporttest.Frame
	client = transporttest.Client
)

// autobahn is one case of the suite.
type autobahn struct {
	id   string
	send []frame
	// chop is how the bytes go out: 0 in one write, frameWise, or in writes
	// of so many bytes.
	chop int
	// replies are the texts and pongs that must come, in order.
	replies []frame
	// code is what the server must close with, noCode for a close frame
	// without one; where it is 0 the client closes, cleanly, with 1000.
	code int
	// play does what frames in a row cannot say, before all of the above.
	play func(*client)
}

const frameWise = -1

func text(message string) frame        { return frame{Op: transporttest.Text, Payload: message} }
func binary(message string) frame      { return frame{Op: transporttest.Binary, Payload: message} }
func ping(payload string) frame        { return frame{Op: transporttest.Ping, Payload: payload} }
func pong(payload string) frame        { return frame{Op: transporttest.Pong, Payload: payload} }
func more(f frame) frame               { f.More = true; return f }
func rest(payload string) frame        { return frame{Op: transporttest.Continuation, Payload: payload} }
func closing(code int, s string) frame { return transporttest.CloseFrame(code, s) }

func reserved(f frame, bits byte) frame { f.RSV = bits; return f }

// run plays a case on a connection of its own.
func (a *autobahn) run(c *client) {
	if a.play != nil {
		a.play(c)
	}
	switch a.chop {
	case 0:
		c.Chop(transporttest.Bytes(a.send...), 1<<20)
	case frameWise:
		for _, f := range a.send {
			c.Chop(transporttest.Bytes(f), 1<<20)
		}
	default:
		c.Chop(transporttest.Bytes(a.send...), a.chop)
	}
	for _, f := range a.replies {
		c.Expect(f.Op, f.Payload)
	}
	switch a.code {
	case 0:
		c.Hangup()
	case noCode:
		c.ExpectClose(0)
		c.ExpectEOF()
	default:
		c.ExpectClose(a.code)
		c.ExpectEOF()
	}
}

// noCode is the code of a close frame that has none.
const noCode = -1

// TestAutobahn runs them all and counts them.
func TestAutobahn(t *testing.T) {
	t.Parallel()
	groups := []struct {
		name  string
		cases []autobahn
	}{
		{"1 framing", framingCases()},
		{"2 pings and pongs", pingCases()},
		{"3 reserved bits", reservedBitCases()},
		{"4 opcodes", opcodeCases()},
		{"5 fragmentation", fragmentationCases()},
		{"6 UTF-8", utf8Cases()},
		{"7 close handling", closeCases()},
		{"9 limits", limitCases()},
		{"10 automatic fragmentation", autoFragmentCases()},
	}
	const largest = 16 << 20
	small, large := serve(t), serve(t, func(u *setup) {
		u.MessageSize, u.ReplySize = largest, largest
		u.limits.Outbox = largest
	})
	var passed atomic.Int32
	seen := map[string]bool{}
	t.Cleanup(func() {
		t.Logf("Autobahn: %d of %d cases passed (12 and 13, compression, are not offered)", passed.Load(), len(seen))
	})
	for _, group := range groups {
		t.Logf("Autobahn group %s: %d cases", group.name, len(group.cases))
		for _, a := range group.cases {
			if seen[a.id] {
				t.Errorf("case %s is there twice", a.id)
			}
			seen[a.id] = true
			s := small
			if strings.HasPrefix(a.id, "9.") || a.id == "7.1.6" {
				s = large
			}
			t.Run(a.id, func(t *testing.T) {
				t.Parallel()
				a.run(s.dial(t))
				passed.Add(1)
			})
		}
	}
}

// framingCases are group 1. The empty message is no command: nothing comes
// back, and the connection stays.
func framingCases() []autobahn {
	cases := []autobahn{
		{id: "1.1.1", send: []frame{text("")}},
		{id: "1.1.8", send: []frame{text(saidLong(65536))}, chop: 997, replies: []frame{text(saidLong(65536))}},
		{id: "1.2.1", send: []frame{binary("")}, code: 1003},
		{id: "1.2.8", send: []frame{binary(strings.Repeat("\xFE", 65536))}, chop: 997, code: 1003},
	}
	for i, size := range []int{125, 126, 127, 128, 65535, 65536} {
		n := string(rune('2' + i))
		cases = append(cases,
			autobahn{id: "1.1." + n, send: []frame{text(saidLong(size))}, replies: []frame{text(saidLong(size))}},
			autobahn{id: "1.2." + n, send: []frame{binary(strings.Repeat("\xFE", size))}, code: 1003},
			// Not of the suite: the same in single bytes.
			autobahn{id: "1.1." + n + " octet-wise", send: []frame{text(saidLong(size))}, replies: []frame{text(saidLong(size))}, chop: 1},
		)
	}
	return cases
}

func pingCases() []autobahn {
	full, noise := strings.Repeat("\xFE", 125), "\x00\xFF\xFE\xFD\xFC\xFB\x00\xFF"
	var pings, pongs []frame
	for i := range 10 {
		payload := "payload-" + string(rune('0'+i))
		pings, pongs = append(pings, ping(payload)), append(pongs, pong(payload))
	}
	cases := []autobahn{
		{id: "2.1", send: []frame{ping("")}, replies: []frame{pong("")}},
		{id: "2.2", send: []frame{ping("Hello, world!")}, replies: []frame{pong("Hello, world!")}},
		{id: "2.3", send: []frame{ping(noise)}, replies: []frame{pong(noise)}},
		{id: "2.4", send: []frame{ping(full)}, replies: []frame{pong(full)}},
		{id: "2.5", send: []frame{ping(full + "\xFE")}, code: 1002},
		{id: "2.6", send: []frame{ping(full)}, replies: []frame{pong(full)}, chop: 1},
		{id: "2.7", send: []frame{pong("")}},
		{id: "2.8", send: []frame{pong("unsolicited pong payload")}},
		{id: "2.9", send: []frame{pong("unsolicited pong payload"), ping("ping payload")}, replies: []frame{pong("ping payload")}},
		{id: "2.10", send: pings, replies: pongs},
		{id: "2.11", send: pings, replies: pongs, chop: 1},
	}
	// Not of the suite: every length that there is.
	for size := range 126 {
		full := full[:size]
		cases[3].send = append(cases[3].send, ping(full))
		cases[3].replies = append(cases[3].replies, pong(full))
	}
	return cases
}

func reservedBitCases() []autobahn {
	hello := text(said("Hello, world!"))
	return []autobahn{
		{id: "3.1", send: []frame{reserved(hello, 1)}, code: 1002},
		{id: "3.2", send: []frame{hello, reserved(hello, 2), ping("")}, replies: []frame{hello}, code: 1002},
		{id: "3.3", send: []frame{hello, reserved(hello, 3), ping("")}, replies: []frame{hello}, chop: frameWise, code: 1002},
		{id: "3.4", send: []frame{hello, reserved(hello, 4), ping("")}, replies: []frame{hello}, chop: 1, code: 1002},
		{id: "3.5", send: []frame{reserved(binary("\x00\xFF\xFE\xFD\xFC\xFB\x00\xFF"), 5)}, code: 1002},
		{id: "3.6", send: []frame{reserved(ping("Hello, world!"), 6)}, code: 1002},
		{id: "3.7", send: []frame{reserved(closing(0, ""), 7)}, code: 1002},
	}
}

func opcodeCases() []autobahn {
	hello := text(said("Hello, world!"))
	var cases []autobahn
	for i, op := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		group, number := "4.1.", i+1
		if op > 7 {
			group, number = "4.2.", i-4
		}
		a := autobahn{id: group + string(rune('0'+number)), code: 1002}
		bad := frame{Op: op}
		if number != 1 && number != 3 {
			bad.Payload = "reserved opcode payload"
		}
		if a.send = []frame{bad}; number > 2 {
			a.send, a.replies = []frame{hello, bad, ping("")}, []frame{hello}
		}
		if number == 5 {
			a.chop = 1
		}
		cases = append(cases, a)
	}
	return cases
}

// fragmentationCases are group 5; message is cut where the suite cuts its
// own.
func fragmentationCases() []autobahn {
	message := said("fragment1fragment2")
	one, two := message[:45], message[45:]
	hello := text(said("Hello, world!"))
	whole := []frame{text(message)}
	apart := []frame{more(text(one)), rest(two)}
	pinged := []frame{more(text(one)), ping("ping payload"), rest(two)}
	answered := []frame{pong("ping payload"), text(message)}
	stray, strayOpen := []frame{rest("non-continuation payload"), hello}, []frame{more(rest("non-continuation payload")), hello}
	return []autobahn{
		{id: "5.1", send: []frame{more(ping("fragment1")), rest("fragment2")}, code: 1002},
		{id: "5.2", send: []frame{more(pong("fragment1")), rest("fragment2")}, code: 1002},
		{id: "5.3", send: apart, replies: whole},
		{id: "5.4", send: apart, replies: whole, chop: frameWise},
		{id: "5.5", send: apart, replies: whole, chop: 1},
		{id: "5.6", send: pinged, replies: answered},
		{id: "5.7", send: pinged, replies: answered, chop: frameWise},
		{id: "5.8", send: pinged, replies: answered, chop: 1},
		{id: "5.9", send: stray, code: 1002},
		{id: "5.10", send: stray, code: 1002, chop: frameWise},
		{id: "5.11", send: stray, code: 1002, chop: 1},
		{id: "5.12", send: strayOpen, code: 1002},
		{id: "5.13", send: strayOpen, code: 1002, chop: frameWise},
		{id: "5.14", send: strayOpen, code: 1002, chop: 1},
		{id: "5.15", send: append(slices.Clone(apart), more(rest("fragment3")), text("fragment4")), replies: whole, code: 1002},
		{id: "5.16", send: []frame{more(rest("fragment1")), more(text("fragment2")), rest("fragment3")}, code: 1002},
		{id: "5.17", send: []frame{rest("fragment1"), more(text("fragment2")), rest("fragment3")}, code: 1002},
		{id: "5.18", send: []frame{more(text("fragment1")), text("fragment2")}, code: 1002},
		{id: "5.19", play: func(c *client) { inFive(c, 0) }},
		{id: "5.20", play: func(c *client) { inFive(c, frameWise) }},
	}
}

// inFive sends a message in five fragments with two pings between them; the
// first ping is answered before the message goes on.
func inFive(c *client, chop int) {
	send := func(frames ...frame) {
		if chop != frameWise {
			c.Send(frames...)
			return
		}
		for _, f := range frames {
			c.Send(f)
		}
	}
	message := said("fragment1fragment2fragment3fragment4fragment5")
	send(more(text(message[:45])), more(rest(message[45:54])), ping("pongme 1!"))
	c.Expect(transporttest.Pong, "pongme 1!")
	send(more(rest(message[54:63])), more(rest(message[63:72])), ping("pongme 2!"), rest(message[72:]))
	c.Expect(transporttest.Pong, "pongme 2!")
	c.ExpectText(message)
}
