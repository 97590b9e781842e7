package engine

import (
	"sync"
	"sync/atomic"
)

// Several things are asked of the store at a time where each answer may take a
// while: it shares round trips. A store in memory answers sooner than a goroutine
// begins, so each asker gets some of them.
const (
	maxAskers = 16
	perAsker  = 8
)

// ask calls do for each of n things, in any order, and returns an error if one of
// the calls has: then not all are made.
func ask(n int, do func(i int) error) error {
	var next atomic.Int64
	var failed atomic.Pointer[error]
	some := func() {
		for failed.Load() == nil {
			i := int(next.Add(1)) - 1
			if i >= n {
				return
			}
			if err := do(i); err != nil {
				failed.CompareAndSwap(nil, &err)
			}
		}
	}
	var askers sync.WaitGroup
	for range min(n/perAsker, maxAskers) - 1 {
		askers.Go(some)
	}
	some()
	askers.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}
