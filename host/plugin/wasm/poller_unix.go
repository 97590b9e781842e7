//go:build unix

package wasm

import (
	"os"
	"sync"
)

// poller tells when the Go runtime has looked at the network. It writes into a
// pipe of which the other end waits for it as connections wait for their peers,
// and so learns of it together with them.
type poller struct {
	in, out *os.File // made when they are first needed
	reading sync.WaitGroup
}

// ask calls looked, once, when the network has been looked at. One goroutine at
// a time may call it.
func (p *poller) ask(looked func()) {
	if p.in == nil && !p.open(looked) {
		go looked() // no more files: the scheduler looks at the network in 10 ms
		return
	}
	_, _ = p.in.Write([]byte{0}) // never full: one at a time
}

func (p *poller) open(looked func()) bool {
	out, in, err := os.Pipe()
	if err != nil {
		return false
	}
	p.in, p.out = in, out
	p.reading.Go(func() {
		for b := make([]byte, 1); ; {
			if _, err := out.Read(b); err != nil {
				return
			}
			looked()
		}
	})
	return true
}

// close must not run together with ask.
func (p *poller) close() {
	if p.in != nil {
		_ = p.in.Close() // ends the reading
		p.reading.Wait()
		_ = p.out.Close()
	}
}
