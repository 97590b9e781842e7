//go:build linux

package e2e

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"
)

// A client that stops reading is closed as a slow consumer; the others lose
// nothing, and what waits for it is bounded.
func TestSlowConsumer(t *testing.T) {
	h := start(t, setup{plugins: []string{conformance}, config: "[liveness]\nclose_timeout = \"30s\"\n"})
	sender := h.dial(t, dialing{})
	readers := h.dialMany(t, 5, dialing{})
	var stuck []*raw
	for range 10 {
		stuck = append(stuck, h.shake(t))
	}
	before := usageOf(t, h.pid())

	// 30 KB each: with the kernel's buffers, at most some 10 MB a client, and
	// the outbox, of 1 MiB, this is more than any one can hold.
	const messages = 1000
	filler := strings.Repeat("x", 30_000)
	for n := range messages {
		sender.call(t, "broadcast", fmt.Sprintf(`{"command":"flood","payload":{"n":%d,"filler":%q}}`, n, filler))
	}
	for i, c := range append(readers, sender) {
		eventually(t, patience, "everything has arrived", func() bool { return c.count("flood") == messages })
		n := 0
		frames, _ := c.pushes.from(0)
		for _, f := range frames {
			if f.Command != "flood" {
				continue
			}
			if !strings.HasPrefix(string(f.Payload), fmt.Sprintf(`{"n":%d,`, n)) {
				t.Fatalf("reader %d: push %d is %.30s", i, n, f.Payload)
			}
			n++
		}
		c.echoes(t)
	}
	during := usageOf(t, h.pid())
	t.Logf("%d MB broadcast beside 10 clients that do not read: %v, before %v", messages*len(filler)/1e6, during, before)
	// Each may have 1 MiB waiting and 1 MiB being written, twice for the
	// collector.
	if grown := during.peak - before.resident; grown > 10*4<<20+48<<20 {
		t.Errorf("memory has grown by %d MiB", grown>>20)
	}
	for _, r := range stuck {
		last := -1
		for {
			op, payload, err := r.next()
			if err != nil {
				t.Fatalf("no close frame after push %d: %v", last, err)
			}
			if op == opClose {
				if code := int(binary.BigEndian.Uint16(payload)); code != 4100 {
					t.Errorf("closed with %d", code)
				}
				break
			}
			// What it did get is complete and in order.
			var n int
			if _, err := fmt.Sscanf(string(payload), `{"command":"flood","payload":{"n":%d,`, &n); err == nil {
				if n != last+1 {
					t.Errorf("push %d comes after %d", n, last)
				}
				last = n
			}
		}
		_ = r.conn.Close()
	}
	eventually(t, patience, "they are gone", func() bool { return h.sessions(t) == 6 })
}

// One that neither reads nor closes is cut off after liveness.close_timeout.
func TestSlowConsumerIsCutOff(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance}, config: "[liveness]\nclose_timeout = \"500ms\"\n[limits]\noutbox = \"64KiB\"\n"})
	sender := h.dial(t, dialing{})
	h.shake(t) // and never reads
	filler := strings.Repeat("x", 60_000)
	eventually(t, time.Minute, "it is cut off", func() bool {
		for range 20 {
			sender.call(t, "broadcast", fmt.Sprintf(`{"command":"flood","payload":%q}`, filler))
		}
		return h.sessions(t) == 1
	})
	sender.echoes(t)
}
