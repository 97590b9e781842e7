package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"time"
)

// PresenceKind is what has happened to a member.
type PresenceKind string

// What happens to members.
const (
	Joined  PresenceKind = "join"
	Left    PresenceKind = "leave"
	Changed PresenceKind = "state" // of its state
)

// PresenceEvent is a change of who is present in a room.
type PresenceEvent struct {
	Kind     PresenceKind
	Room, ID string          // ID is the connection's
	State    json.RawMessage // with Changed: nil once it is cleared or has expired
	// Time is when it happened, by the server's clock. It is zero where it is found by
	// reading who is there: at the beginning, and after a reconnect.
	Time time.Time
}

// PresenceSubscription follows who is present in a room. It is safe for concurrent
// use.
type PresenceSubscription struct {
	*Subscription
	watcher *watcher
}

// SubscribePresence follows who is present in a room, which need not be joined. The
// handler, which may be nil, is told first of those who are there; after a reconnect
// of the difference. This client's own connection is among them. ErrRefused is for
// a room whose presence is not open to this client.
func (c *Client) SubscribePresence(ctx context.Context, room string, handle func(PresenceEvent)) (*PresenceSubscription, error) {
	if handle == nil {
		handle = func(PresenceEvent) {}
	}
	w := &watcher{room: room, handle: handle, members: make(map[string]json.RawMessage)}
	s, err := c.subscribe(ctx, "presence", room, w)
	if err != nil {
		return nil, err
	}
	return &PresenceSubscription{s, w}, nil
}

// Members returns who is present, by connection id, with their states, nil for none.
func (s *PresenceSubscription) Members() map[string]json.RawMessage {
	s.watcher.mu.Lock()
	defer s.watcher.mu.Unlock()
	return maps.Clone(s.watcher.members)
}

// watcher is the topic of a room's presence.
type watcher struct {
	room   string
	handle func(PresenceEvent)

	mu      sync.Mutex
	members map[string]json.RawMessage
}

var _ topic = (*watcher)(nil)

func (w *watcher) ask() (command string, payload map[string]any) {
	return "mesh/subscribe-presence", map[string]any{"roomName": w.room}
}

func (w *watcher) begin(text json.RawMessage) (deliver func(), more bool, err error) {
	var r struct {
		Success bool
		Present []string
		States  map[string]json.RawMessage
	}
	switch err := json.Unmarshal(text, &r); {
	case err != nil:
		return nil, false, fmt.Errorf("client: subscribe-presence: %w", err)
	case !r.Success:
		return nil, false, fmt.Errorf("%w: presence of %q", ErrRefused, w.room)
	}
	now := make(map[string]json.RawMessage, len(r.Present))
	for _, id := range r.Present {
		now[id] = r.States[id]
	}
	w.mu.Lock()
	before := w.members
	w.members = now
	w.mu.Unlock()
	events := w.difference(before, r.Present, now)
	return func() {
		for _, e := range events {
			w.handle(e)
		}
	}, false, nil
}

// difference returns what has happened between two readings.
func (w *watcher) difference(before map[string]json.RawMessage, present []string, now map[string]json.RawMessage) (events []PresenceEvent) {
	for id := range before {
		if _, there := now[id]; !there {
			events = append(events, PresenceEvent{Kind: Left, Room: w.room, ID: id})
		}
	}
	for _, id := range present {
		state, known := before[id]
		if !known {
			events = append(events, PresenceEvent{Kind: Joined, Room: w.room, ID: id})
		}
		if !bytes.Equal(state, now[id]) {
			events = append(events, PresenceEvent{Kind: Changed, Room: w.room, ID: id, State: now[id]})
		}
	}
	return events
}

// push takes a change. One that changes nothing, as slow readers may get, is passed over.
func (w *watcher) push(p *push) bool {
	e := PresenceEvent{Kind: PresenceKind(p.Type), Room: w.room, ID: p.ConnectionID, Time: time.UnixMilli(p.Timestamp)}
	if e.Kind == Changed && string(p.State) != "null" {
		e.State = p.State
	}
	if w.apply(&e) {
		w.handle(e)
	}
	return true
}

// apply keeps the members up to date, and reports whether that is news. A slow reader
// is not told that a member has left who has come again, whose state has gone then, nor
// that one came who has left, whose state may still be told.
func (w *watcher) apply(e *PresenceEvent) (news bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	state, known := w.members[e.ID]
	switch {
	case e.Kind == Left:
		delete(w.members, e.ID)
		return known
	case e.Kind == Joined && !known:
		w.members[e.ID] = nil
		return true
	case e.Kind == Joined:
		e.Kind = Changed
	case e.Kind != Changed || !known: // a kind of a later version, or of nobody
		return false
	}
	w.members[e.ID] = e.State
	return !bytes.Equal(state, e.State)
}
