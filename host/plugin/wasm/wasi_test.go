package wasm_test

import (
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/plugin/guest"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

// What WASI does for a guest in one call takes fuel for what it takes, and ends
// with the deadline.
func TestWASIIsMetered(t *testing.T) {
	h := newHost(t, "{}")
	for handler, name := range []string{"poll_oneoff", "fd_read", "path_open", "fd_write", "random_get"} {
		t.Run(name, func(t *testing.T) {
			p, counters := h.start(t, plugintest.Fixture(t, "wasi-abuse"), func(o *guest.Options) { o.Deadline = hostileDeadline })
			start := time.Now()
			_, err := call(p, uint32(handler+1), "{}")
			if took := time.Since(start); err == nil || took > hostileEnd {
				t.Errorf("after %v: %v", took, err)
			}
			t.Logf("%v: %v", time.Since(start), err)
			if n := counters.Snapshot(); n.Timeouts+n.Faults != 1 {
				t.Errorf("counts %+v", n)
			}
		})
	}
}
