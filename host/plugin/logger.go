package plugin

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// logger writes what comes from one plugin, at a bounded rate; what is dropped
// is counted and mentioned with the next line that is not. It is safe for
// concurrent use.
type logger struct {
	log     *slog.Logger
	dropped *atomic.Uint64

	mu     sync.Mutex
	bucket bucket
	missed uint64
}

// newLogger allows rate lines a second, and as many at once.
func newLogger(log *slog.Logger, rate int, dropped *atomic.Uint64) *logger {
	return &logger{log: log, dropped: dropped, bucket: bucket{rate: float64(rate), left: float64(rate)}}
}

// origin are the attributes of a line that comes of a call: the version, the
// call where one is known, and more.
func origin(hash string, call operation.CallID, more ...slog.Attr) []slog.Attr {
	attrs := append(make([]slog.Attr, 0, 6), slog.String("version", hash))
	if call != (operation.CallID{}) {
		attrs = append(attrs, slog.Any("call", call)) // written out only where the line is
	}
	return append(attrs, more...)
}

// Denied counts and logs that a plugin has asked for what it is not granted, at a
// bounded rate. It may be called from any goroutine.
func (m *Manager) Denied(c operation.Caller, reason error) {
	p := m.profile(c.Plugin)
	p.counters.HostCallsDenied.Add(1)
	p.faults.line(slog.LevelWarn, "plugin denied what it is not granted", origin(c.Version, c.Call, slog.Any("error", reason))...)
}

// maxLogged bounds the text of a line, in bytes.
const maxLogged = 4 << 10

func (l *logger) line(level slog.Level, text string, attrs ...slog.Attr) {
	if !l.log.Enabled(context.Background(), level) {
		return
	}
	l.mu.Lock()
	ok := l.bucket.take(time.Now())
	missed := l.missed
	if ok {
		l.missed = 0
	} else {
		l.missed++
	}
	l.mu.Unlock()
	if !ok {
		l.dropped.Add(1)
		return
	}
	if missed > 0 {
		l.log.Warn("log lines dropped: more than the plugin's log rate", "lines", missed)
	}
	l.log.LogAttrs(context.Background(), level, protocol.CutText(text, maxLogged), attrs...)
}

// bucket holds the tokens of a rate limit; rate is both the refill a second
// and the most it holds.
type bucket struct {
	rate, left float64
	at         time.Time
}

func (b *bucket) take(now time.Time) bool {
	if !b.at.IsZero() {
		b.left = min(b.rate, b.left+now.Sub(b.at).Seconds()*b.rate)
	}
	b.at = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}
