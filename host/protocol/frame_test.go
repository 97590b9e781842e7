package protocol_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/hub/hubtest"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// one reads the only frame in b.
func one(t *testing.T, b []byte) hubtest.Frame {
	t.Helper()
	frames, err := hubtest.Decode(b)
	if err != nil || len(frames) != 1 {
		t.Fatalf("%d frames (%v) in %.40q", len(frames), err, b)
	}
	return frames[0]
}

// text reads the only message in b.
func text(t *testing.T, b []byte) string {
	t.Helper()
	f := one(t, b)
	if f.Op != hubtest.OpText {
		t.Fatalf("opcode %d", f.Op)
	}
	return string(f.Payload)
}

func TestReplyAndPush(t *testing.T) {
	t.Parallel()
	if got := text(t, protocol.AppendReply(nil, []byte(`"1"`), []byte(`"a\u0062"`), []byte(`{"x":1}`))); got != `{"id":"1","command":"a\u0062","payload":{"x":1}}` {
		t.Error(got)
	}
	if got := text(t, protocol.AppendReply(nil, []byte(`null`), []byte(`"a"`), nil)); got != `{"id":null,"command":"a","payload":null}` {
		t.Error(got)
	}
	if got := text(t, protocol.AppendPush(nil, `a"b`, []byte(`[1]`))); got != `{"command":"a\"b","payload":[1]}` {
		t.Error(got)
	}
	if got := text(t, protocol.AppendPush(nil, `a`, nil)); got != `{"command":"a","payload":null}` {
		t.Error(got)
	}
}

// The header has three forms; every length around their borders.
func TestFrameLengths(t *testing.T) {
	t.Parallel()
	envelope := len(`{"command":"a","payload":""}`)
	for _, size := range []int{envelope, 124, 125, 126, 127, 128, 65534, 65535, 65536, 65537, 1 << 20} {
		payload := []byte(`"` + strings.Repeat("x", size-envelope) + `"`)
		b := protocol.AppendPush([]byte("head"), "a", payload)
		if got := text(t, b[4:]); len(got) != size || !json.Valid([]byte(got)) {
			t.Errorf("a message of %d bytes came as %d", size, len(got))
		}
		b = protocol.AppendReply(protocol.AppendReply(nil, []byte("1"), []byte(`"a"`), payload), []byte("2"), []byte(`"a"`), nil)
		if frames, err := hubtest.Decode(b); err != nil || len(frames) != 2 {
			t.Errorf("two replies of %d bytes: %d frames, %v", size, len(frames), err)
		}
	}
}

func TestPong(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 125} {
		payload := strings.Repeat("p", size)
		if f := one(t, protocol.AppendPong(nil, []byte(payload))); f.Op != hubtest.OpPong || string(f.Payload) != payload {
			t.Errorf("%d bytes: %v", size, f)
		}
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	if f := one(t, protocol.AppendClose(nil, 0, "left out")); f.Op != hubtest.OpClose || len(f.Payload) != 0 {
		t.Errorf("without a code: %v", f)
	}
	for reason, want := range map[string]string{
		"":                               "",
		"bye":                            "bye",
		strings.Repeat("x", 123):         strings.Repeat("x", 123),
		strings.Repeat("x", 124):         strings.Repeat("x", 123),
		strings.Repeat("ä", 62):          strings.Repeat("ä", 61),
		strings.Repeat("x", 121) + "日本":  strings.Repeat("x", 121),
		strings.Repeat("x", 120) + "日本":  strings.Repeat("x", 120) + "日",
		strings.Repeat("😀", 31) + "tail": strings.Repeat("😀", 30),
	} {
		f := one(t, protocol.AppendClose(nil, abi.CloseKicked, reason))
		if cause := f.CloseCause(); cause.Code != abi.CloseKicked || cause.Reason != want || !utf8.ValidString(cause.Reason) {
			t.Errorf("%q came as %+v", reason, cause)
		}
	}
}

func TestCutText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text  string
		limit int
		want  string
	}{{"", 0, ""}, {"abc", 3, "abc"}, {"abc", 2, "ab"}, {"ä", 1, ""}, {"日本", 5, "日"}, {"\x80\x80\x80", 2, ""}, {"abc", 0, ""}} {
		if got := protocol.CutText(c.text, c.limit); got != c.want {
			t.Errorf("%q at %d is %q, want %q", c.text, c.limit, got, c.want)
		}
	}
}

func TestEncodingAllocatesNothing(t *testing.T) {
	frame := []byte(`{"id":7,"command":"größe","payload":{"text":"` + strings.Repeat("x", 100) + `"}}`)
	buffer := make([]byte, 0, 1024)
	for name, run := range map[string]func(){
		"Scan":        func() { _, _ = protocol.Scan(frame) },
		"Valid":       func() { protocol.Valid(frame) },
		"AppendReply": func() { protocol.AppendReply(buffer, frame[6:7], frame[18:26], frame) },
		"AppendPush":  func() { protocol.AppendPush(buffer, "größe\n\xff", frame) },
	} {
		if n := testing.AllocsPerRun(100, run); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

// sized returns a request of about so many bytes, as applications send them.
func sized(bytes int) []byte {
	var items strings.Builder
	for i := 0; items.Len() < bytes-60; i++ {
		fmt.Fprintf(&items, `{"id":%d,"name":"item %d","price":%d.5,"tags":["a","b"]},`, i, i, i)
	}
	return []byte(`{"id":123,"command":"orders.create","payload":{"items":[` + strings.TrimSuffix(items.String(), ",") + `]}}`)
}

func BenchmarkScan(b *testing.B) {
	for _, size := range []int{100, 1 << 10, 10 << 10} {
		frame := sized(size)
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			b.SetBytes(int64(len(frame)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := protocol.Scan(frame); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkValid(b *testing.B) {
	for _, size := range []int{100, 1 << 10, 10 << 10} {
		text := sized(size)
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if !protocol.Valid(text) {
					b.Fatal("not valid")
				}
			}
		})
	}
}

func BenchmarkAppendReply(b *testing.B) {
	payload := []byte(`{"text":"` + strings.Repeat("x", 100) + `"}`)
	id, command := []byte("123"), []byte(`"orders.create"`)
	buffer := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		buffer = protocol.AppendReply(buffer[:0], id, command, payload)
	}
}

func BenchmarkMerge(b *testing.B) {
	base := []byte(`{"name":"ann","score":10,"position":{"x":1,"y":2},"tags":["a"]}`)
	patch := []byte(`{"score":11,"position":{"x":3}}`)
	for name, deep := range map[string]bool{"shallow": false, "deep": true} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				protocol.Merge(base, patch, deep)
			}
		})
	}
}
