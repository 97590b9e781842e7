package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// Present reads who is present in a room, and their states. It fails with
// EPAYLOAD.
func (e *Engine) Present(ctx context.Context, room string) (backplane.Snapshot, error) {
	if err := checkName("roomName", room); err != nil {
		return backplane.Snapshot{}, err
	}
	snapshot, err := e.node.Presence().Snapshot(ctx, room)
	if err != nil {
		return snapshot, storeError(abi.OpPresenceList, err)
	}
	return snapshot, nil
}

// Watched is what a subscription to presence begins with.
type Watched struct {
	backplane.Snapshot
	// Release lets pushes flow. It must be called once the reply is in the
	// session's outbox.
	Release func()
}

// Watch begins a session's subscription to the presence of a room that is
// exposed to it, or begins it anew. No change is lost or doubled between what
// it returns and the pushes after Release. It fails with ELIMIT.
func (e *Engine) Watch(ctx context.Context, s *hub.Session, x *exposure.Presence, room string) (Watched, error) {
	t := hub.Topic{Kind: hub.PresenceTopic, Name: room}
	hold, err := e.hold(ctx, s, t, hub.Terms{Policy: x.SlowConsumer})
	if err != nil {
		return Watched{}, err
	}
	snapshot, err := e.Present(ctx, room)
	if err != nil {
		e.unsubscribe(ctx, s, t)
		return Watched{}, err
	}
	return Watched{Snapshot: snapshot, Release: release(s, hold, presencePosition(snapshot.Seq))}, nil
}

// presencePosition is what a subscription to presence counts in.
func presencePosition(seq int64) hub.Position { return hub.Position{Epoch: "presence", Offset: seq} }

// Unwatch ends a session's subscription to the presence of a room and reports
// whether there was one.
func (e *Engine) Unwatch(ctx context.Context, s *hub.Session, room string) bool {
	return e.unsubscribe(ctx, s, hub.Topic{Kind: hub.PresenceTopic, Name: room})
}

// EndPresence ends a connection's subscription to the presence of a room,
// wherever it is connected, and reports whether there was one.
func (e *Engine) EndPresence(ctx context.Context, room, connection, reason string) (bool, error) {
	t := backplane.Topic{Kind: backplane.PresenceOf, Name: room}
	return e.endSubscription(ctx, t, "roomName", room, connection, reason)
}

// State is a presence state to be set.
type State struct {
	// Value is JSON text; nil clears the state.
	Value json.RawMessage
	// ExpireAfter is how long it stays, in milliseconds; 0: until it is
	// changed or the member leaves.
	ExpireAfter int64
	// Silent sets it without a push.
	Silent bool
}

// SetState sets the state of a connection in a room and reports whether it is
// present there. It fails with EPAYLOAD or ETOOLARGE.
func (e *Engine) SetState(ctx context.Context, room, connection string, state State) (bool, error) {
	if err := checkName("roomName", room); err != nil {
		return false, err
	}
	if state.Value != nil {
		if err := e.checkState(state.Value); err != nil {
			return false, err
		}
	}
	expireAfter := milliseconds(state.ExpireAfter)
	if expireAfter < 0 || expireAfter > MaxTTL {
		return false, payloadError("expireAfter", "must be 0 (until it is changed) to %d milliseconds", MaxTTL.Milliseconds())
	}
	defer e.hub.Relieve()
	set, err := e.node.Presence().SetState(ctx, room, connection, state.Value, expireAfter, state.Silent)
	if err != nil {
		return false, storeError(abi.OpPresenceSet, err)
	}
	return set, nil
}

func (e *Engine) checkState(state json.RawMessage) error {
	if len(state) > e.limits.PresenceState {
		return tooLarge("state", len(state), e.limits.PresenceState, "limits.presence_state")
	}
	if err := checkJSON("state", state); err != nil {
		return err
	}
	if bytes.Equal(protocol.TrimSpace(state), []byte("null")) {
		return payloadError("state", "is null; clear it instead")
	}
	return nil
}

// Presence delivers a change of presence to this node's subscribers.
func (r receiver) Presence(p backplane.PresenceEvent) {
	t := hub.Topic{Kind: hub.PresenceTopic, Name: p.Room}
	r.engine.hub.Publish(t, hub.Delivery{
		Push:     protocol.NewBuiltinPush("presence-update", appendPresence(nil, p)),
		Position: presencePosition(p.Seq),
		Key:      presenceKey(p),
	})
}

// presenceKey is what conflation keeps the newest of: whether a member is
// there, and its state, each by itself.
func presenceKey(p backplane.PresenceEvent) string {
	if p.Change == backplane.StateSet {
		return "state " + p.Connection
	}
	return p.Connection
}

// changes are the types of a presence-update.
var changes = [...]string{backplane.Joined: "join", backplane.Left: "leave", backplane.StateSet: "state"}

func appendPresence(b []byte, p backplane.PresenceEvent) []byte {
	b = append(append(append(b, `{"type":"`...), changes[p.Change]...), '"')
	b = protocol.AppendString(append(b, `,"connectionId":`...), p.Connection)
	b = protocol.AppendString(append(b, `,"roomName":`...), p.Room)
	if p.Change == backplane.StateSet {
		b = append(b, `,"state":`...)
		if p.State == nil {
			b = append(b, "null"...)
		}
		b = append(b, p.State...)
	}
	b = strconv.AppendInt(append(b, `,"timestamp":`...), p.Time, 10)
	return append(b, '}')
}

// AppendStates adds the states of a snapshot as a JSON object. It stops once
// there are more than limit bytes: what is then there is not the whole.
func AppendStates(dst []byte, s backplane.Snapshot, limit int) []byte {
	dst = append(dst, '{')
	first := true
	for _, id := range s.Present {
		state, ok := s.States[id]
		if !ok {
			continue
		}
		if len(dst) > limit {
			break
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = appendMember(dst, id, state)
	}
	return append(dst, '}')
}
