package transport

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"github.com/mesh-host/mesh-host/host/transport/transporttest"
)

// reference reads a whole stream the simple way: frame by frame, with all
// bytes at hand, after RFC 6455 section 5 and nothing else.
type reference struct {
	limit   int
	stream  []byte
	message []byte
	open    bool // a message has begun
	events  []event
}

// run returns the code of the violation that ends the stream, 0 for none.
func (r *reference) run() int {
	for {
		op, fin, payload, whole, code := r.frame()
		if code != 0 || payload == nil {
			return code
		}
		if op >= 8 {
			if !whole {
				return 0
			}
			r.events = append(r.events, event{ws.OpCode(op), string(payload)})
			continue
		}
		if r.message = append(r.message, payload...); !possible(r.message, whole && fin) {
			return 1007
		}
		if !whole {
			return 0
		}
		if r.open = !fin; fin {
			r.events = append(r.events, event{ws.OpText, string(r.message)})
			r.message = nil
		}
	}
}

// frame takes a frame off the stream; of one that is not whole, what there is
// of its payload, and nil where not even its header is whole.
func (r *reference) frame() (op byte, fin bool, payload []byte, whole bool, code int) {
	s := r.stream
	if len(s) < 2 {
		return 0, false, nil, false, 0
	}
	size, length, least := 6, uint64(s[1]&0x7F), uint64(0)
	if length > 125 {
		wide := int(2 + (length-126)*6)
		if least = 126; wide == 8 {
			least = math.MaxUint16 + 1
		}
		if size += wide; len(s) < 2+wide {
			return 0, false, nil, false, 0
		}
		length = binary.BigEndian.Uint64(append(make([]byte, 8-wide, 8), s[2:2+wide]...))
	}
	if s[1]&0x80 == 0 {
		size -= 4
	}
	if len(s) < size {
		return 0, false, nil, false, 0
	}
	op, fin = s[0]&0xF, s[0]&0x80 != 0
	switch {
	case length < least, length > math.MaxInt64, s[0]&0x70 != 0, s[1]&0x80 == 0,
		op > 2 && op < 8, op > 10, op >= 8 && (!fin || length > 125),
		op == 0 && !r.open, op > 0 && op < 8 && r.open:
		return 0, false, nil, false, 1002
	case op == 2:
		return 0, false, nil, false, 1003
	case op < 8 && length > uint64(r.limit-len(r.message)):
		return 0, false, nil, false, 1009
	}
	rest := uint64(len(s) - size)
	payload = slices.Clone(s[size : size+int(min(length, rest))])
	for i := range payload {
		payload[i] ^= s[size-4+i%4]
	}
	r.stream = s[size+len(payload):]
	return op, fin, append([]byte{}, payload...), length <= rest, 0
}

// possible reports whether text is UTF-8, or, before its end, can become it.
func possible(text []byte, end bool) bool {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r == utf8.RuneError && size == 1 {
			return !end && !utf8.FullRune(text)
		}
		text = text[size:]
	}
	return true
}

// build makes a stream of frames that are mostly in order: of each a byte of
// opcode and flags, one for the length of the payload, and the payload.
func build(program []byte) []byte {
	var stream []byte
	for len(program) >= 2 {
		b, n := program[0], min(int(program[1]), len(program)-2)
		f := frame{Op: [8]byte{0, 1, 0, 9, 10, 1, 8, b >> 4}[b&7], More: b&8 != 0 && b&7 < 3, Payload: string(program[2 : 2+n])}
		stream, program = f.Append(stream), program[2+n:]
	}
	return stream
}

// FuzzInbound holds the parser, fed piece by piece, with waits and yields in
// between, against the reference. cuts are the sizes of the pieces; their
// lowest bits say what happens after one. The stream is taken as it is, or as
// a program for build.
func FuzzInbound(f *testing.F) {
	for i, s := range [][]frame{
		script()[:10], script()[4:8], {{Op: 1, Payload: "x", Unmasked: true}}, {{Op: 2}}, {{Op: 3}}, {{Op: 1, RSV: 4}},
		{{Op: 9, More: true}}, {{Op: 9, Length: 126}}, {{Op: 0}}, {{Op: 1, More: true}, {Op: 1}},
		{{Op: 1, Payload: "a", Wide: 2}}, {{Op: 1, Payload: "a", Wide: 8}}, {{Op: 1, Length: 1 << 63}}, {{Op: 1, Length: 5000, Payload: "a"}},
		{{Op: 1, More: true, Payload: "\xe2"}, {Op: 9}, {Payload: "\x82\xac"}}, {{Op: 1, Payload: "\xf4\x90\x80\x80", Length: 10}},
		{{Op: 1, More: true, Payload: "\xe2\x82"}, {Op: 0}}, {{Op: 1, More: true}, {More: true}, {More: true}, {}},
	} {
		f.Add(transporttest.Bytes(s...), []byte{byte(i), 1, 4, 200, 7, 9, 2}, uint16(1000), false)
	}
	f.Add([]byte("\x09\x02\xe2\x82\x03\x01a\x08\x01\xac\x00\x03bye\x01\x05hello\x06\x00"), []byte{0, 4, 5}, uint16(50), true)
	f.Add([]byte("\x09\x00\x0a\x00\x02\x00\x05\x01a\x04\x7d"), []byte{0}, uint16(1), true)
	f.Fuzz(func(t *testing.T, stream, cuts []byte, limit uint16, program bool) {
		if program {
			stream = build(stream)
		}
		want := reference{limit: int(limit), stream: stream}
		wantCode := want.run()
		in := &inbound{limit: int(limit)}
		var events []event
		code, rest := 0, slices.Clone(stream)
		for i := 0; len(rest) > 0 && code == 0; i++ {
			cut := byte(255)
			if len(cuts) > 0 {
				cut = cuts[i%len(cuts)]
			}
			n := min(len(rest), int(cut)/4+1)
			var more []event
			more, code = arrive(in, rest[:n])
			events, rest = append(events, more...), rest[n:]
			switch cut % 4 {
			case 0:
				in.giveBack()
			case 1:
				in.split()
			}
			checkBounds(t, in)
		}
		if code != wantCode || !slices.Equal(events, want.events) {
			t.Errorf("%x: code %d and %d events, want %d and %d\n%q\n%q", stream, code, len(events), wantCode, len(want.events), events, want.events)
		}
	})
}

// checkBounds checks that memory is bounded by the limit, and while waiting by
// next to nothing.
func checkBounds(t *testing.T, in *inbound) {
	t.Helper()
	if len(in.message) > in.limit || cap(in.message) > 2*in.limit+64 || len(in.tail) > 14+125 {
		t.Errorf("it holds a message of %d (%d) and a tail of %d bytes; the limit is %d", len(in.message), cap(in.message), len(in.tail), in.limit)
	}
	if in.buffer == nil && cap(in.last) > keepMessage {
		t.Errorf("while waiting it keeps %d bytes of a message that is done", cap(in.last))
	}
}
