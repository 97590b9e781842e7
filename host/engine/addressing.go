package engine

import (
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// SendTo pushes {command, payload} once to each connection of a list that is
// not in exclude, and returns how many took it; ids that no connection has are
// passed over. payload is JSON text, nil for null. It never blocks: a
// connection that reads too slowly is closed instead. It fails with EPAYLOAD
// or ETOOLARGE.
func (e *Engine) SendTo(to, exclude []string, command string, payload []byte) (int, error) {
	if err := e.checkIDs("to", to); err != nil {
		return 0, err
	}
	p, err := e.newPush(command, payload, exclude)
	if err != nil {
		return 0, err
	}
	defer p.release()
	once := newSet(to)
	for i, id := range to {
		if once.first(id, i) && !p.exclude.has(id) {
			if s := e.hub.Get(id); s != nil {
				p.to(s)
			}
		}
	}
	return p.sent, nil
}

// Broadcast is SendTo to every connection.
func (e *Engine) Broadcast(exclude []string, command string, payload []byte) (int, error) {
	p, err := e.newPush(command, payload, exclude)
	if err != nil {
		return 0, err
	}
	defer p.release()
	e.hub.Each(func(s *hub.Session) {
		if !p.exclude.has(s.ID()) {
			p.to(s)
		}
	})
	return p.sent, nil
}

// push is one frame, encoded once, on its way to its receivers.
type push struct {
	frame   *[]byte
	exclude set
	sent    int
}

var frames = sync.Pool{New: func() any { return new([]byte) }}

// keepFrame bounds the buffers that return to the pool, in bytes.
const keepFrame = 64 << 10

func (e *Engine) newPush(command string, payload []byte, exclude []string) (push, error) {
	if err := protocol.CheckApplicationName(command); err != nil {
		return push{}, payloadError("command", "%v", err)
	}
	if len(payload) > e.limits.ReplySize {
		return push{}, tooLarge("payload", len(payload), e.limits.ReplySize, "limits.reply_size")
	}
	if payload != nil {
		if err := checkJSON("payload", payload); err != nil {
			return push{}, err
		}
	}
	if err := e.checkIDs("exclude", exclude); err != nil {
		return push{}, err
	}
	frame := frames.Get().(*[]byte)
	*frame = protocol.AppendPush((*frame)[:0], command, payload)
	return push{frame: frame, exclude: newSet(exclude)}, nil
}

// to hands the frame to a session, which copies it.
func (p *push) to(s *hub.Session) {
	if s.Push(*p.frame) {
		p.sent++
	}
}

func (p *push) release() {
	if cap(*p.frame) <= keepFrame {
		frames.Put(p.frame)
	}
}

func (e *Engine) checkIDs(field string, ids []string) error {
	if len(ids) > e.limits.Receivers {
		return payloadError(field, "%d ids are more than the %d that one call may name; split the list or broadcast", len(ids), e.limits.Receivers)
	}
	return nil
}

// set answers whether an id is in a list: a short one is searched as it is, a
// long one through an index from id to first position.
type set struct {
	list  []string
	index map[string]int
}

// shortList is the length up to which a search beats making an index.
const shortList = 16

func newSet(list []string) set {
	s := set{list: list}
	if len(list) > shortList {
		s.index = make(map[string]int, len(list))
		for i, id := range list {
			if _, ok := s.index[id]; !ok {
				s.index[id] = i
			}
		}
	}
	return s
}

func (s *set) has(id string) bool {
	if s.index == nil {
		return slices.Contains(s.list, id)
	}
	_, ok := s.index[id]
	return ok
}

// first reports whether an id's first position in the list is i.
func (s *set) first(id string, i int) bool {
	if s.index == nil {
		return !slices.Contains(s.list[:i], id)
	}
	return s.index[id] == i
}

// maxReason is what a close frame has room for beside the code, in bytes (RFC
// 6455 section 5.5).
const maxReason = 123

// Disconnect closes a connection with a close code that a server may send (0
// is 4003) and a reason, and reports whether there was such a connection. It
// returns before the connection has ended. It fails with EPAYLOAD.
func (e *Engine) Disconnect(id string, code int64, reason string) (bool, error) {
	if code == 0 {
		code = abi.CloseKicked
	}
	if !sendable(code) {
		return false, payloadError("code", "%d is no close code that a server may send: use 1000, 1001, 1008, 1011, 1013 or 4000 to 4999", code)
	}
	if len(reason) > maxReason || !utf8.ValidString(reason) {
		return false, payloadError("reason", "must be at most %d bytes of UTF-8", maxReason)
	}
	s := e.hub.Get(id)
	if s == nil {
		return false, nil
	}
	s.Close(hub.Cause{Code: int(code), Reason: reason})
	return true, nil
}

func sendable(code int64) bool {
	switch code {
	case abi.CloseNormal, abi.CloseGoingAway, abi.ClosePolicyViolation, abi.CloseInternalError, abi.CloseTryAgainLater:
		return true
	}
	return code >= 4000 && code <= 4999
}
