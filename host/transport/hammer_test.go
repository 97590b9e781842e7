package transport_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/command"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/protocol"
	"github.com/mesh-host/mesh-host/host/transport/transporttest"
)

// Fifty clients do whatever comes to mind, while others push to them, close
// them and swap the table under them. Replies come once and serial ones in
// order; afterwards nothing is left: no goroutine, no session, no table that
// someone still holds.
func TestHammer(t *testing.T) {
	t.Parallel()
	const clients = 50
	s := serve(t, func(u *setup) {
		u.CommandsInFlight, u.BadFrames = 4, 3
		u.limits = hub.Limits{
			Outbox: 32 << 10, CloseTimeout: 200 * time.Millisecond,
			PingInterval: 100 * time.Millisecond, LatencyInterval: 50 * time.Millisecond, MaxMissedPongs: 1,
		}
	})
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
	defer stop()
	tables := &swaps{server: s}
	tables.swap()
	var work sync.WaitGroup
	var whole atomic.Int64
	for i := range clients {
		work.Go(func() {
			for random := rand.New(rand.NewPCG(uint64(i), 1)); ctx.Err() == nil; {
				whole.Add(hammer(t, s.address, random))
			}
		})
	}
	work.Go(func() { disturb(ctx, s, tables) })
	work.Wait()
	down, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	s.shutdown(down)
	s.router.Swap(command.NewTable(command.Entries{}, nil))
	if made, released := tables.made.Load(), tables.released.Load(); made != released {
		t.Errorf("%d tables were made, %d released", made, released)
	}
	t.Logf("%d sessions, %d of them to a peaceful end, %d tables", len(s.gone), whole.Load(), tables.made.Load())
}

// swaps makes tables and counts how many were let go of.
type swaps struct {
	server         *server
	made, released atomic.Int64
}

func (s *swaps) swap() {
	s.made.Add(1)
	wait := func(_ context.Context, c *command.Call) error {
		c.Yield()
		<-time.After(time.Duration(rand.IntN(2000)) * time.Microsecond)
		c.Reply(c.Payload)
		return nil
	}
	late := func(_ context.Context, c *command.Call) error {
		done := make(chan struct{})
		go func() { defer close(done); c.Yield() }()
		runtime.Gosched()
		c.Reply(c.Payload)
		<-done
		return nil
	}
	fail := func(_ context.Context, c *command.Call) error { panic(c.Name) }
	s.server.router.Swap(command.NewTable(command.Entries{
		Observers: []command.Observer{s.server.guests},
		Commands: []command.Command{
			handle("echo", echo), handle("wait", wait), handle("late", late), handle("fail", fail), handle("leave", leave),
			concurrently("beside", wait), concurrently("besides", echo),
		},
	}, func() { s.released.Add(1) }))
}

// disturb pushes to everyone, closes some, and swaps tables.
func disturb(ctx context.Context, s *server, tables *swaps) {
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	news := protocol.AppendPush(nil, "news", []byte(`"`+strings.Repeat("*", 500)+`"`))
	for i := 0; ctx.Err() == nil; i++ {
		<-ticker.C
		s.hub.Each(func(session *hub.Session) {
			session.Push(news)
			if rand.IntN(500) == 0 {
				session.Close(kicked)
			}
		})
		if i%10 == 0 {
			tables.swap()
		}
	}
}

// hammer is the life of one client; it returns 1 where that ended with every
// reply received.
func hammer(t *testing.T, address string, random *rand.Rand) int64 {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer func() { _ = conn.Close() }()
	c := transporttest.New(t, conn)
	if _, err := conn.Write([]byte(transporttest.Request("/"))); err != nil {
		return 0 // the server may have been told to close it already
	}
	c.ReadResponse()
	var work sync.WaitGroup
	defer work.Wait()
	replies := make(chan int, 1)
	asked := make(chan int, 1)
	work.Go(func() { replies <- listen(t, c, asked) })
	sent := 0
	for range random.IntN(60) {
		if _, err := conn.Write(whim(random, &sent)); err != nil {
			break
		}
	}
	asked <- sent
	switch tcp := conn.(*net.TCPConn); random.IntN(8) {
	case 0:
		_ = tcp.SetLinger(0)
		_ = tcp.Close()
	case 1:
		_ = tcp.Close()
	case 2:
		_ = tcp.CloseWrite()
	case 3:
		_, _ = tcp.Write(bytesOf(frame{Op: byte(3 + random.IntN(5))}))
	case 4:
		_, _ = tcp.Write(bytesOf(closing(1000, "")))
	default: // waits for every reply, and then leaves
		_, _ = tcp.Write(bytesOf(ping("")))
	}
	if <-replies == sent {
		return 1
	}
	return 0
}

// whim is what a client sends next, and counts the replies it asks for. A
// serial command's id is even, a concurrent one's odd.
func whim(random *rand.Rand, sent *int) []byte {
	serial := []string{"echo", "echo", "wait", "late", "fail"}
	ask := func(name string, odd int) string {
		*sent++
		return request(2**sent+odd, name, `"`+strings.Repeat("x", random.IntN(300))+`"`)
	}
	switch random.IntN(12) {
	case 0:
		return bytesOf(ping(strings.Repeat("p", random.IntN(126))))
	case 1:
		return bytesOf(text(`{"command":"wait","payload":"one-way"}`))
	case 2:
		return bytesOf(text(ask("beside", 1)), text(ask("besides", 1)))
	case 3:
		return bytesOf(fragments(ask("echo", 0), 1+random.IntN(100))...)
	case 4:
		return bytesOf(text(ask("mesh/noop", 1)), text(ask("nothing", 1)))
	case 5:
		if random.IntN(10) == 0 {
			return bytesOf(text("no command"))
		}
	case 6:
		if random.IntN(50) == 0 {
			return bytesOf(text(`{"command":"leave"}`))
		}
	case 7:
		var batch []byte
		for range 20 {
			batch = append(batch, bytesOf(text(ask("echo", 0)))...)
		}
		return batch
	}
	return bytesOf(text(ask(serial[random.IntN(len(serial))], 0)))
}

// listen reads until the connection ends, or until as many replies have come
// as were asked for, answers pings, and returns the number of replies.
func listen(t *testing.T, c *client, asked <-chan int) int {
	t.Helper()
	seen, last, want := make(map[int]bool), 0, -1
	for len(seen) != want {
		f, err := c.Next()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%d replies, want %d: some are lost", len(seen), want)
		}
		if err != nil || f.Op == transporttest.Close {
			break
		}
		var reply struct {
			ID      int
			Command string
		}
		if f.Op == transporttest.Text {
			if err := json.Unmarshal([]byte(f.Payload), &reply); err != nil {
				t.Errorf("%v: %s", err, f.Payload)
			}
		}
		serial := reply.ID%2 == 0
		switch {
		case reply.Command == "ping":
			_, _ = c.Write(bytesOf(text(`{"command":"pong"}`)))
		case reply.ID > 0:
			if seen[reply.ID] || serial && reply.ID < last {
				t.Errorf("reply %d after %d, seen before: %v", reply.ID, last, seen[reply.ID])
			}
			seen[reply.ID] = true
			if serial {
				last = reply.ID
			}
		}
		select {
		case want = <-asked:
		default:
		}
	}
	return len(seen)
}
