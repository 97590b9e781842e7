package hub_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/hub/hubtest"
)

// diary is a socket that takes note of what came when, in seconds since it was
// made.
type diary struct {
	t       *testing.T
	start   time.Time
	mu      sync.Mutex
	entries []string
}

func newDiary(t *testing.T) *diary {
	t.Helper()
	return &diary{t: t, start: time.Now()}
}

// Write implements hub.Wire.
func (d *diary) Write(b [][]byte) error {
	frames, err := hubtest.Decode(slices.Concat(b...))
	if err != nil {
		d.t.Error(err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	second := math.Round(time.Since(d.start).Seconds()*10) / 10
	for _, f := range frames {
		text := strings.NewReplacer(`{"command":"`, "", `","payload":`, " ", "{}}", "", "}", "").Replace(string(f.Payload))
		if f.Op == hubtest.OpClose {
			text = fmt.Sprintf("close %d", f.CloseCause().Code)
		}
		d.entries = append(d.entries, fmt.Sprintf("%v %s", second, strings.TrimSpace(text)))
	}
	return nil
}

// TryWrite implements hub.Wire.
func (d *diary) TryWrite(b [][]byte) ([][]byte, error) { return nil, d.Write(b) }

// Close implements hub.Wire.
func (d *diary) Close() error { return nil }

// take returns what was written since the last call.
func (d *diary) take() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	entries := d.entries
	d.entries = nil
	return entries
}

// has returns the entries that have a word.
func has(entries []string, word string) []string {
	return slices.DeleteFunc(slices.Clone(entries), func(e string) bool { return !strings.Contains(e, word) })
}

// live runs a session under limits in a bubble; advance lets time pass until
// so many seconds after its handshake.
func live(t *testing.T, limits hub.Limits, test func(s *hub.Session, d *diary, advance func(second float64))) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := running(t, limits)
		d := newDiary(t)
		s := register(t, h, d)
		if err := s.Uncork(nil); err != nil {
			t.Fatal(err)
		}
		test(s, d, func(second float64) {
			<-time.After(time.Until(d.start.Add(time.Duration(second * float64(time.Second)))))
			synctest.Wait()
		})
	})
}

// The schedule of PROTOCOL.md section 4 with the default settings, for a
// client that never says anything.
func TestMuteClient(t *testing.T) {
	t.Parallel()
	live(t, defaults, func(s *hub.Session, d *diary, advance func(float64)) {
		advance(200)
		var want []string
		for _, second := range []int{5, 10, 15, 20, 25} {
			want = append(want, fmt.Sprintf("%d latency 0", second), fmt.Sprintf("%d latency:request", second))
		}
		want = append(want, "30 ping", "60 ping", "90 close 4101")
		if got := d.take(); !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		if cause := s.End(); cause.Code != abi.ClosePingTimeout {
			t.Errorf("ended with %v", cause)
		}
	})
}

func TestMissedPongs(t *testing.T) {
	t.Parallel()
	for missed, want := range map[int32][]string{
		0: {"30 ping", "60 close 4101"},
		2: {"30 ping", "60 ping", "90 ping", "120 close 4101"},
	} {
		t.Run(fmt.Sprint(missed), func(t *testing.T) {
			t.Parallel()
			limits := defaults
			limits.MaxMissedPongs, limits.LatencyInterval = missed, 0
			live(t, limits, func(_ *hub.Session, d *diary, advance func(float64)) {
				advance(300)
				if got := d.take(); !slices.Equal(got, want) {
					t.Errorf("got %q, want %q", got, want)
				}
			})
		})
	}
}

func TestAnsweringClient(t *testing.T) {
	t.Parallel()
	live(t, defaults, func(s *hub.Session, d *diary, advance func(float64)) {
		for second := 1.0; second <= 600; second++ {
			advance(second + 0.5)
			s.Alive()
		}
		got := d.take()
		if pings := has(got, "ping"); len(pings) != 20 || pings[0] != "30 ping" || pings[19] != "600 ping" {
			t.Errorf("pings: %q", pings)
		}
		// Every 5 s, save where the ping of the same moment is not answered.
		if requests := has(got, "latency:request"); len(requests) != 100 {
			t.Errorf("%d latency requests", len(requests))
		}
		if s.Closing() != nil {
			t.Errorf("closing with %v", s.Closing())
		}
	})
}

// One frame, whatever it is, begins the count again.
func TestAnyFrameIsLife(t *testing.T) {
	t.Parallel()
	limits := defaults
	limits.LatencyInterval = 0
	live(t, limits, func(s *hub.Session, d *diary, advance func(float64)) {
		advance(89)
		s.Alive()
		advance(300)
		want := []string{"30 ping", "60 ping", "90 ping", "120 ping", "150 close 4101"}
		if got := d.take(); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestPingsOff(t *testing.T) {
	t.Parallel()
	limits := defaults
	limits.PingInterval = 0
	live(t, limits, func(s *hub.Session, d *diary, advance func(float64)) {
		advance(301)
		got := d.take()
		if len(has(got, "ping")) != 0 || len(has(got, "latency:request")) != 60 || s.Closing() != nil {
			t.Errorf("got %q, closing %v", got, s.Closing())
		}
	})
}

func TestLivenessOff(t *testing.T) {
	t.Parallel()
	live(t, quiet, func(s *hub.Session, d *diary, advance func(float64)) {
		advance(3600)
		if got := d.take(); got != nil || s.Closing() != nil {
			t.Errorf("got %q, closing %v", got, s.Closing())
		}
	})
}

func TestIntervalsThatDoNotDivide(t *testing.T) {
	t.Parallel()
	limits := defaults
	limits.PingInterval, limits.LatencyInterval = 7*time.Second, 3*time.Second
	live(t, limits, func(s *hub.Session, d *diary, advance func(float64)) {
		for second := 0.5; second <= 30; second++ {
			advance(second)
			s.Alive()
		}
		if got, want := has(d.take(), "ping"), []string{"7 ping", "14 ping", "21 ping", "28 ping"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestLatencyIsMeasured(t *testing.T) {
	t.Parallel()
	live(t, defaults, func(s *hub.Session, d *diary, advance func(float64)) {
		s.LatencyAnswered() // nothing was asked
		advance(5.12)
		s.LatencyAnswered()
		if s.Latency() != 120*time.Millisecond {
			t.Errorf("latency is %v", s.Latency())
		}
		advance(8)
		s.LatencyAnswered() // answered already
		advance(10.03)
		s.LatencyAnswered()
		advance(16)
		want := []string{
			"5 latency 0", "5 latency:request", "10 latency 120", "10 latency:request", "15 latency 30", "15 latency:request",
		}
		if got := d.take(); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestLatencyIsSkippedWhileAPongIsOutstanding(t *testing.T) {
	t.Parallel()
	live(t, defaults, func(s *hub.Session, d *diary, advance func(float64)) {
		advance(42)
		s.Alive() // the pong of 30 s
		advance(58)
		got := has(d.take(), "latency:request")
		want := []string{"5", "10", "15", "20", "25", "45", "50", "55"}
		for i := range want {
			want[i] += " latency:request"
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// A session whose socket the server does not read is not to blame for its
// silence.
func TestPausedSession(t *testing.T) {
	t.Parallel()
	live(t, defaults, func(s *hub.Session, d *diary, advance func(float64)) {
		advance(61)
		s.PauseLiveness(true)
		d.take()
		advance(1000)
		if got := d.take(); got != nil || s.Closing() != nil {
			t.Errorf("while paused: %q, closing %v", got, s.Closing())
		}
		s.PauseLiveness(false)
		advance(1200)
		got := has(d.take(), "ping")
		if want := []string{"1020 ping", "1050 ping"}; !slices.Equal(got, want) {
			t.Errorf("afterwards %q, want %q", got, want)
		}
		if cause := s.Closing(); cause == nil || cause.Code != abi.ClosePingTimeout {
			t.Errorf("closing with %v", cause)
		}
	})
}

func TestLivenessBeginsWithUncork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDiary(t)
		s := register(t, running(t, defaults), d)
		<-time.After(time.Hour)
		if err := s.Uncork(nil); err != nil {
			t.Fatal(err)
		}
		<-time.After(6 * time.Second)
		synctest.Wait()
		if got, want := d.take(), []string{"3605 latency 0", "3605 latency:request"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestLivenessEndsWithTheSession(t *testing.T) {
	t.Parallel()
	live(t, defaults, func(s *hub.Session, d *diary, advance func(float64)) {
		advance(6)
		s.Close(hub.Cause{Code: abi.CloseKicked})
		advance(600)
		if got, want := d.take(), []string{"5 latency 0", "5 latency:request", "6 close 4003"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
