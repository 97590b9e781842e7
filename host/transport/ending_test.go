package transport_test

import (
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/transport/transporttest"
)

// ending is a way for a session to end. The cause must be the first one; who
// observes is told exactly once, which every test's server checks.
type ending struct {
	end    func(*testing.T, *hub.Session, *client)
	code   int
	reason string
	took   time.Duration // at least; within a few ticks more
}

var kicked = hub.Cause{Code: 4003, Reason: "kicked"}

func endings() map[string]ending {
	hangup := func(code int, reason string, answer int) func(*testing.T, *hub.Session, *client) {
		return func(_ *testing.T, _ *hub.Session, c *client) {
			c.Send(closing(code, reason))
			c.ExpectClose(answer)
			c.ExpectEOF()
		}
	}
	violate := func(f frame, code int) func(*testing.T, *hub.Session, *client) {
		return func(_ *testing.T, _ *hub.Session, c *client) {
			c.Send(f)
			c.ExpectClose(code)
			_ = c.Close()
		}
	}
	return map[string]ending{
		"the client closes":                     {end: hangup(1000, "", 1000), code: 1000},
		"the client closes and says why":        {end: hangup(4321, "bye", 4321), code: 4321, reason: "bye"},
		"the client closes without a code":      {end: hangup(0, "", 0), code: 1005},
		"the client closes badly":               {end: hangup(1005, "", 1002), code: 1002, reason: "malformed close frame"},
		"the client is gone":                    {end: func(_ *testing.T, _ *hub.Session, c *client) { _ = c.Close() }, code: 1006, reason: "connection lost"},
		"protocol error":                        {end: violate(frame{Op: 3}, 1002), code: 1002, reason: "use of reserved op code"},
		"binary message":                        {end: violate(binary("x"), 1003), code: 1003, reason: "binary messages are not supported"},
		"no UTF-8":                              {end: violate(text("\xff"), 1007), code: 1007, reason: "text is not UTF-8"},
		"too big":                               {end: violate(frame{Op: transporttest.Text, Length: 1 << 20}, 1009), code: 1009, reason: "message too big"},
		"the server closes":                     {end: serverCloses(closing(4003, "")), code: 4003, reason: "kicked"},
		"the server closes, another answer":     {end: serverCloses(closing(1000, "I left first")), code: 4003, reason: "kicked"},
		"the server closes, a violation":        {end: serverCloses(frame{Op: 3}), code: 4003, reason: "kicked", took: closeTimeout},
		"the server closes, no answer":          {end: serverCloses(ping("")), code: 4003, reason: "kicked", took: closeTimeout},
		"the server closes, the client is gone": {end: serverClosesTwice, code: 4003, reason: "kicked"},
		"a violation, and no end":               {end: violationAndSilence, code: 1003, reason: "binary messages are not supported", took: closeTimeout},
		"no answer to a ping":                   {end: func(*testing.T, *hub.Session, *client) {}, code: 4101, reason: "ping timeout", took: 3*time.Minute + closeTimeout},
	}
}

const closeTimeout = 2 * time.Second

func serverCloses(answer frame) func(*testing.T, *hub.Session, *client) {
	return func(_ *testing.T, s *hub.Session, c *client) {
		s.Close(kicked)
		c.ExpectClose(4003)
		c.Send(text("dropped"), answer)
		c.ExpectEOF()
	}
}

func serverClosesTwice(_ *testing.T, s *hub.Session, c *client) {
	s.Close(kicked)
	s.Close(hub.Cause{Code: 1011})
	c.ExpectClose(4003)
	_ = c.Close()
}

func violationAndSilence(_ *testing.T, _ *hub.Session, c *client) {
	c.Send(binary("x"))
	c.ExpectClose(1003)
	c.ExpectEOF()
}

func TestEveryEndHasItsCause(t *testing.T) {
	t.Parallel()
	for name, way := range endings() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(b bubble) {
				t, s, c := b.T, b.s, b.c
				session, start := s.guest(t), time.Now()
				way.end(t, session, c)
				f := <-s.gone
				if f.session != session || f.cause.Code != way.code || f.cause.Reason != way.reason {
					t.Errorf("the session ended with %+v, want %d %q", f.cause, way.code, way.reason)
				}
				if took := time.Since(start); took < way.took || took > way.took+10*hub.Tick {
					t.Errorf("it took %v, want %v", took, way.took)
				}
				if s.hub.Get(session.ID()) != nil {
					t.Error("the session is still in the hub when its end is told")
				}
			}, func(u *setup) { u.limits.PingInterval, u.limits.CloseTimeout = time.Minute, closeTimeout })
		})
	}
}

// What a client sends once the server has closed is dropped, and what it had
// asked before is answered ahead of the close frame.
func TestClosingDropsCommands(t *testing.T) {
	t.Parallel()
	s := serve(t, with(handle("leave", leave), concurrently("beside", leave)))
	for _, name := range []string{"leave", "beside"} {
		c := s.dial(t)
		c.Text(said("before"), request(1, name, "1"), said("after"), said("after"))
		c.ExpectText(said("before"))
		for f := c.Read(); f.Op != transporttest.Close; f = c.Read() {
			if name == "leave" || f.Payload != said("after") {
				t.Fatalf("got %s", f.Payload)
			}
		}
		c.Send(closing(4003, ""))
		c.ExpectEOF()
		s.expectGone(t, 4003)
	}
}
