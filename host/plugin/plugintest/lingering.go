package plugintest

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/operation"
)

// Lingering is the context of a call, and knows of a host call that leaves a
// goroutine behind which asks for its values: where that derives a context, one of
// package context's goroutines asks for its cause after the deadline, and may do so
// when the call has returned. The call's own context must be left alone then. It
// serves one plugin.
type Lingering struct {
	context.Context
	within atomic.Pointer[context.Context] // the host call's
	late   atomic.Int64                    // how often it was asked after the deadline
	over   chan struct{}                   // closed when the goroutine has asked
}

// NewLingering makes the first host call of an operation that has a deadline wait
// for it, and leave such a goroutine behind.
func NewLingering(t operation.Table, name string) *Lingering {
	l := &Lingering{Context: context.Background(), over: make(chan struct{})}
	o := t[name]
	o.Flat = func(ctx context.Context, _ operation.Caller, _, dst []byte) ([]byte, error) {
		if ctx.Done() == nil || !l.within.CompareAndSwap(nil, &ctx) {
			return dst, nil
		}
		derived, cancel := context.WithCancel(ctx)
		context.AfterFunc(derived, func() {
			cancel()
			close(l.over)
		})
		<-ctx.Done()
		return dst, nil
	}
	t[name] = o
	return l
}

// Value implements context.Context.
func (l *Lingering) Value(key any) any {
	if c := l.within.Load(); c != nil && (*c).Err() != nil {
		l.late.Add(1)
	}
	return l.Context.Value(key)
}

// Check waits for the goroutine, and fails the test if the call's context was
// asked for anything after its deadline.
func (l *Lingering) Check(tb testing.TB) {
	tb.Helper()
	select {
	case <-l.over:
	case <-time.After(20 * time.Second):
		tb.Fatal("the derived context does not end")
	}
	if n := l.late.Load(); n > 0 {
		tb.Errorf("the call's context was asked %d times after the deadline", n)
	}
}
