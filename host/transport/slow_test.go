package transport_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/host/command"
	"github.com/mesh-host/mesh-host/host/protocol"
	"github.com/mesh-host/mesh-host/host/transport/transporttest"
)

// deaf opens a session in a bubble whose client reads only when it is told to.
func (s *server) deaf(tb testing.TB) *client {
	tb.Helper()
	c := s.pipes.Raw(tb)
	c.Upgrade()
	return c
}

// A client that does not read its replies is not read from either: the server
// holds a bounded number of them, and loses none.
func TestRepliesToASlowReaderHoldItBack(t *testing.T) {
	t.Parallel()
	const messages = 5000
	for name, concurrent := range map[string]bool{"serial": false, "concurrent": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var ran atomic.Int32
			inBubble(t, func(b bubble) {
				t, s := b.T, b.s
				c := s.deaf(t)
				written := make(chan struct{})
				go func() {
					defer close(written)
					for i := range messages {
						c.Text(request(i, "count", `"`+strings.Repeat("*", 1000)+`"`))
					}
				}()
				synctest.Wait()
				if n := ran.Load(); n < 1 || n > 200 {
					t.Errorf("%d commands ran for a client that reads nothing", n)
				}
				seen := make(map[string]bool)
				for i := range messages {
					reply := c.Read().Payload
					if want := fmt.Sprintf(`{"id":%d,`, i); !concurrent && !strings.HasPrefix(reply, want) {
						t.Fatalf("got %.20s, want %s", reply, want)
					}
					seen[reply] = true
				}
				<-written
				if len(seen) != messages {
					t.Errorf("%d different replies of %d", len(seen), messages)
				}
			}, with(command.Command{Name: "count", Concurrent: concurrent, Handler: command.HandlerFunc(func(_ context.Context, c *command.Call) error {
				ran.Add(1)
				c.Reply(c.Payload)
				return nil
			})}))
		})
	}
}

// The bound on commands in flight pauses liveness for commands that run, not
// for a client that leaves their replies unread.
func TestUnreadRepliesDoNotPauseLiveness(t *testing.T) {
	t.Parallel()
	large := func(_ context.Context, c *command.Call) error {
		c.Yield()
		pass(time.Second)
		c.Reply([]byte(strings.Repeat("1", 100_000)))
		return nil
	}
	for name, concurrent := range map[string]bool{"serial": false, "concurrent": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(b bubble) {
				b.c.Hangup()
				b.s.expectGone(b, 1000)
				c, start := b.s.deaf(b), time.Now()
				go c.Chop(bytesOf(slices.Repeat([]frame{text(request(1, "large", "1"))}, 10)...), 1<<20)
				time.AfterFunc(10*time.Minute, func() { _ = c.Close() }) // or it would never end
				f := <-b.s.gone
				if took := time.Since(start); f.cause.Code != 4101 || took > time.Minute {
					b.Errorf("it ended with %+v after %v", f.cause, took)
				}
			}, with(command.Command{Name: "large", Concurrent: concurrent, Handler: command.HandlerFunc(large)}), func(u *setup) {
				u.CommandsInFlight, u.limits.PingInterval = 4, 10*time.Second
			})
		})
	}
}

func TestPushesToASlowReaderEndIt(t *testing.T) {
	t.Parallel()
	const outbox = 100_000
	push := protocol.AppendPush(nil, "news", []byte(`"`+strings.Repeat("*", 1000)+`"`))
	for name, reads := range map[string]bool{"reads again": true, "never reads": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(b bubble) {
				t, s := b.T, b.s
				s.guest(t)
				c := s.deaf(t)
				session := s.guest(t)
				taken := 0
				for session.Push(push) {
					taken++
					synctest.Wait()
				}
				if taken < outbox/len(push) || taken > 2*outbox/len(push) {
					t.Errorf("%d pushes of %d bytes were taken", taken, len(push))
				}
				if reads {
					f := c.Read() // what was being written
					for f.Op == transporttest.Text {
						f = c.Read()
					}
					if f.Op != transporttest.Close || f.Payload[:2] != "\x10\x04" {
						t.Errorf("got frame %#x %q, want 4100", f.Op, f.Payload)
					}
					c.Send(closing(4100, ""))
					c.ExpectEOF()
				}
				s.expectGone(t, 4100)
			}, func(u *setup) { u.limits.Outbox = outbox })
		})
	}
}
