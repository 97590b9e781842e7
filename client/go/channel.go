package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Message is a message of a channel.
type Message struct {
	Channel, Text string
	// Epoch and Offset are its position, "" and 0 where the channel keeps no history.
	Epoch  string
	Offset int64
	// Past says that it comes from the history or a recovery, and not as it was
	// published.
	Past bool
}

// Position is a place in a channel's stream.
type Position struct {
	Epoch  string
	Offset int64
}

// ChannelOptions say how to subscribe to a channel.
type ChannelOptions struct {
	// History is how many of the newest messages come first, at most 10,000; none
	// unless given. Since and SinceTime, unless 0, leave out those up to an offset or
	// from before a time.
	History   int
	Since     int64
	SinceTime time.Time
	// From, unless empty, is the last message that is known: what was published
	// after it comes first. OnGap is called where the server no longer has that.
	From Position
	// OnGap is called by the handler's goroutine where messages may be missing: after
	// a reconnect or a backlog that was full, when the channel keeps no history, has
	// dropped some of it, or has begun a new one. from is the last message that was
	// handled, to where it goes on; in between come up to History messages of what is
	// kept. What was shown of the channel is stale then.
	OnGap func(from, to Position)
}

// Subscribe follows a channel. The handler gets each message once, in the order of
// the channel, over reconnects too; where the channel's slow_consumer is conflate and the
// connection is slow, the newest only: offsets jump then. ErrRefused is for a channel that
// is not open to this client.
func (c *Client) Subscribe(ctx context.Context, channel string, handle func(Message), o ChannelOptions) (*Subscription, error) {
	return c.subscribe(ctx, "channel", channel, &follower{channel: channel, handle: handle, options: o, last: o.From, begun: o.From != Position{}})
}

// follower is the topic of a channel.
type follower struct {
	channel string
	handle  func(Message)
	options ChannelOptions
	last    Position
	begun   bool // last is the newest message that was handled
}

var _ topic = (*follower)(nil)

func (f *follower) ask() (command string, payload map[string]any) {
	payload = map[string]any{"channel": f.channel, "historyLimit": f.options.History}
	switch {
	case f.last.Epoch != "":
		payload["recover"] = map[string]any{"epoch": f.last.Epoch, "offset": f.last.Offset}
	case f.begun:
	case f.options.Since > 0:
		payload["since"] = f.options.Since
	}
	if !f.begun && !f.options.SinceTime.IsZero() {
		payload["sinceTime"] = f.options.SinceTime.UnixMilli()
	}
	return "mesh/subscribe-channel", payload
}

// channelReply is the reply to subscribe-channel.
type channelReply struct {
	Success, Recovered, More bool
	History                  []string // newest first
	Position
	Missed []struct {
		Offset  int64
		Message string
	}
}

func (f *follower) begin(text json.RawMessage) (deliver func(), more bool, err error) {
	var r channelReply
	switch err := json.Unmarshal(text, &r); {
	case err != nil:
		return nil, false, fmt.Errorf("client: subscribe-channel: %w", err)
	case !r.Success:
		return nil, false, fmt.Errorf("%w: channel %q", ErrRefused, f.channel)
	case r.Recovered && r.Epoch != f.last.Epoch, r.More && !r.Recovered, r.More && r.Offset <= f.last.Offset:
		return nil, false, errors.New("client: subscribe-channel: the recovery makes no sense")
	}
	if r.Recovered {
		return func() { f.recovered(r) }, r.More, nil
	}
	return func() { f.anew(r) }, false, nil
}

// recovered takes what was missed.
func (f *follower) recovered(r channelReply) {
	for _, m := range r.Missed {
		if m.Offset > f.last.Offset {
			f.last.Offset = m.Offset
			f.handle(Message{f.channel, m.Message, r.Epoch, m.Offset, true})
		}
	}
	f.last = r.Position
}

// anew begins with the history: the first time, or since nothing proves that none is
// missing.
func (f *follower) anew(r channelReply) {
	seen := int64(0)
	if f.begun && r.Epoch == f.last.Epoch && r.Offset >= f.last.Offset {
		seen = f.last.Offset
	}
	if f.begun && f.options.OnGap != nil {
		f.options.OnGap(f.last, r.Position)
	}
	f.begun = true
	for i := len(r.History) - 1; i >= 0; i-- {
		m := Message{Channel: f.channel, Text: r.History[i], Past: true}
		if r.Epoch != "" {
			m.Epoch, m.Offset = r.Epoch, r.Offset-int64(i)
			if m.Offset <= seen {
				continue
			}
		}
		f.handle(m)
	}
	f.last = r.Position
}

func (f *follower) push(p *push) bool {
	switch {
	case p.Offset == 0 || f.last.Epoch == "": // there is no stream, or was none
	case p.Epoch != f.last.Epoch:
		return false
	case p.Offset <= f.last.Offset:
		return true
	}
	if p.Offset > 0 {
		f.last = Position{p.Epoch, p.Offset}
	}
	f.handle(Message{f.channel, p.Message, p.Epoch, p.Offset, false})
	return true
}
