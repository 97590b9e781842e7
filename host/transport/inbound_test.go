package transport

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"github.com/mesh-host/mesh-host/host/transport/transporttest"
)

// event is what a stream has come to: a message or a control frame.
type event struct {
	op      ws.OpCode
	payload string
}

// arrive gives an inbound bytes as a source does, and takes out what they
// have completed. It returns the violation's code, 0 where there is none.
func arrive(in *inbound, piece []byte) (events []event, code int) {
	for len(piece) > 0 {
		n := copy(in.borrow(), piece)
		in.w, piece = in.w+n, piece[n:]
		for {
			op, payload, err := in.next()
			if errors.Is(err, errNeedMore) {
				break
			}
			if v, ok := errors.AsType[*violation](err); ok {
				return events, v.code
			}
			events = append(events, event{op, string(payload)})
		}
	}
	return events, 0
}

type frame = transporttest.Frame

// script is a stream with frames of every kind of header.
func script() []frame {
	long := strings.Repeat("käse ", 100)
	return []frame{
		{Op: 1, Payload: "one"}, {Op: 9, Payload: "ping"}, {Op: 1, Payload: ""}, {Op: 10},
		{Op: 1, More: true, Payload: long[:251]}, {Op: 9, Payload: "between"}, {More: true}, {Payload: long[251:]},
		{Op: 1, Payload: long}, {Op: 1, Payload: strings.Repeat("x", 126)}, {Op: 1, Payload: strings.Repeat("y", 1<<16)},
		{Op: 8, Payload: "\x03\xe8bye"},
	}
}

// The same stream gives the same events wherever it is cut, with the buffer
// given back at the cut or not.
func TestInboundIsCutAnywhere(t *testing.T) {
	t.Parallel()
	stream := transporttest.Bytes(script()...)
	want, code := arrive(&inbound{limit: 1 << 20}, slices.Clone(stream))
	if len(want) != 10 || code != 0 {
		t.Fatalf("%d events, code %d", len(want), code)
	}
	interesting := len(transporttest.Bytes(script()[:10]...)) + 20 // the last long frame is cut near its ends only
	for cut := range stream {
		if cut > interesting && cut < len(stream)-20 {
			continue
		}
		for _, wait := range []bool{false, true} {
			in := &inbound{limit: 1 << 20}
			events, _ := arrive(in, slices.Clone(stream[:cut]))
			if wait {
				in.giveBack()
			}
			after, code := arrive(in, slices.Clone(stream[cut:]))
			if events = append(events, after...); code != 0 || !slices.Equal(events, want) {
				t.Fatalf("cut at %d, waiting %v: code %d, %d events of %d", cut, wait, code, len(events), len(want))
			}
		}
	}
}

// A half-sent message that cannot be text any more fails at once, not before.
func TestInboundFailsFast(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		text  string
		fails int // at this byte; -1: not until the end of the message
	}{
		"above U+10FFFF": {"ok\xf4\x90\x80\x80", 3},
		"surrogate":      {"ok\xed\xa0\x80", 3},
		"over-long":      {"ok\xe0\x9f\xbf", 3},
		"over-long two":  {"ok\xc1\xbf", 2},
		"five bytes":     {"ok\xf8\x88\x80\x80\x80", 2},
		"continuation":   {"ok\x80", 2},
		"cut short":      {"ok\xe2\x82 ", 4},
		"never ended":    {"ok\xf0\x9f\x98", -1},
	} {
		for _, way := range []string{"in one frame", "in frames of a byte"} {
			in := &inbound{limit: 100}
			stream := transporttest.Bytes(frame{Op: 1, Payload: test.text + "and more"}) // announced
			step := 1
			if stream = stream[:len(stream)-len("and more")]; way != "in one frame" {
				frames := transporttest.Fragments(test.text+"and more", 1)
				stream, step = transporttest.Bytes(frames[:len(test.text)]...), len(transporttest.Bytes(frames[0]))
			}
			head := len(stream) - len(test.text)*step
			failed := -1
			for i := range stream {
				if _, code := arrive(in, stream[i:i+1]); code != 0 {
					failed = (i - head) / step
					break
				}
			}
			if failed != test.fails {
				t.Errorf("%s %s: failed at byte %d, want %d", name, way, failed, test.fails)
			}
		}
	}
}

// Yielding hands the message that is being worked on to its command, and the
// unread bytes to the next reader.
func TestInboundSplits(t *testing.T) {
	t.Parallel()
	in := &inbound{limit: 1000}
	stream := transporttest.Bytes(frame{Op: 1, Payload: "first"}, frame{Op: 1, Payload: "second"}, frame{Op: 1, More: true, Payload: "thi"}, frame{Op: 0, Payload: "rd"})
	in.w = copy(in.borrow(), stream)
	_, first, _ := in.next()
	in.split()
	_, second, _ := in.next()
	in.split()
	_, third, err := in.next()
	in.split()
	copy(in.borrow(), bytes.Repeat([]byte("*"), readSize))
	if string(first) != "first" || string(second) != "second" || string(third) != "third" || err != nil {
		t.Errorf("%q %q %q %v", first, second, third, err)
	}
}

func BenchmarkInbound(b *testing.B) {
	var stream []byte
	for range 8 {
		stream = frame{Op: 1, Payload: strings.Repeat("x", 150)}.Append(stream)
	}
	in := &inbound{limit: 64 << 10}
	b.ReportAllocs()
	b.SetBytes(int64(len(stream)))
	for b.Loop() {
		in.w += copy(in.borrow(), stream)
		for frames := 0; ; frames++ {
			if _, _, err := in.next(); err != nil {
				if frames != 8 {
					b.Fatal(frames, err)
				}
				break
			}
		}
		in.giveBack()
	}
}
