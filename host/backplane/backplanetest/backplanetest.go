// Package backplanetest is the contract of package backplane as tests: every
// implementation passes Run.
package backplanetest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// Backend is an implementation under test.
type Backend struct {
	// New returns an empty store; what it starts ends with t.Cleanup.
	New func(t *testing.T) backplane.KV
	// FakeTime says that the store keeps time with package time alone, so that
	// its tests can run in a bubble of testing/synctest, where time is exact.
	FakeTime bool
}

// Run tests a backend against the contract.
func Run(t *testing.T, b Backend) {
	t.Helper()
	t.Run("KV", func(t *testing.T) {
		t.Parallel()
		runKV(t, b)
	})
}

// ttl is the time to live that the tests use.
func (b Backend) ttl() time.Duration {
	if b.FakeTime {
		return time.Minute
	}
	return 300 * time.Millisecond
}

// timed runs a test in which time passes.
func (b Backend) timed(t *testing.T, test func(store)) {
	t.Helper()
	if b.FakeTime {
		synctest.Test(t, func(t *testing.T) { test(store{t, b.New(t)}) })
		return
	}
	t.Parallel()
	test(store{t, b.New(t)})
}

// pass lets time go by.
func pass(d time.Duration) { <-time.After(d) }
