package hub

import "github.com/mesh-host/mesh-host/host/protocol"

// Reply adds a reply's frame to the outbox; id, command and payload are JSON
// text, id and command as the client sent them; a nil payload is null. The
// caller flushes; it must before it produces more where Reply returns true.
func (s *Session) Reply(id, command, payload []byte) (full bool) {
	o := &s.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open() {
		b := o.next()
		b.bytes = protocol.AppendReply(b.bytes, id, command, payload)
	}
	return o.len() >= highWater
}

// Pong answers a ping frame. The caller flushes. Where the last pong has not
// left yet, further ones are dropped with the outbox's bound: RFC 6455 section
// 5.5.3 asks for an answer to the latest ping only.
func (s *Session) Pong(payload []byte) {
	o := &s.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.len() < o.limit && o.open() {
		b := o.next()
		b.bytes = protocol.AppendPong(b.bytes, payload)
	}
}

// Push hands over an encoded frame, which is copied, and reports whether the
// session took it. It waits for no socket; a producer that is faster than the
// processor can write gives a hand with that. A single frame is always accepted
// into an empty outbox; beyond limits.outbox the session is closed as a slow
// consumer.
func (s *Session) Push(frame []byte) bool { return s.pushOrHelp(frame, false) }

// Send is Push for a push that others get too, in the session's dialect.
func (s *Session) Send(p *protocol.Push) bool { return s.pushOrHelp(p.Frame(s.Dialect()), true) }

func (s *Session) pushOrHelp(frame []byte, shared bool) bool {
	took, late := s.push(frame, shared)
	if late {
		s.hub.flusher.behind.Store(s)
	}
	return took
}

// late reports whether the flusher is behind with the session.
func (s *Session) late() bool {
	s.outbox.mu.Lock()
	defer s.outbox.mu.Unlock()
	return s.outbox.late() > 0
}

// sendLocked is Send for what always has room; the outbox is locked.
func (s *Session) sendLocked(p *protocol.Push) {
	if s.outbox.open() {
		s.outbox.push(p.Frame(s.Dialect()))
		s.flushLater()
	}
}

// push adds a frame, which is copied unless it is shared; late tells that the
// flusher is behind.
func (s *Session) push(frame []byte, shared bool) (took, late bool) {
	o := &s.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.open() {
		return false, false
	}
	if !o.fits(len(frame)) {
		s.closeLocked(slowConsumer)
		return false, false
	}
	late = o.late() > 0
	if shared {
		o.push(frame)
	} else {
		o.pushCopy(frame)
	}
	s.flushLater()
	return true, late
}

// flushLater has the flusher write what is pending; the outbox is locked.
func (s *Session) flushLater() {
	var c chain
	if s.call(&c) {
		s.hub.flusher.put(&c)
	}
}

// call adds the session to a chain for the flusher, unless it is in one or has
// nothing to write, and reports whether it did; the outbox is locked.
func (s *Session) call(c *chain) bool {
	o := &s.outbox
	if o.called || !o.idle() {
		return false
	}
	o.called = true
	s.tasks.Add(1) // until its turn has ended
	c.add(s)
	return true
}

// writesATurn bounds how often a session is written to in one turn.
const writesATurn = 4

// flushNow is the session's turn with the flusher: it writes what the socket
// takes at once, and leaves the rest to a goroutine. Replies that come
// meanwhile leave at once too, since their reader relies on it; pushes have
// another turn after everyone else's.
func (s *Session) flushNow(r *round) {
	o := &s.outbox
	o.mu.Lock()
	r.late = r.late || o.late() > 0
	var err error
	for n := 0; n == 0 || n < writesATurn && o.replies(); n++ {
		b := o.take()
		if b == nil {
			break
		}
		o.mu.Unlock()
		var rest [][]byte
		rest, err = b.try(r.page, s.wire)
		o.mu.Lock()
		if len(rest) > 0 {
			o.endTurn()
			o.mu.Unlock()
			go s.finishFlush(b, r.page, rest)
			r.page = pages.Get().(*page)
			return
		}
		o.wrote(b, err)
	}
	o.endTurn()
	s.call(&r.again)
	o.mu.Unlock()
	if err != nil {
		s.abandon(Gone)
	}
	s.tasks.Done()
}

// finishFlush waits for a socket that takes things slowly: it writes what is
// left of a batch, and what comes meanwhile, until nothing is pending.
func (s *Session) finishFlush(b *batch, p *page, rest [][]byte) {
	defer s.tasks.Done()
	err := s.wire.Write(rest)
	p.release()
	for b != nil {
		if err == nil {
			err = b.write(s.wire)
		}
		b = s.outbox.goOn(b, err)
	}
	if err != nil {
		s.abandon(Gone)
	}
}

// Flush writes what is pending, and not what others push meanwhile: that would
// hold the caller for as long as they do. Where another goroutine is writing
// already it leaves the work to that one, and waits only while more than
// highWater is pending. It blocks as long as the socket does; the error says
// that the socket is gone.
func (s *Session) Flush() error {
	b := s.outbox.takeWhenLow()
	if b == nil {
		return nil
	}
	err := b.write(s.wire)
	s.wrote(b, err)
	if err != nil {
		s.abandon(Gone)
	}
	return err
}

// wrote ends a flush; what has come meanwhile is the flusher's.
func (s *Session) wrote(b *batch, err error) {
	s.outbox.mu.Lock()
	defer s.outbox.mu.Unlock()
	s.outbox.wrote(b, err)
	s.flushLater()
}

// Drain flushes and waits until everything is written, by whichever goroutine,
// or the socket is gone.
func (s *Session) Drain() {
	_ = s.Flush()
	s.outbox.drain()
}

// Uncork lets frames out, first ones ahead of whatever was pushed meanwhile:
// the handshake's response and the assign-id frames.
func (s *Session) Uncork(first []byte) error {
	o := &s.outbox
	o.mu.Lock()
	if !o.dead {
		o.next().prepend(first)
	}
	o.corked = false
	o.mu.Unlock()
	s.startLiveness()
	return s.Flush()
}
