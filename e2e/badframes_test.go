//go:build linux

package e2e

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// What a client may send wrong, and what becomes of it. Each case has a
// session of its own; another one lives through all of them.
var badFrames = []struct {
	name string
	send []byte
	// reply is the text of the first reply; dropped frames are counted and
	// get none; close is the code that the session ends with.
	reply   string
	dropped int
	close   int
}{
	{name: "not JSON", send: text(`echo please`), dropped: 1},
	{name: "empty", send: text(``), dropped: 1},
	{name: "JSON cut short", send: text(`{"id":1,"command":"echo"`), dropped: 1},
	{name: "two values", send: text(`{"command":"echo"}{}`), dropped: 1},
	{name: "not an object", send: append(text(`[1,2]`), text(`"echo"`)...), dropped: 2},
	{name: "null", send: text(`null`), dropped: 1},
	{name: "without command", send: text(`{"id":1,"payload":{}}`), dropped: 1},
	{name: "command not a string", send: append(text(`{"id":1,"command":7}`), text(`{"id":2,"command":null}`)...), dropped: 2},
	{name: "deep nesting", send: text(`{"id":1,"command":"echo","payload":` + nested(30_000) + `}`), dropped: 1},
	{name: "deep nesting, unfinished", send: text(strings.Repeat(`{"a":`, 13_000)), dropped: 1},
	{name: "nesting that is allowed", send: text(request("1", "echo", nested(100))), reply: request("1", "echo", nested(100))},
	{name: "unknown command", send: text(`{"id":1,"command":"no.such"}`),
		reply: `{"id":1,"command":"no.such","payload":{"error":"Command \"no.such\" not found","code":"ENOTFOUND","name":"CommandError"}}`},
	{name: "empty command", send: text(`{"id":1,"command":""}`),
		reply: `{"id":1,"command":"","payload":{"error":"Command \"\" not found","code":"ENOTFOUND","name":"CommandError"}}`},
	{name: "an id of any kind", send: text(`{"id":{"a":[1.0,null]},"command":"echo","payload":1}`), reply: `{"id":{"a":[1.0,null]},"command":"echo","payload":1}`},
	{name: "one bad frame too many", send: repeat(text(`x`), 17), close: 1008},
	{name: "invalid UTF-8", send: text("{\"id\":1,\"command\":\"echo\",\"payload\":\"\xff\"}"), close: 1007},
	{name: "invalid UTF-8 in a fragment", send: join(masked(opText, []byte("{\"a\":\"\xc3")), masked(fin|opContinuation, []byte("\x28\"}"))), close: 1007},
	{name: "a surrogate in UTF-8", send: text("\"\xed\xa0\x80\""), close: 1007},
	{name: "too large", send: join(header(fin|opText, 0x80, 64<<10+1), mask), close: 1009},
	{name: "too large by far", send: join(header(fin|opText, 0x80, 1<<40), mask), close: 1009},
	{name: "too large over its fragments", send: join(masked(opText, make64k('x')), masked(fin|opContinuation, []byte("x"))), close: 1009},
	{name: "binary", send: masked(fin|opBinary, []byte(`{"command":"echo"}`)), close: 1003},
	{name: "unmasked", send: join(header(fin|opText, 0, 2), []byte("{}")), close: 1002},
	{name: "unmasked ping", send: header(fin|opPing, 0, 0), close: 1002},
	{name: "a reserved bit", send: masked(fin|0x40|opText, []byte("{}")), close: 1002},
	{name: "a reserved opcode", send: masked(fin|0x3, []byte("{}")), close: 1002},
	{name: "a fragmented ping", send: masked(opPing, nil), close: 1002},
	{name: "a large ping", send: masked(fin|opPing, make([]byte, 126)), close: 1002},
	{name: "a continuation of nothing", send: masked(fin|opContinuation, []byte("{}")), close: 1002},
	{name: "a message inside a message", send: join(masked(opText, []byte("{")), text("}")), close: 1002},
	{name: "a length that is not minimal", send: []byte{fin | opText, 0x80 | 126, 0, 2, 0, 0, 0, 0, '{', '}'}, close: 1002},
	{name: "a negative length", send: append([]byte{fin | opText, 0x80 | 127}, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0), close: 1002},
	{name: "a close frame of one byte", send: masked(fin|opClose, []byte{3}), close: 1002},
	{name: "a close code that must not be sent", send: masked(fin|opClose, binary.BigEndian.AppendUint16(nil, 1006)), close: 1002},
	{name: "an orderly close", send: masked(fin|opClose, binary.BigEndian.AppendUint16(nil, 4321)), close: 4321},
}

func nested(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

func repeat(frame []byte, n int) []byte { return []byte(strings.Repeat(string(frame), n)) }

func join(frames ...[]byte) (all []byte) {
	for _, f := range frames {
		all = append(all, f...)
	}
	return all
}

func make64k(c byte) []byte { return []byte(strings.Repeat(string(c), 64<<10)) }

func TestBadFrames(t *testing.T) {
	h := start(t, setup{plugins: []string{conformance}})
	other := h.dial(t, dialing{})
	dropped := 0
	for _, c := range badFrames {
		t.Run(c.name, func(t *testing.T) {
			r := h.shake(t)
			r.send(t, c.send)
			if c.close != 0 {
				if code := r.closed(t); code != c.close {
					t.Errorf("closed with %d, not with %d", code, c.close)
				}
			} else {
				want := c.reply
				if want == "" { // nothing comes before the reply to the next
					r.send(t, text(request(`"next"`, "echo", "1")))
					want = request(`"next"`, "echo", "1")
				}
				if reply := r.reply(t); reply != want {
					t.Errorf("reply %.300s", reply)
				}
			}
			other.echoes(t)
		})
		dropped += c.dropped
	}
	// The 17 of the session that had one too many are counted as well.
	if n := h.metric(t, "mesh_host_bad_frames_total"); int(n) != dropped+17 {
		t.Errorf("%v bad frames are counted, not %d", n, dropped+17)
	}
	if n := h.sessions(t); n > len(badFrames)+1 {
		t.Errorf("%d sessions", n)
	}
}

// Sixteen bad frames are forgiven.
func TestBadFramesThatAreForgiven(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance}})
	r := h.shake(t)
	r.send(t, join(repeat(text("x"), 16), text(request("1", "echo", "1"))))
	if reply := r.reply(t); reply != request("1", "echo", "1") {
		t.Errorf("reply %s", reply)
	}
	r.send(t, text("x"))
	if code := r.closed(t); code != 1008 {
		t.Errorf("closed with %d", code)
	}
}

// An id that is still in flight may be used again.
func TestDuplicateIDInFlight(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance}, content: map[string][]byte{"slow.wasm": slow}})
	r := h.shake(t)
	r.send(t, join(text(request("7", "slow.beside", "null")), text(request("7", "slow", "null")), text(request("7", "echo", "1")), text(request("7", "noop", "{}"))))
	got := make(map[string]int)
	for range 4 {
		got[r.reply(t)]++
	}
	for _, want := range []string{request("7", "slow.beside", `"slow"`), request("7", "slow", `"slow"`), request("7", "echo", "1"), request("7", "noop", "true")} {
		if got[want] != 1 {
			t.Errorf("replies %v, not one %s", got, want)
		}
	}
}

// A megabyte of id comes back byte for byte where the limits allow it.
func TestHugeID(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance}, config: "[limits]\nmessage_size = \"8MiB\"\n"})
	other := h.dial(t, dialing{})
	for name, id := range map[string]string{
		"a string":  `"` + strings.Repeat(`ü\n`, 1<<18) + `"`,
		"a number":  strings.Repeat("7", 1<<20),
		"an object": `{"` + strings.Repeat("k", 1<<20) + `":[` + strings.Repeat("1, ", 1<<18) + `2]}`,
	} {
		r := h.shake(t)
		r.send(t, text(request(id, "echo", `"small"`)))
		if reply := r.reply(t); reply != request(id, "echo", `"small"`) {
			t.Errorf("%s: %d bytes come back, %.60s…", name, len(reply), reply)
		}
	}
	// The same for a payload and for a command's name.
	payload := `"` + strings.Repeat("x", 2<<20) + `"`
	if reply := other.call(t, "echo", payload); reply != payload {
		t.Errorf("%d bytes of payload come back", len(reply))
	}
	if f := other.fails(t, strings.Repeat("n", 1<<20), "{}"); f.Code != "ENOTFOUND" || len(f.Message) > 2048 {
		t.Errorf("a huge name gives %s, %d bytes", f.Code, len(f.Message))
	}
	other.echoes(t)
}

// Clients that leave, or stay, in the middle of a frame or of the handshake
// occupy next to nothing, and nobody else notices.
func TestHalfSentAndLeft(t *testing.T) {
	h := start(t, setup{plugins: []string{conformance}, config: "[handshake]\ntimeout = \"3s\"\n"})
	others := h.dialMany(t, 5, dialing{})
	took := make([]latencies, len(others))
	echoWhile(t, others, took, 300*time.Millisecond)
	before := usageOf(t, h.pid())

	frame := masked(fin|opText, []byte(request("1", "echo", `"`+strings.Repeat("x", 60_000)+`"`)))
	var half []*raw
	for i := range 400 {
		r := h.shake(t)
		switch i % 5 {
		case 0:
			r.send(t, frame[:1])
		case 1:
			r.send(t, frame[:6])
		case 2:
			r.send(t, frame[:len(frame)-1])
		case 3:
			r.send(t, masked(opText, []byte(`{"command":`)))
		case 4:
			r.send(t, join(masked(opText, []byte(`{`)), masked(fin|opPing, []byte("p"))[:4]))
		}
		half = append(half, r)
	}
	for range 100 {
		h.open(t).send(t, []byte(handshake[:len(handshake)/2]))
	}
	took = make([]latencies, len(others))
	echoWhile(t, others, took, time.Second)
	during := usageOf(t, h.pid())
	t.Logf("beside 400 half frames and 100 half handshakes: %v; %v, before %v", merge(took), during, before)
	if grown := during.resident - before.resident; grown > 64<<20 {
		t.Errorf("they occupy %d MiB", grown>>20)
	}
	if n := h.sessions(t); n != 405 {
		t.Errorf("%d sessions", n)
	}
	for _, r := range half {
		_ = r.conn.Close()
	}
	eventually(t, patience, "the sessions are gone", func() bool { return h.sessions(t) == 5 })
	eventually(t, patience, "the files are closed", func() bool { return usageOf(t, h.pid()).files <= before.files+2 })
	for _, c := range others {
		c.echoes(t)
	}
}

// What comes before the handshake has ended is no frame.
func TestFramesBeforeTheHandshakeEnds(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance}})
	frame := text(request("1", "echo", "1"))
	line, rest, _ := strings.Cut(handshake, "\r\n")
	for name, bytes := range map[string][]byte{
		"at once":             frame,
		"inside the head":     join([]byte(line+"\r\n"), frame, []byte("\r\n"+rest)),
		"behind the head":     join([]byte(handshake), frame),
		"behind the head cut": join([]byte(handshake), frame[:1]),
	} {
		r := h.open(t)
		r.send(t, bytes)
		if status := r.response(t); status != http.StatusBadRequest {
			t.Errorf("%s: answered %d", name, status)
		}
	}
	h.dial(t, dialing{}).echoes(t)
}

// A handshake that is none is answered with a status, and so is one that never
// ends.
func TestBadHandshakes(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: "[handshake]\ntimeout = \"300ms\"\nheader_size = \"4KiB\"\n[limits]\nconnections = 2\n"})
	for name, c := range map[string]struct {
		change [2]string
		status int
	}{
		"POST":            {[2]string{"GET", "POST"}, http.StatusMethodNotAllowed},
		"no key":          {[2]string{"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""}, http.StatusBadRequest},
		"a short key":     {[2]string{"dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ="}, http.StatusBadRequest},
		"version 8":       {[2]string{"Version: 13", "Version: 8"}, http.StatusUpgradeRequired},
		"HTTP/1.0":        {[2]string{"HTTP/1.1", "HTTP/1.0"}, http.StatusHTTPVersionNotSupported},
		"no host":         {[2]string{"Host: e2e\r\n", ""}, http.StatusBadRequest},
		"a large head":    {[2]string{"Host:", "X: " + strings.Repeat("x", 5000) + "\r\nHost:"}, http.StatusRequestHeaderFieldsTooLarge},
		"two origins":     {[2]string{"Host:", "Origin: http://a\r\nOrigin: http://b\r\nHost:"}, http.StatusBadRequest},
		"no connection":   {[2]string{"Connection: Upgrade\r\n", ""}, http.StatusBadRequest},
		"not HTTP at all": {[2]string{handshake, "\x16\x03\x01\x00\xa5\x01\x00"}, http.StatusBadRequest},
	} {
		r := h.open(t)
		r.send(t, []byte(strings.Replace(handshake, c.change[0], c.change[1], 1)))
		if status := r.response(t); status != c.status {
			t.Errorf("%s: answered %d, not %d", name, status, c.status)
		}
	}
	late := h.open(t)
	late.send(t, []byte(handshake[:40]))
	_ = late.conn.SetReadDeadline(time.Now().Add(patience))
	if n, err := late.in.Read(make([]byte, 1)); n != 0 || fmt.Sprint(err) == "" {
		t.Errorf("a handshake that never ends: read %d, %v", n, err)
	}
	h.dialMany(t, 2, dialing{})
	h.refuses(t, dialing{}, http.StatusServiceUnavailable)
}
