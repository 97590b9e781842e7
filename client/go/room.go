package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// state is what a client is in a room: a member, with what it has published there.
type state struct {
	value  json.RawMessage // nil for none
	silent bool
	until  time.Time // zero: it stays
}

// StateOptions say how to publish a state.
type StateOptions struct {
	// ExpireAfter is when the server clears the state, in whole ms; 0 is never.
	ExpireAfter time.Duration
	// Silent sets it without telling those who follow the room's presence.
	Silent bool
}

// Join makes this connection a member of a room, and every later one too. It returns
// who is present, by connection id. Calls for one room should not run at the same time.
func (c *Client) Join(ctx context.Context, room string) (present []string, err error) {
	c.mu.Lock()
	_, member := c.rooms[room]
	if !member {
		c.rooms[room] = new(state)
	}
	c.mu.Unlock()
	var result struct{ Present []string }
	if err = c.settle(ctx, "mesh/join-room", map[string]any{"roomName": room}, &result); err != nil && !member {
		c.mu.Lock()
		delete(c.rooms, room)
		c.mu.Unlock()
	}
	return result.Present, err
}

// Leave ends the membership, and the state with it. It is no error to be none.
func (c *Client) Leave(ctx context.Context, room string) error {
	c.mu.Lock()
	delete(c.rooms, room)
	c.mu.Unlock()
	var result json.RawMessage
	return c.settle(ctx, "mesh/leave-room", map[string]any{"roomName": room}, &result)
}

// SetState publishes what this client is in a room that it has joined: any JSON value
// but null, false, 0 and "". It is published again after a reconnect, unless it has
// expired. ErrRefused is for who is not present.
func (c *Client) SetState(ctx context.Context, room string, value any, o StateOptions) error {
	text, err := encode(value)
	if err != nil {
		return err
	}
	s := &state{value: text, silent: o.Silent}
	if o.ExpireAfter > 0 {
		s.until = time.Now().Add(o.ExpireAfter)
	}
	before := c.become(room, s)
	payload, _ := s.payload(room)
	if o.ExpireAfter > 0 {
		payload["expireAfter"] = max(1, o.ExpireAfter.Milliseconds()) // nothing has passed yet
	}
	err = c.accepted(ctx, "mesh/publish-presence-state", payload)
	if err != nil {
		c.revert(room, s, before)
	}
	return err
}

// ClearState takes the state back.
func (c *Client) ClearState(ctx context.Context, room string) error {
	s := new(state)
	before := c.become(room, s)
	err := c.accepted(ctx, "mesh/clear-presence-state", map[string]any{"roomName": room})
	if err != nil {
		c.revert(room, s, before)
	}
	return err
}

// accepted is settle for what is answered with true or false.
func (c *Client) accepted(ctx context.Context, name string, payload any) error {
	var yes bool
	err := c.settle(ctx, name, payload, &yes)
	if err == nil && !yes {
		err = fmt.Errorf("%w: %s", ErrRefused, name)
	}
	return err
}

// become replaces what the client is in a room, if it is a member.
func (c *Client) become(room string, s *state) (before *state) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before = c.rooms[room]
	if before != nil {
		c.rooms[room] = s
	}
	return before
}

// revert undoes become, unless there was another one since.
func (c *Client) revert(room string, s, before *state) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if before != nil && c.rooms[room] == s {
		c.rooms[room] = before
	}
}

// payload is what publishes the state; ok is false where there is none any more.
func (s *state) payload(room string) (payload map[string]any, ok bool) {
	payload = map[string]any{"roomName": room, "state": s.value, "silent": s.silent}
	if !s.until.IsZero() {
		left := time.Until(s.until).Milliseconds()
		payload["expireAfter"] = max(1, left)
		return payload, left > 0
	}
	return payload, s.value != nil
}

// rejoin joins the rooms and publishes the states again. What it returns ends with
// the replies.
func (c *Client) rejoin(k *conn) (waiting []either) {
	c.mu.Lock()
	rooms := make(map[string]*state, len(c.rooms))
	for name, s := range c.rooms {
		rooms[name] = s
	}
	c.mu.Unlock()
	for name, s := range rooms {
		waiting = append(waiting, c.redo(k, "mesh/join-room", map[string]any{"roomName": name}, func(_ json.RawMessage, err error) {
			if err != nil {
				c.mu.Lock()
				delete(c.rooms, name)
				c.mu.Unlock()
				c.lost("room", name, err)
			}
		}))
		if payload, ok := s.payload(name); ok {
			waiting = append(waiting, c.redo(k, "mesh/publish-presence-state", payload, func(reply json.RawMessage, err error) {
				if err == nil && string(reply) != "true" {
					err = fmt.Errorf("%w: the state in room %q", ErrRefused, name)
				}
				if err != nil {
					c.revert(name, s, new(state))
					c.lost("state", name, err)
				}
			}))
		}
	}
	return waiting
}

// redo sends what restores something, and calls done with the reply, unless the
// connection must be restored anew.
func (c *Client) redo(k *conn, command string, fields map[string]any, done func(json.RawMessage, error)) either {
	answered := make(chan struct{})
	k.demand(c.ctx, c.options.ReplyTimeout, command, fields, func(reply json.RawMessage, err error) {
		defer close(answered)
		switch {
		case errors.Is(err, ErrDisconnected):
		case temporary(err):
			k.end(fmt.Errorf("client: restore: %w", err))
		default:
			done(reply, err)
		}
	})
	return either{restored: answered, ended: k.ended}
}
