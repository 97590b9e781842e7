//go:build !unix

package wasm

import (
	"sync"
	"time"
)

// poller lets a moment pass in which nothing computes, so that the Go runtime
// looks at the network.
type poller struct{ asked sync.WaitGroup }

// ask calls looked once, soon.
func (p *poller) ask(looked func()) {
	p.asked.Go(func() {
		time.Sleep(time.Microsecond)
		looked()
	})
}

func (p *poller) close() { p.asked.Wait() }
