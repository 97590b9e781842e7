package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// hold begins a session's subscription, or begins it anew, with its pushes held
// back: what is read of the topic from then on joins what is pushed after the
// release without a gap.
func (e *Engine) hold(ctx context.Context, s *hub.Session, t hub.Topic, terms hub.Terms) (*hub.Hold, error) {
	if !s.Subscribed(t) && subscriptions(s) >= e.limits.Subscriptions {
		return nil, protocol.NewError(abi.CodeLimit, fmt.Sprintf(
			"This connection has %d subscriptions, as many as limits.subscriptions allows; unsubscribe from some first", e.limits.Subscriptions))
	}
	if shared, ok := sharedTopic(t); ok {
		if err := e.interest.gain(ctx, shared); err != nil {
			return nil, storeError("subscribe", err)
		}
	}
	hold, isNew := e.hub.Subscribe(s, t, terms)
	if !isNew { // it counts already, or the session has ended
		e.lostInterest(ctx, t)
	}
	if hold == nil {
		return nil, noConnection()
	}
	return hold, nil
}

// subscriptions counts what a client has subscribed to.
func subscriptions(s *hub.Session) int {
	return s.Subscriptions(hub.ChannelTopic) + s.Subscriptions(hub.PresenceTopic) +
		s.Subscriptions(hub.RecordTopic) + s.Subscriptions(hub.CollectionTopic)
}

// courtesyDelay is how long the first push of a subscription waits after its
// reply for clients that register their callback only when they have read the
// reply.
const courtesyDelay = 5 * time.Millisecond

// release lets the pushes of a held subscription flow once the reply that
// begins it is written: those that the reply does not contain.
func release(s *hub.Session, hold *hub.Hold, contained hub.Position) func() {
	return func() {
		hold.Answered(contained)
		courtesy(s, hold.Release)
	}
}

// courtesy lets the pushes of a subscription flow: after courtesyDelay, where the
// session needs that. The wheel of timers is too coarse for it; subscriptions
// begin too rarely for a runtime timer to matter.
func courtesy(s *hub.Session, flow func()) {
	if s.Subprotocol() == protocol.SubprotocolV1 {
		flow()
		return
	}
	time.AfterFunc(courtesyDelay, flow)
}

// Ends returns how many of a session's subscriptions others were asked to end,
// there or not. Whoever begins one after having asked a guard compares it with
// that of before: what has been ended meanwhile must not begin.
func (e *Engine) Ends(s *hub.Session) uint64 {
	if c := e.clients.get(s.ID()); c != nil {
		return c.ends.Load()
	}
	return 0
}

// unsubscribe ends a session's subscription and reports whether there was one.
func (e *Engine) unsubscribe(ctx context.Context, s *hub.Session, t hub.Topic) bool {
	if !e.hub.Unsubscribe(s, t) {
		return false
	}
	e.lostInterest(ctx, t)
	return true
}

// endSubscription ends a connection's subscription wherever it is; the client
// is told.
func (e *Engine) endSubscription(ctx context.Context, t backplane.Topic, field, name, connection, reason string) (bool, error) {
	if err := checkName(field, name); err != nil {
		return false, err
	}
	if err := checkReason(reason); err != nil {
		return false, err
	}
	reached, err := e.node.Bus().Instruct(ctx,
		backplane.Audience{Scope: backplane.Listed, Names: []string{connection}},
		backplane.Instruction{Unsubscribe: &backplane.Unsubscribe{Topic: t, Reason: reason}})
	if err != nil {
		return false, storeError("unsubscribe", err)
	}
	return reached > 0, nil
}

// follow makes a session one that its topic of a room or a user reaches. There
// is no reply for its pushes to wait for.
func (e *Engine) follow(s *hub.Session, t hub.Topic) {
	if hold, _ := e.hub.Subscribe(s, t, hub.Terms{}); hold != nil {
		hold.Release()
	}
}
