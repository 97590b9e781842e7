// Package hubtest holds a socket in memory and a reader of server frames, for
// the tests of the hub and of what stands on it.
package hubtest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/mesh-host/mesh-host/host/hub"
)

// Wire is a hub.Wire in memory. It is safe for concurrent use and fails the
// test if two goroutines write at once.
type Wire struct {
	tb      testing.TB
	mu      sync.Mutex
	changed sync.Cond
	written []byte
	writes  int
	writing bool
	blocked bool
	closed  bool
}

var _ hub.Wire = (*Wire)(nil)

// NewWire makes a wire that takes everything.
func NewWire(tb testing.TB) *Wire {
	tb.Helper()
	w := &Wire{tb: tb}
	w.changed.L = &w.mu
	return w
}

// Write implements hub.Wire.
func (w *Wire) Write(frames [][]byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begin()
	for w.blocked && !w.closed {
		w.changed.Wait()
	}
	return w.end(frames)
}

// TryWrite implements hub.Wire: it writes everything, or nothing while writes
// are to wait.
func (w *Wire) TryWrite(frames [][]byte) (rest [][]byte, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.blocked && !w.closed {
		return frames, nil
	}
	w.begin()
	return nil, w.end(frames)
}

func (w *Wire) begin() {
	if w.writing {
		w.tb.Error("hubtest: two goroutines write at once")
	}
	w.writing = true
	w.writes++
	w.changed.Broadcast()
}

func (w *Wire) end(frames [][]byte) error {
	w.writing = false
	w.changed.Broadcast()
	if w.closed {
		return io.ErrClosedPipe
	}
	for _, f := range frames {
		w.written = append(w.written, f...)
	}
	return nil
}

// Close implements hub.Wire.
func (w *Wire) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.changed.Broadcast()
	return nil
}

// Block lets writes wait, until Block(false) or Close: a peer that does not
// read.
func (w *Wire) Block(blocked bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.blocked = blocked
	w.changed.Broadcast()
}

// AwaitWriter waits until a write has begun and not ended.
func (w *Wire) AwaitWriter() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for !w.writing {
		w.changed.Wait()
	}
}

// Closed reports whether the wire was closed.
func (w *Wire) Closed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closed
}

// Writes returns how many writes have begun.
func (w *Wire) Writes() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.writes
}

// Frames takes what was written since the last call, apart into frames. What
// is no server frame fails the test.
func (w *Wire) Frames() []Frame {
	w.tb.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	frames, err := Decode(w.written)
	if err != nil {
		w.tb.Fatal(err)
	}
	w.written = nil
	return frames
}

// Texts is Frames where all of them are text messages.
func (w *Wire) Texts() []string {
	w.tb.Helper()
	var texts []string
	for _, f := range w.Frames() {
		if f.Op != OpText {
			w.tb.Fatalf("hubtest: got a frame with opcode %d: %q", f.Op, f.Payload)
		}
		texts = append(texts, string(f.Payload))
	}
	return texts
}

// The opcodes of RFC 6455 section 5.2.
const (
	OpText  = 0x1
	OpClose = 0x8
	OpPong  = 0xA
)

// Frame is one server frame.
type Frame struct {
	Op      byte
	Payload []byte
}

// CloseCause reads the body of a close frame.
func (f Frame) CloseCause() hub.Cause {
	if f.Op != OpClose || len(f.Payload) < 2 {
		return hub.Cause{}
	}
	return hub.Cause{Code: int(binary.BigEndian.Uint16(f.Payload)), Reason: string(f.Payload[2:])}
}

var errShort = errors.New("hubtest: a frame is cut off")

// Decode takes server frames apart as RFC 6455 section 5.2 describes them,
// independently of the code that made them. It refuses fragments, masks,
// reserved bits, lengths that could be shorter, and long control frames.
func Decode(b []byte) ([]Frame, error) {
	var frames []Frame
	for len(b) > 0 {
		if len(b) < 2 {
			return nil, errShort
		}
		op := b[0] & 0x0F
		if b[0]&0xF0 != 0x80 || b[1]&0x80 != 0 {
			return nil, fmt.Errorf("hubtest: header %08b %08b", b[0], b[1])
		}
		size, header, err := length(b)
		switch {
		case err != nil:
			return nil, err
		case op >= 0x8 && size > 125:
			return nil, fmt.Errorf("hubtest: a control frame of %d bytes", size)
		case uint64(len(b)-header) < size:
			return nil, errShort
		}
		end := header + int(size)
		frames = append(frames, Frame{Op: op, Payload: b[header:end:end]})
		b = b[end:]
	}
	return frames, nil
}

// length reads a frame's length and the length of its header.
func length(b []byte) (size uint64, header int, err error) {
	size, header = uint64(b[1]), 2
	least := uint64(0)
	switch size {
	case 126:
		if header, least = 4, 126; len(b) < header {
			return 0, 0, errShort
		}
		size = uint64(binary.BigEndian.Uint16(b[2:]))
	case 127:
		if header, least = 10, 1<<16; len(b) < header {
			return 0, 0, errShort
		}
		size = binary.BigEndian.Uint64(b[2:])
	}
	if size < least {
		return 0, 0, fmt.Errorf("hubtest: length %d in a header of %d bytes", size, header)
	}
	return size, header, nil
}
