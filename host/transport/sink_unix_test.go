//go:build darwin || linux || openbsd

package transport

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"testing"
)

// pair connects two sockets.
func pair(tb testing.TB) (near, far net.Conn) {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if far, err = net.Dial("tcp", l.Addr().String()); err != nil {
		tb.Fatal(err)
	}
	if near, err = l.Accept(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _, _ = near.Close(), far.Close() })
	return near, far
}

// pieces cuts bytes apart, here and there into none.
func pieces(b []byte) (list [][]byte) {
	for len(b) > 0 {
		n := min(len(b), rand.IntN(1<<rand.IntN(16)))
		list, b = append(list, b[:n]), b[n:]
	}
	return list
}

// A socket that is not read takes what fits and no more, without waiting; with
// the rest everything arrives in order.
func TestSinkTakesWhatFits(t *testing.T) {
	t.Parallel()
	near, far := pair(t)
	c := &connection{conn: near, sink: newSink(near)}
	sent := make([]byte, 64<<20) // more than the system keeps
	for i := 0; i < len(sent); i += 7 {
		sent[i] = byte(i)
	}
	left := pieces(sent)
	for { // it may take more as it moves bytes on to the other side
		rest, err := c.TryWrite(left[:min(len(left), 500)])
		if err != nil || len(left) <= 500 {
			t.Fatalf("%d of %d pieces left: %v", len(rest), len(left), err)
		}
		if len(rest) > 0 {
			left = append(slices.Clone(rest), left[500:]...)
			break
		}
		left = left[500:]
	}
	written := make(chan error)
	go func() { written <- c.Write(left) }()
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(far, got); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("what arrived is not what was sent (%v)", err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
	_ = near.Close()
	if _, err := c.TryWrite([][]byte{{1}}); err == nil {
		t.Error("a closed socket takes something")
	}
}

// A connection that is no socket leaves everything to those who may wait.
func TestSinkOfAPipe(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	defer func() { _, _ = near.Close(), far.Close() }()
	frames := [][]byte{{1}, {2}}
	if rest, err := newSink(near).put(frames); len(rest) != 2 || err != nil {
		t.Errorf("got %v, %v", rest, err)
	}
}

func BenchmarkSink(b *testing.B) {
	near, far := pair(b)
	done := make(chan struct{})
	go func() { defer close(done); _, _ = io.Copy(io.Discard, far) }()
	s, frame, frames := newSink(near), make([]byte, 200), make([][]byte, 1)
	b.ReportAllocs()
	for b.Loop() {
		frames[0] = frame
		rest, err := s.put(frames)
		if err == nil && len(rest) > 0 { // the reader is behind
			_, err = near.Write(rest[0])
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	_ = near.Close()
	<-done
}
