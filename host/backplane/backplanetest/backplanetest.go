// Package backplanetest is the contract of package backplane as tests: every
// implementation passes Run.
package backplanetest

import (
	"errors"
	"flag"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// Backend is an implementation under test.
type Backend struct {
	// New returns an empty store, whose nodes live as long as lease without
	// running; what it starts ends with t.Cleanup.
	New func(t *testing.T, lease time.Duration) Cluster
	// FakeTime says that the store keeps time with package time alone, so that
	// its tests can run in a bubble of testing/synctest, where time is exact.
	FakeTime bool
	// Remote says that there is a network between the nodes and the store: hammers
	// strike less often, and what expires has more time.
	Remote bool
}

// Cluster is a store that nodes are attached to.
type Cluster interface {
	// Node makes a node with a first lease. The tests attach a receiver and
	// run it, or leave it to die. An id is used once.
	Node(id string) backplane.Node
}

// Run tests a backend against the contract.
func Run(t *testing.T, b Backend) {
	t.Helper()
	for name, run := range map[string]func(*testing.T, Backend){
		"KV":                             runKV,
		"KV of a node that does not run": runKVAlone,
		"Channels":                       runChannels,
		"Connections":                    runConnections,
		"Rooms":                          runRooms,
		"Presence":                       runPresence,
		"RoomMetadata":                   runRoomMetadata,
		"Records":                        runRecords,
		"Bus":                            runBus,
		"Leases":                         runLeases,
		"Contexts":                       runContexts,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, b)
		})
	}
}

// RunManyAtOnce is for the TestMain of a package that calls Run: in real time the
// tests mostly wait, so more of them run at once than there are processors, unless
// -parallel says otherwise. It parses the flags.
func RunManyAtOnce() {
	flag.Parse()
	set := false
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == "test.parallel" })
	if !set {
		_ = flag.Set("test.parallel", "8") // it is a number
	}
}

// tests are tests by name, each of a store of its own.
type tests map[string]func(*suite)

// run runs tests in which time does not matter.
func (b Backend) run(t *testing.T, all tests) {
	t.Helper()
	for name, test := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newSuite(t, b, longLease))
		})
	}
}

// runTimed runs tests in which time passes.
func (b Backend) runTimed(t *testing.T, lease time.Duration, all tests) {
	t.Helper()
	for name, test := range all {
		t.Run(name, func(t *testing.T) {
			b.timed(t, func(t *testing.T) {
				t.Helper()
				for times := time.Duration(1); !b.timely(t, lease, times, test); times *= 2 {
					t.Logf("the machine is too busy for a TTL of %v, or a lease of %v", times*b.ttl(), min(times*lease, longLease))
				}
			})
		})
	}
}

// timely runs a test with so many times the TTL and the lease, on a store of its own, and
// reports whether it was quick enough for that.
func (b Backend) timely(t *testing.T, lease, times time.Duration, test func(*suite)) (quick bool) {
	t.Helper()
	defer func() {
		switch late := recover(); late {
		case nil:
		case errLate:
			quick = times >= mostTimes
			if quick {
				t.Error(errLate)
			}
		default:
			panic(late)
		}
	}()
	s := newSuite(t, b, min(times*lease, longLease))
	s.times = times
	test(s)
	return true
}

// mostTimes is how many times the TTL, or the lease, a busy machine may need.
const mostTimes = 16

// errLate is what a test panics with that was not quick enough to tell anything.
var errLate = errors.New("what was to last was looked at only after its TTL, or its lease")

// timed runs a test in which time passes.
func (b Backend) timed(t *testing.T, test func(*testing.T)) {
	t.Helper()
	t.Parallel()
	if b.FakeTime {
		synctest.Test(t, test)
		return
	}
	test(t)
}

// ttl is the time to live that the tests use.
func (b Backend) ttl() time.Duration {
	switch {
	case b.FakeTime:
		return time.Minute
	case b.Remote:
		return time.Second
	}
	return 500 * time.Millisecond
}

// lease is that of the tests in which nodes die. The others have one that lasts
// however busy the machine is.
func (b Backend) lease() time.Duration {
	if b.FakeTime {
		return 10 * time.Second
	}
	return time.Second
}

// rounds is how often each worker of a hammer strikes, as its test counts that.
func (b Backend) rounds() int {
	if b.Remote {
		return 50
	}
	return 200
}

const longLease = time.Minute

// pass lets time go by.
func pass(d time.Duration) { <-time.After(d) }
