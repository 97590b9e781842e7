package transport_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/command"
	"github.com/mesh-host/mesh-host/host/transport/transporttest"
)

// leave ends its own session.
func leave(_ context.Context, c *command.Call) error {
	c.Session.Close(kicked)
	return nil
}

// Commands in flight, running and queued, are answered; what comes after is
// dropped; then the session is closed with 1001.
func TestShutdownDrains(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b bubble) {
		t, s, c := b.T, b.s, b.c
		idle := s.pipe(t)
		c.Text(request(1, "slow", "1000"), request(2, "slow", "2000"), request(3, "beside", "1500"))
		synctest.Wait()
		start := time.Now()
		done := make(chan struct{})
		go func() {
			defer close(done)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			s.shutdown(ctx)
		}()
		idle.ExpectClose(1001)
		c.Text(request(4, "slow", "1"), request(5, "mesh/noop", "{}"))
		c.ExpectText(request(1, "slow", "1000"), request(3, "beside", "1500"), request(2, "slow", "2000"))
		c.ExpectClose(1001)
		if took := time.Since(start); took < 3*time.Second || took > 3100*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		idle.Send(closing(1001, ""))
		c.Send(closing(1001, ""))
		idle.ExpectEOF()
		c.ExpectEOF()
		<-done
		s.expectGone(t, 1001)
		s.expectGone(t, 1001)
	}, with(handle("slow", slow(true)), concurrently("beside", slow(false))), func(u *setup) { u.limits.CloseTimeout = time.Minute })
}

// When the grace is over what is left is cut off: handlers through their
// context, sessions by their socket.
func TestShutdownCutsOff(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b bubble) {
		t, s, c := b.T, b.s, b.c
		mute := s.pipe(t)
		c.Text(request(1, "hang", "1"))
		synctest.Wait()
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		s.shutdown(ctx)
		if took := time.Since(start); took < 5*time.Second || took > 5100*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		mute.ExpectClose(1001)
		s.expectGone(t, 1001)
		s.expectGone(t, 1001)
	}, with(handle("hang", func(ctx context.Context, c *command.Call) error {
		c.Yield()
		<-ctx.Done()
		return ctx.Err()
	})), func(u *setup) { u.limits.CloseTimeout = time.Hour })
}

// Connections that have asked for nothing yet, and refused ones that linger,
// do not hold up a shutdown; one that is being authenticated is cut off with
// the grace.
func TestShutdownDuringHandshakes(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b bubble) {
		t, s, c := b.T, b.s, b.c
		silent, half, waits := s.pipes.Connect(t), s.pipes.Connect(t), s.pipes.Connect(t)
		half.WriteString("GET / HTTP/1.1\r\nHost:")
		waits.WriteString(transporttest.Request("/?wait"))
		synctest.Wait()
		start := time.Now()
		done := make(chan struct{})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		go func() {
			defer close(done)
			s.shutdown(ctx)
		}()
		silent.ExpectEOF()
		half.ExpectEOF()
		c.ExpectClose(1001)
		c.Send(closing(1001, ""))
		c.ExpectEOF()
		if took := time.Since(start); took != 0 {
			t.Errorf("the silent ones held it up for %v", took)
		}
		waits.ExpectEOF()
		<-done
		if took := time.Since(start); took < 3*time.Second || took > 3100*time.Millisecond {
			t.Errorf("it took %v", took)
		}
	}, func(u *setup) { u.HandshakeTimeout = time.Hour }, authenticated(func(ctx context.Context, h *abi.Handshake) (*abi.Identity, error) {
		if h.Query == "wait" {
			<-ctx.Done()
		}
		return nil, ctx.Err()
	}))
}

// A handshake that ends while the server drains gets its session's end at
// once, in order.
func TestHandshakeEndsInAShutdown(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b bubble) {
		t, s, c := b.T, b.s, b.c
		late := s.pipes.Connect(t)
		late.WriteString(transporttest.Request("/?wait"))
		synctest.Wait()
		go s.shutdown(t.Context()) // and the end of the test waits for it
		c.Read()
		c.ExpectClose(1001)
		if r := late.ReadResponse(); r.Status != http.StatusSwitchingProtocols {
			t.Errorf("got %+v", r)
		}
		if f := late.Read(); !strings.HasPrefix(f.Payload, `{"command":"mesh/assign-id"`) {
			t.Errorf("got %q", f.Payload)
		}
		late.ExpectClose(1001)
		late.ExpectEOF()
	}, func(u *setup) { u.AssignID = []string{"mesh"} }, authenticated(func(_ context.Context, h *abi.Handshake) (*abi.Identity, error) {
		if h.Query == "wait" {
			pass(time.Second)
		}
		return nil, nil
	}))
}
