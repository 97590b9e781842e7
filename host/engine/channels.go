package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// The bounds of reading a channel's history, in messages.
const (
	DefaultHistoryLimit = 50
	MaxHistoryLimit     = 10_000
)

// Publish publishes a message to the subscribers of a channel: any JSON value;
// what is no string is delivered as its JSON text. history is the least number
// of messages to keep, beyond what the channel's exposure says; it is clamped
// to exposure.MaxHistory. The zero Position says that the message was not
// kept. It fails with EPAYLOAD or ETOOLARGE.
func (e *Engine) Publish(ctx context.Context, channel string, message json.RawMessage, history int64) (backplane.Position, error) {
	keep := keepOf(e.rules.Channel(channel))
	keep.Count = int(max(int64(keep.Count), min(history, exposure.MaxHistory)))
	return e.publish(ctx, channel, message, keep)
}

func (e *Engine) publish(ctx context.Context, channel string, message json.RawMessage, keep backplane.Keep) (backplane.Position, error) {
	if err := checkName("channel", channel); err != nil {
		return backplane.Position{}, err
	}
	if err := checkJSON("message", message); err != nil {
		return backplane.Position{}, err
	}
	if len(message) > e.limits.ReplySize {
		return backplane.Position{}, tooLarge("message", len(message), e.limits.ReplySize, "limits.reply_size")
	}
	position, err := e.node.Channels().Publish(ctx, channel, asString(message), keep)
	e.hub.Relieve()
	if err != nil {
		return position, storeError(abi.OpChannelsPublish, err)
	}
	return position, nil
}

func keepOf(x *exposure.Channel) backplane.Keep {
	if x == nil {
		return backplane.Keep{}
	}
	return backplane.Keep{Count: x.History, TTL: x.HistoryTTL}
}

// asString returns a message as the JSON string that it is delivered as: itself
// or its text. Channels keep messages in this form, so that no one escapes
// them again.
func asString(message []byte) []byte {
	message = protocol.TrimSpace(message)
	if message[0] == '"' {
		return message
	}
	return protocol.AppendString(make([]byte, 0, len(message)+16), string(message))
}

// Message delivers a message to this node's subscribers.
func (r receiver) Message(channel string, m backplane.Message) {
	t := hub.Topic{Kind: hub.ChannelTopic, Name: channel}
	payload := make([]byte, 0, len(channel)+len(m.Data)+96)
	payload = protocol.AppendString(append(payload, `{"channel":`...), channel)
	payload = append(append(payload, `,"message":`...), m.Data...)
	if m.Offset > 0 {
		payload = strconv.AppendInt(append(payload, `,"offset":`...), m.Offset, 10)
		payload = protocol.AppendString(append(payload, `,"epoch":`...), m.Epoch)
	}
	payload = append(payload, '}')
	r.engine.hub.Publish(t, hub.Delivery{
		Push:     protocol.NewBuiltinPush("subscription-message", payload),
		Position: hub.Position{Epoch: m.Epoch, Offset: m.Offset},
	})
}

// Recovery is the last position that a client has seen.
type Recovery = backplane.Position

// Subscription asks for a channel.
type Subscription struct {
	Channel string
	// Limit is how many messages of the past are wanted, Since and SinceTime
	// (milliseconds since 1970) after what.
	Limit, Since, SinceTime int64
	// Recover, unless nil, asks for everything since then instead.
	Recover *Recovery
}

// Subscribed is what a subscription begins with.
type Subscribed struct {
	// Position is that of the stream's top; zero where nothing is kept.
	backplane.Position
	// History is oldest first: what was missed where Recovered, else the past
	// that was asked for.
	History   []backplane.Message
	Recovered bool
	// More says that there is more to recover than one reply may carry: the
	// subscription has not begun, and the client asks again from the last
	// message here.
	More bool
	// Release lets pushes flow; nil with More. It must be called once the
	// reply is in the session's outbox.
	Release func()
}

// Subscribe begins a session's subscription to a channel that is exposed to
// it, or begins it anew. No message is lost or doubled between what it returns
// and the pushes after Release. It fails with ELIMIT.
func (e *Engine) Subscribe(ctx context.Context, s *hub.Session, x *exposure.Channel, q Subscription) (Subscribed, error) {
	t := hub.Topic{Kind: hub.ChannelTopic, Name: q.Channel}
	hold, err := e.hold(ctx, s, t, hub.Terms{Policy: x.SlowConsumer})
	if err != nil {
		return Subscribed{}, err
	}
	begun, err := e.readBack(ctx, s, x, q)
	if err != nil || begun.More {
		e.unsubscribe(ctx, s, t)
		return begun, err
	}
	begun.Release = release(s, hold, hub.Position(begun.Position))
	return begun, nil
}

func (e *Engine) readBack(ctx context.Context, s *hub.Session, x *exposure.Channel, q Subscription) (Subscribed, error) {
	if q.Recover != nil && q.Recover.Epoch != "" {
		begun, ok, err := e.recover(ctx, s, x, q)
		if err != nil || ok {
			return begun, err
		}
	}
	page, err := e.history(ctx, q.Channel, keepOf(x), q.Limit, q.Since, q.SinceTime)
	return Subscribed{Position: page.Position, History: page.Messages}, err
}

// recover reads what a client has missed; ok says that this is provably all of
// it, or the first part of all.
func (e *Engine) recover(ctx context.Context, s *hub.Session, x *exposure.Channel, q Subscription) (begun Subscribed, ok bool, err error) {
	last := *q.Recover
	page, err := e.node.Channels().Read(ctx, q.Channel, backplane.Query{
		Keep: keepOf(x), After: last.Offset, Bytes: e.limits.ReplySize,
	})
	if err != nil {
		return begun, false, storeError("recover", err)
	}
	if page.Epoch != last.Epoch || last.Offset < 0 || last.Offset > page.Offset || last.Offset+1 < page.Oldest {
		return begun, false, nil
	}
	begun = Subscribed{Position: page.Position, History: page.Messages[:e.fitting(page.Messages, false)], Recovered: true}
	if end := last.Offset + int64(len(begun.History)); end < page.Offset {
		begun.Offset, begun.More = end, true
	}
	paged := s.Subprotocol() == protocol.SubprotocolV1 && len(begun.History) > 0
	return begun, !begun.More || paged, nil
}

// fitting returns how many of the oldest messages, or the newest, a reply may
// carry.
func (e *Engine) fitting(messages []backplane.Message, newest bool) int {
	room := e.limits.ReplySize - replyOverhead
	for i := range messages {
		next := i
		if newest {
			next = len(messages) - 1 - i
		}
		if room -= len(messages[next].Data) + messageOverhead; room < 0 {
			return i
		}
	}
	return len(messages)
}

// What a reply has beside its messages, and each of them beside its text, at
// most, in bytes.
const (
	replyOverhead   = 512
	messageOverhead = len(`{"offset":,"message":},`) + 20
)

// history reads the newest messages, as many as limit and a reply allow.
func (e *Engine) history(ctx context.Context, channel string, keep backplane.Keep, limit, since, sinceTime int64) (backplane.Page, error) {
	limit = min(limit, MaxHistoryLimit)
	if limit <= 0 {
		limit = -1 // the position only
	}
	page, err := e.node.Channels().Read(ctx, channel, backplane.Query{
		Keep: keep, After: max(since, 0), Since: max(sinceTime, 0),
		Limit: int(limit), Bytes: e.limits.ReplySize, Newest: true,
	})
	if err != nil {
		return page, storeError(abi.OpChannelsHistory, err)
	}
	page.Messages = page.Messages[len(page.Messages)-e.fitting(page.Messages, true):]
	return page, nil
}

// History reads the newest messages of a channel, oldest first; see
// Subscription for the parameters. A limit of 0 is DefaultHistoryLimit; it is
// clamped to 0 to MaxHistoryLimit, and to what a reply may carry.
func (e *Engine) History(ctx context.Context, channel string, limit, since, sinceTime int64) (backplane.Page, error) {
	if err := checkName("channel", channel); err != nil {
		return backplane.Page{}, err
	}
	if limit == 0 {
		limit = DefaultHistoryLimit
	}
	return e.history(ctx, channel, backplane.Keep{}, limit, since, sinceTime)
}

// Unsubscribe ends a session's subscription to a channel and reports whether
// there was one.
func (e *Engine) Unsubscribe(ctx context.Context, s *hub.Session, channel string) bool {
	return e.unsubscribe(ctx, s, hub.Topic{Kind: hub.ChannelTopic, Name: channel})
}

// EndChannel ends a connection's subscription to a channel, wherever it is
// connected, and reports whether there was one.
func (e *Engine) EndChannel(ctx context.Context, channel, connection, reason string) (bool, error) {
	t := backplane.Topic{Kind: backplane.Channel, Name: channel}
	return e.endSubscription(ctx, t, "channel", channel, connection, reason)
}

// notExposed answers a publish on a channel that clients may not publish on.
func notExposed(channel string) error {
	return protocol.NewError(abi.CodeDenied, fmt.Sprintf("Channel %q is not open for publishing by clients", channel))
}

// PublishAs is Publish for a client that may, on a channel that is exposed for
// it; nil answers EDENIED. A client never chooses to keep less than the
// exposure says, nor more.
func (e *Engine) PublishAs(ctx context.Context, x *exposure.Channel, channel string, message json.RawMessage) (backplane.Position, error) {
	if x == nil || !x.Publish {
		return backplane.Position{}, notExposed(channel)
	}
	return e.publish(ctx, channel, message, keepOf(x))
}
