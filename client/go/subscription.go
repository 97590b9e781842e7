package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
)

// topic is what subscriptions differ in. Its methods are called by the goroutine of
// the subscription only.
type topic interface {
	// ask returns the command that begins the subscription where it has come to.
	ask() (command string, payload map[string]any)
	// begin takes the reply. deliver, which may be nil, calls the handler; more says
	// that it must be asked again. An error other than ErrRefused is a reply that the
	// server should not have sent.
	begin(reply json.RawMessage) (deliver func(), more bool, err error)
	// push calls the handler, and reports whether the subscription may go on; else
	// something is missing, and it begins again.
	push(p *push) bool
}

// Subscription is a channel, presence or record that is followed. It outlives the
// connection. It is safe for concurrent use.
type Subscription struct {
	c      *Client
	key    topicKey
	topic  topic
	events *queue[event]
	begun  chan struct{} // the server has accepted it
	ending chan struct{}
	done   chan struct{}

	// Of its goroutine.
	conn     *conn
	restored chan<- struct{} // to be closed once, nil after that

	mu     sync.Mutex
	deaf   bool // pushes are left out: a reply will make up for them
	asking bool // for that reply
	err    error
}

// event is what the goroutine of a subscription deals with: one of these.
type event struct {
	conn     *conn           // a new connection
	restored chan<- struct{} // with conn

	push *push // or gap

	answered bool // a reply, or why there is none
	reply    json.RawMessage
	err      error // also without a reply: the end
}

// gap is the event after which pushes are missing.
var gap = &push{command: pushGap}

// Done is closed when the subscription has ended and its handler has returned.
func (s *Subscription) Done() <-chan struct{} { return s.done }

// Err returns why the subscription has ended, nil while it has not: ErrUnsubscribed,
// ErrRefused after a reconnect, an *Error, or what the client ended with.
func (s *Subscription) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Unsubscribe ends the subscription. Its handler is not called again, and may be
// running still: see Done. The error is about telling the server.
func (s *Subscription) Unsubscribe(ctx context.Context) error {
	sent, err := s.leave(ctx)
	if err == nil {
		_, err = sent.wait(ctx)
	}
	if errors.Is(err, ErrDisconnected) || errors.Is(err, ErrOffline) {
		return nil // what has no connection has no subscription
	}
	return err
}

// leave ends the subscription and tells the server, on the connection that there is.
// Who subscribes anew is told of behind that.
func (s *Subscription) leave(ctx context.Context) (sent, error) {
	body, err := encode(s.key.fields())
	if err != nil {
		return sent{}, err
	}
	select {
	case s.c.leaving <- struct{}{}:
		defer func() { <-s.c.leaving }()
	case <-ctx.Done():
		s.abandon(ErrUnsubscribed)
		return sent{}, ctx.Err()
	}
	if !s.end(ErrUnsubscribed) {
		return sent{}, ErrOffline // there is nothing to tell
	}
	k, err := s.c.connected(ctx, false)
	if err != nil {
		return sent{}, ErrOffline
	}
	return k.send(ctx, "mesh/unsubscribe-"+s.key.kind, body)
}

// abandon ends the subscription and tells the server, if that is possible at once.
func (s *Subscription) abandon(err error) {
	s.c.mu.Lock()
	if s.c.subs[s.key] == s {
		delete(s.c.subs, s.key)
		s.c.disown(s.c.conn, s.key)
	}
	s.c.mu.Unlock()
	s.end(err)
}

// disown tells the server that nobody follows a topic, if that is so. c.mu is held, so
// that who subscribes anew is told of behind that.
func (c *Client) disown(k *conn, key topicKey) {
	if k != nil && c.subs[key] == nil {
		k.tell("mesh/unsubscribe-"+key.kind, key.fields())
	}
}

// subscribe begins a subscription and waits until the server has accepted it.
func (c *Client) subscribe(ctx context.Context, kind, name string, t topic) (*Subscription, error) {
	s := &Subscription{
		c: c, key: topicKey{kind, name}, topic: t, events: newQueue[event](), deaf: true,
		begun: make(chan struct{}), ending: make(chan struct{}), done: make(chan struct{}),
	}
	select {
	case c.leaving <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	err := c.enter(s)
	<-c.leaving
	if err != nil {
		return nil, err
	}
	select {
	case <-s.begun:
		return s, nil
	case <-s.done:
		select {
		case <-s.begun: // and ended already
			return s, nil
		default:
			return nil, s.Err()
		}
	case <-ctx.Done():
		s.abandon(ctx.Err()) // it may have begun meanwhile
		return nil, ctx.Err()
	}
}

// enter makes a subscription one of the client's. It begins now, or with the next
// connection.
func (c *Client) enter(s *Subscription) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil:
		return c.err
	case c.subs[s.key] != nil:
		return fmt.Errorf("%w to %s %q", ErrSubscribed, s.key.kind, s.key.name)
	case c.conn == nil && c.options.FailOffline:
		return ErrOffline
	}
	c.subs[s.key] = s
	c.wg.Go(s.run)
	if c.conn != nil {
		s.up(c.conn, nil)
	}
	return nil
}

// end ends the subscription; the first reason counts. It does not wait.
func (s *Subscription) end(err error) bool {
	s.c.mu.Lock()
	if s.c.subs[s.key] == s {
		delete(s.c.subs, s.key)
	}
	s.c.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return false
	}
	s.err = err
	close(s.ending)
	return true
}

// up says that there is a new connection. One before it that was not yet dealt with
// is gone.
func (s *Subscription) up(k *conn, restored chan<- struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deaf = true
	s.events.remove(func(e event) bool { return e.conn != nil })
	s.events.put(event{conn: k, restored: restored})
}

// offer takes a push, unless there is too much already: then it is a gap, as if the
// server had said so. It does not wait.
func (s *Subscription) offer(p *push, size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case p.command == pushEnded && s.asking: // the former one has ended; the reply says what is now
	case p.command == pushEnded:
		s.events.put(event{err: fmt.Errorf("%w: %s", ErrUnsubscribed, p.Reason)})
	case s.deaf:
	case p.command == pushGap || !s.events.offer(event{push: p}, size, s.c.options.Backlog):
		s.deaf = true
		s.events.put(event{push: gap})
	}
}

func (s *Subscription) run() {
	defer close(s.done)
	for {
		select {
		case <-s.ending:
			return
		default:
		}
		e, ok := s.events.take()
		if !ok {
			select {
			case <-s.events.wake:
			case <-s.ending:
			}
			continue
		}
		if err := s.handle(e); err != nil {
			if s.end(err) && s.hasBegun() {
				s.c.lost(s.key.kind, s.key.name, err)
			}
			return
		}
	}
}

// handle deals with an event. An error ends the subscription.
func (s *Subscription) handle(e event) error {
	switch {
	case e.conn != nil:
		s.conn, s.restored = e.conn, e.restored
		s.ask()
	case e.answered:
		return s.answer(e.reply, e.err)
	case e.err != nil:
		return e.err
	case e.push == gap || !s.topic.push(e.push):
		s.ask()
	}
	return nil
}

// ask begins, or begins again. What comes before the reply is left out: the reply
// makes up for it.
func (s *Subscription) ask() {
	s.mu.Lock()
	s.deaf, s.asking = true, true
	s.events.remove(func(e event) bool { return e.push != nil })
	s.mu.Unlock()
	command, fields := s.topic.ask()
	k := s.conn
	k.demand(s.c.ctx, s.c.options.ReplyTimeout, command, fields, func(reply json.RawMessage, err error) {
		s.mu.Lock()
		over := s.err != nil
		s.asking = false
		if err == nil {
			s.deaf = false
		}
		s.events.put(event{answered: true, reply: reply, err: err})
		s.mu.Unlock()
		if over && err == nil { // it was ended while it began
			s.c.mu.Lock()
			s.c.disown(k, s.key)
			s.c.mu.Unlock()
		}
	})
}

// answer deals with the reply to ask.
func (s *Subscription) answer(reply json.RawMessage, err error) error {
	switch {
	case errors.Is(err, ErrDisconnected):
		return nil // there will be another connection
	case temporary(err) && s.hasBegun():
		s.conn.end(fmt.Errorf("client: %s %q: %w", s.key.kind, s.key.name, err)) // to try again, later and later
		return nil
	case err != nil:
		return err
	}
	deliver, more, err := s.topic.begin(reply)
	switch {
	case errors.Is(err, ErrRefused):
		return err
	case err != nil:
		s.conn.end(err)
		return nil
	}
	if !more && !s.hasBegun() {
		close(s.begun)
	}
	if deliver != nil {
		deliver()
	}
	if more {
		s.ask()
	} else {
		s.tellRestored()
	}
	return nil
}

func (s *Subscription) hasBegun() bool {
	select {
	case <-s.begun:
		return true
	default:
		return false
	}
}

// tellRestored tells who restores the connection that this subscription is done.
func (s *Subscription) tellRestored() {
	if s.restored != nil {
		close(s.restored)
		s.restored = nil
	}
}
