package hub

import (
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// liveness watches whether a session's client still answers, and how fast.
// The wheel drives it; everything it sends is a push.
type liveness struct {
	mu         sync.Mutex
	pingIn     time.Duration // until the next ping; 0: off
	latencyIn  time.Duration
	step       time.Duration // what the timer was set to
	askedAt    int64         // when the latest latency:request went out, ms
	latency    atomic.Int64  // the last one measured, ms
	unanswered atomic.Int32  // pings in a row without a sign of life
	paused     atomic.Bool
	seen       atomic.Int64           // the latest sign of life on the wheel's clock
	returned   atomic.Pointer[func()] // what OnReturn has set
}

var (
	pingFrame    = protocol.AppendPush(nil, protocol.Ping, []byte("{}"))
	requestFrame = protocol.AppendPush(nil, protocol.LatencyRequest, []byte("{}"))
)

// startLiveness arms the timer; with both intervals at 0 it stays off.
func (s *Session) startLiveness() {
	l := &s.liveness
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pingIn, l.latencyIn = s.hub.limits.PingInterval, s.hub.limits.LatencyInterval
	s.armLiveness()
}

// armLiveness sets the timer to whatever comes first, unless the session is
// closing; the lock is held.
func (s *Session) armLiveness() {
	l := &s.liveness
	l.step = l.pingIn
	if l.step == 0 || l.latencyIn > 0 && l.latencyIn < l.step {
		l.step = l.latencyIn
	}
	if l.step > 0 && s.Closing() == nil {
		s.hub.wheel.Schedule(&s.heartbeat, l.step)
	}
}

// stopLiveness takes the timer off the wheel for good; the session is closing.
func (s *Session) stopLiveness() {
	s.liveness.mu.Lock()
	defer s.liveness.mu.Unlock()
	s.hub.wheel.Stop(&s.heartbeat)
}

// beat is what the heartbeat timer does.
func (s *Session) beat() {
	l := &s.liveness
	l.mu.Lock()
	defer l.mu.Unlock()
	pingDue := l.elapse(&l.pingIn, s.hub.limits.PingInterval)
	latencyDue := l.elapse(&l.latencyIn, s.hub.limits.LatencyInterval)
	if !l.paused.Load() && s.Closing() == nil {
		if pingDue {
			s.ping()
		}
		if latencyDue {
			s.askLatency()
		}
	}
	s.armLiveness()
}

// elapse counts step off what remains and reports whether it ran out, starting
// it again.
func (l *liveness) elapse(remains *time.Duration, interval time.Duration) bool {
	if interval == 0 {
		return false
	}
	if *remains -= l.step; *remains > 0 {
		return false
	}
	*remains = interval
	return true
}

func (s *Session) ping() {
	if s.liveness.unanswered.Load() > s.hub.limits.MaxMissedPongs {
		s.Close(Cause{Code: abi.ClosePingTimeout, Reason: "ping timeout"})
		return
	}
	s.liveness.unanswered.Add(1)
	s.push(pingFrame, true)
}

// askLatency tells the client its latency and asks for the next measurement.
func (s *Session) askLatency() {
	l := &s.liveness
	if l.unanswered.Load() > 0 {
		return
	}
	frame := protocol.AppendPush(make([]byte, 0, 128), protocol.Latency, strconv.AppendInt(nil, l.latency.Load(), 10))
	l.askedAt = nowMillis()
	s.push(append(frame, requestFrame...), true)
}

// Alive takes note of a sign of life: any frame is one. The session's reader
// calls it before it handles the frame.
func (s *Session) Alive() {
	s.touch()
	if fn := s.liveness.returned.Load(); fn != nil && s.liveness.returned.CompareAndSwap(fn, nil) {
		(*fn)()
	}
}

// touch is Alive without what waits for it. It writes once a Tick, so that a
// busy session's memory stays in the cache.
func (s *Session) touch() {
	l := &s.liveness
	if l.unanswered.Load() != 0 {
		l.unanswered.Store(0)
	}
	if now := s.hub.wheel.clock.Load(); l.seen.Load() != now {
		l.seen.Store(now)
	}
}

// LastSeen returns when the client was last heard of, on the clock of Hub.Now
// and as coarse. A client that the server does not read from is not silent:
// while liveness is paused it is now.
func (s *Session) LastSeen() time.Duration {
	if s.liveness.paused.Load() {
		return s.hub.Now()
	}
	return time.Duration(s.liveness.seen.Load())
}

// OnReturn has fn called once, by the session's reader at the next sign of
// life and before the frame that brought it is handled; nil takes it back. A
// sign that has come since the caller last looked does not count: look at
// LastSeen afterwards.
func (s *Session) OnReturn(fn func()) {
	if fn == nil {
		s.liveness.returned.Store(nil)
		return
	}
	s.liveness.returned.Store(&fn)
}

// LatencyAnswered takes note of a latency:response.
func (s *Session) LatencyAnswered() {
	l := &s.liveness
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.askedAt != 0 {
		l.latency.Store(nowMillis() - l.askedAt)
		l.askedAt = 0
	}
}

// Latency returns the last round trip measured, 0 before the first.
func (s *Session) Latency() time.Duration {
	return time.Duration(s.liveness.latency.Load()) * time.Millisecond
}

// PauseLiveness stops (and later starts) the liveness clock of a session whose
// socket the server has stopped reading: its silence is not the client's.
func (s *Session) PauseLiveness(paused bool) {
	s.liveness.paused.Store(paused)
	s.touch()
}
