package protocol

import (
	"sync"
	"sync/atomic"
)

// The spellings of a push: each has a frame of its own.
const (
	meshPush = iota
	rtPush
	barePush
	spellings
)

// Push is a push for any number of receivers. Its frames are encoded when the
// first receiver asks for one, once for each spelling of the name, and are
// shared by all. It is safe for concurrent use; what it was made of must not
// be changed afterwards.
type Push struct {
	name    string
	payload []byte
	build   func() []byte // makes the payload where it is asked for
	builtin bool          // the name has a dialect's prefix before it

	encoded [spellings]atomic.Bool // set once the frame is there, which then stays
	mu      sync.Mutex
	frames  [spellings][]byte
}

// NewPush makes an application's push: every receiver gets the same frame.
// payload is JSON text; nil is null.
func NewPush(command string, payload []byte) *Push {
	return &Push{name: command, payload: payload}
}

// NewBuiltinPush makes a push of the server's own. name is without prefix; each
// receiver gets that of its dialect. payload is JSON text; nil is null.
func NewBuiltinPush(name string, payload []byte) *Push {
	return &Push{name: name, payload: payload, builtin: true}
}

// NewLazyPush is NewBuiltinPush for a payload that may never be asked for: build
// makes it, once for each dialect at most. What it refers to must not change.
func NewLazyPush(name string, build func() []byte) *Push {
	return &Push{name: name, build: build, builtin: true}
}

// Frame returns the push as a finished WebSocket frame for receivers of a
// dialect. It must not be changed.
func (p *Push) Frame(d Dialect) []byte {
	i := p.spelling(d)
	if !p.encoded[i].Load() {
		p.encode(i, d)
	}
	return p.frames[i]
}

func (p *Push) spelling(d Dialect) int {
	switch {
	case !p.builtin:
		return meshPush
	case d == DialectRT:
		return rtPush
	case d == DialectBare:
		return barePush
	}
	return meshPush
}

func (p *Push) encode(i int, d Dialect) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.encoded[i].Load() {
		return
	}
	name, payload := p.name, p.payload
	if p.builtin {
		name = d.Prefix() + name
	}
	if p.build != nil {
		payload = p.build()
	}
	const members = len(`{"command":,"payload":}`) + len(`null`)
	size := MaxFrameHeader + members + stringSize(name) + len(payload)
	p.frames[i] = AppendPush(make([]byte, 0, size), name, payload)
	p.encoded[i].Store(true)
}
