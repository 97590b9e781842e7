package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// reply is how a command ends.
type reply struct {
	payload json.RawMessage
	err     error
}

// Command runs a command and returns the payload of its reply, JSON text. payload is
// encoded as JSON; nil sends none. The error is an *Error where the command has
// failed, ErrDisconnected where the connection ended before the reply, so that it may
// have run, and that of the context. Commands start in the order in which they were
// sent.
func (c *Client) Command(ctx context.Context, name string, payload any) (json.RawMessage, error) {
	body, err := encode(payload)
	if err != nil {
		return nil, err
	}
	for {
		k, err := c.connected(ctx, !c.options.FailOffline)
		if err != nil {
			return nil, err
		}
		sent, err := k.send(ctx, name, body)
		if errors.Is(err, errUnsent) {
			continue // there will be another connection
		}
		if err != nil {
			return nil, err
		}
		return sent.wait(ctx)
	}
}

// sent is a request that was sent.
type sent struct {
	conn    *conn
	id      uint64
	replied chan reply
}

// send is request for who waits.
func (k *conn) send(ctx context.Context, command string, payload json.RawMessage) (s sent, err error) {
	s = sent{conn: k, replied: make(chan reply, 1)}
	s.id, err = k.request(ctx, command, payload, func(payload json.RawMessage, err error) { s.replied <- reply{payload, err} })
	return s, err
}

// wait waits for the reply.
func (s sent) wait(ctx context.Context) (json.RawMessage, error) {
	select {
	case r := <-s.replied:
		return r.payload, r.err
	case <-ctx.Done():
		s.conn.forget(s.id)
		return nil, ctx.Err()
	}
}

// Call is Command, and decodes the reply into what result points to.
func (c *Client) Call(ctx context.Context, name string, payload, result any) error {
	text, err := c.Command(ctx, name, payload)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, result); err != nil {
		return fmt.Errorf("client: the reply to %s is not as expected: %w", name, err)
	}
	return nil
}

// settle is Call for what may be done twice: it is done again when the connection
// ends before the reply.
func (c *Client) settle(ctx context.Context, name string, payload, result any) error {
	err := c.Call(ctx, name, payload, result)
	for errors.Is(err, ErrDisconnected) {
		if err := c.Ready(ctx); err != nil {
			return err
		}
		if err = c.Call(ctx, name, payload, result); errors.Is(err, ErrOffline) {
			err = ErrDisconnected // it went again
		}
	}
	return err
}

// Publish publishes a message on a channel. Where the channel keeps history it
// returns the message's offset, else 0.
func (c *Client) Publish(ctx context.Context, channel, message string) (offset int64, err error) {
	var result struct{ Offset int64 }
	err = c.Call(ctx, "mesh/publish-channel", map[string]any{"channel": channel, "message": message}, &result)
	return result.Offset, err
}
