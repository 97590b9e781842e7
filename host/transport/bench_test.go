package transport_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/mesh-host/mesh-host/host/transport/transporttest"
)

// BenchmarkEcho is the whole way of an echo command of 128 bytes over
// loopback, with so many clients that have so many requests outstanding each.
// Beside it, in turns of the same run, stands a bare gobwas echo server that
// batches its reads and writes: the ratio is what travels to other machines.
// The clients, which take half of the processor, are included in both.
func BenchmarkEcho(b *testing.B) {
	for _, shape := range []struct{ clients, outstanding int }{{1, 1}, {50, 1}, {100, 8}} {
		b.Run(fmt.Sprintf("%dx%d", shape.clients, shape.outstanding), func(b *testing.B) {
			ours := connect(b, serve(b).address, shape.clients, shape.outstanding)
			bare := connect(b, bareEcho(b), shape.clients, shape.outstanding)
			const turns = 10
			each := b.N/shape.clients/turns + 1
			var spent, spentBare time.Duration
			b.ReportAllocs()
			b.ResetTimer()
			for range turns {
				b.StopTimer()
				spentBare += bare.run(each)
				b.StartTimer()
				spent += ours.run(each)
			}
			b.StopTimer()
			total := float64(turns * each * shape.clients)
			b.ReportMetric(total/spent.Seconds(), "echo/s")
			b.ReportMetric(total/spentBare.Seconds(), "bare/s")
			b.ReportMetric(spentBare.Seconds()/spent.Seconds(), "ratio")
		})
	}
}

// load is a number of clients that ask and wait.
type load struct {
	b       *testing.B
	clients []*asker
}

type asker struct {
	conn    net.Conn
	in      *bufio.Reader
	batch   []byte // as many requests as may be outstanding
	request int    // bytes of one
	reply   int    // bytes of one
}

func connect(b *testing.B, address string, clients, outstanding int) *load {
	b.Helper()
	l := &load{b: b}
	message := request(1001, "echo", `{"text":"The quick brown fox jumps over the lazy dog, again and again until it rests","n":12}`)
	one := bytesOf(text(message))
	for range clients {
		a := &asker{conn: transporttest.Dial(b, address).Conn, request: len(one), reply: len(message) + 4}
		a.in = bufio.NewReaderSize(a.conn, 16<<10)
		for range outstanding {
			a.batch = append(a.batch, one...)
		}
		l.clients = append(l.clients, a)
	}
	l.run(outstanding * 10) // everything is warm
	return l
}

// run has every client make so many requests, and returns how long it took.
func (l *load) run(each int) time.Duration {
	start := time.Now()
	var work sync.WaitGroup
	for _, a := range l.clients {
		work.Go(func() {
			if err := a.ask(each); err != nil {
				l.b.Error(err)
			}
		})
	}
	work.Wait()
	return time.Since(start)
}

// ask makes so many requests: as many as may be outstanding, and then one for
// every reply, in one write for all that have come.
func (a *asker) ask(total int) error {
	sent := min(total, len(a.batch)/a.request)
	if _, err := a.conn.Write(a.batch[:sent*a.request]); err != nil {
		return err
	}
	for got := 0; got < total; {
		if _, err := a.in.Peek(a.reply); err != nil {
			return err
		}
		come := a.in.Buffered() / a.reply
		_, _ = a.in.Discard(come * a.reply)
		got += come
		next := min(come, total-sent)
		if _, err := a.conn.Write(a.batch[:next*a.request]); next > 0 && err != nil {
			return err
		}
		sent += next
	}
	return nil
}

// bareEcho is a server that does nothing but echo frames: a goroutine a
// connection, gobwas frames, all that has arrived in one read, all replies to
// it in one write.
func bareEcho(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var work sync.WaitGroup
	b.Cleanup(func() { _ = l.Close(); work.Wait() })
	work.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			work.Go(func() {
				if err := echoFrames(conn); err != nil && !errors.Is(err, io.EOF) {
					b.Error(err)
				}
				_ = conn.Close()
			})
		}
	})
	return l.Addr().String()
}

func echoFrames(conn net.Conn) error {
	if _, err := ws.Upgrade(conn); err != nil {
		return err
	}
	in, out := bufio.NewReaderSize(conn, 16<<10), bufio.NewWriterSize(conn, 16<<10)
	payload := make([]byte, 4<<10)
	for {
		if in.Buffered() == 0 {
			if err := out.Flush(); err != nil {
				return err
			}
		}
		h, err := ws.ReadHeader(in)
		if err != nil {
			return err
		}
		p := payload[:h.Length]
		if _, err := io.ReadFull(in, p); err != nil {
			return err
		}
		ws.Cipher(p, h.Mask, 0)
		h.Masked = false
		if err := ws.WriteHeader(out, h); err != nil {
			return err
		}
		_, _ = out.Write(p)
	}
}
