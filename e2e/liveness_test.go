//go:build linux

package e2e

import (
	"strconv"
	"testing"
	"time"
)

func TestMuteClientIsClosed(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance}, config: "[liveness]\nping_interval = \"300ms\"\nlatency_interval = 0\n"})
	at := time.Now()
	mute := h.dial(t, dialing{mute: true})
	answering := h.dial(t, dialing{})
	talking := h.dial(t, dialing{mute: true}) // any frame is a sign of life
	stop := make(chan struct{})
	talked := make(chan error, 1)
	go func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				talked <- nil
				return
			case <-tick.C:
				if _, err := talking.ask("echo", "1"); err != nil {
					talked <- err
					return
				}
			}
		}
	}()
	if code := mute.closed(t, patience); code != 4101 {
		t.Errorf("closed with %d", code)
	}
	// Ping, ping, close: at the third tick.
	if took := time.Since(at); took < 800*time.Millisecond || took > 3*time.Second {
		t.Errorf("closed after %v", took)
	}
	eventually(t, patience, "ten pings are answered", func() bool { return answering.count("ping") >= 10 })
	answering.echoes(t)
	close(stop)
	if err := <-talked; err != nil {
		t.Errorf("a client that talks: %v", err)
	}
	if n := h.sessions(t); n != 2 {
		t.Errorf("%d sessions", n)
	}
	if payload := answering.push(t, "ping"); payload != "{}" {
		t.Errorf("a ping carries %s", payload)
	}
}

func TestLatencyFrames(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: "[liveness]\nping_interval = 0\nlatency_interval = \"100ms\"\n"})
	c := h.dial(t, dialing{})
	eventually(t, patience, "five measurements", func() bool { return c.count("latency:request") >= 5 })
	var frames []frame
	all, _ := c.pushes.from(0)
	for _, f := range all {
		if f.Command == "latency" || f.Command == "latency:request" {
			frames = append(frames, f)
		}
	}
	for i, f := range frames[:10] {
		want := []string{"latency", "latency:request"}[i%2]
		if f.Command != want || f.ID != nil {
			t.Errorf("frame %d is %s", i, f.Command)
		}
		switch ms, err := strconv.Atoi(string(f.Payload)); {
		case want == "latency:request":
			if string(f.Payload) != "{}" {
				t.Errorf("a request carries %s", f.Payload)
			}
		case err != nil || ms < 0 || ms > 5000 || i == 0 && ms != 0:
			t.Errorf("latency %d is %s", i/2, f.Payload)
		}
	}
	if n := c.count("ping"); n != 0 {
		t.Errorf("%d pings though they are off", n)
	}
}

// With both intervals at 0 nothing is sent and nobody is closed.
func TestLivenessOff(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance}, config: "[liveness]\nping_interval = 0\nlatency_interval = 0\n"})
	c := h.dial(t, dialing{mute: true})
	rest(time.Second)
	c.echoes(t)
	if n := c.pushes.len(); n != 2 { // assign-id
		t.Errorf("%d frames were pushed", n)
	}
}

// Protocol pings are answered, also between the fragments of a message.
func TestProtocolPing(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance}})
	r := h.shake(t)
	r.send(t, join(masked(opText, []byte(`{"id":1,"comm`)), masked(fin|opPing, []byte("are you there?")), masked(fin|opContinuation, []byte(`and":"noop"}`))))
	ponged := false
	for {
		op, payload, err := r.next()
		if err != nil {
			t.Fatal(err)
		}
		if op == opPong {
			ponged = string(payload) == "are you there?"
		}
		if op == opText && string(payload) == `{"id":1,"command":"noop","payload":true}` {
			break
		}
	}
	if !ponged {
		t.Error("no pong before the reply")
	}
}
