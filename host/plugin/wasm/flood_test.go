package wasm_test

import (
	"errors"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/plugin/guest"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

// A single host call that would write for minutes ends with the deadline, too.
func TestEndlessWriteEndsWithTheDeadline(t *testing.T) {
	t.Parallel()
	p, _ := newHost(t, "{}").start(t, plugintest.Fixture(t, "write-for-ever"), func(o *guest.Options) {
		o.Deadline = 200 * time.Millisecond
	})
	start := time.Now()
	_, err := call(p, 1, "{}")
	if !errors.Is(err, guest.ErrTimeout) {
		t.Errorf("got %v, want a timeout", err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}
