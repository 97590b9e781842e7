package command

import (
	"context"
	"strconv"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// refusedChannel answers a subscription or a history that the client may not
// have.
var refusedChannel = []byte(`{"success":false,"history":[]}`)

func (b *realtime) subscribeChannel(ctx context.Context, c *Call) error {
	in := c.fields()
	q := engine.Subscription{Channel: in.name("channel"), Limit: in.number("historyLimit")}
	q.Since, q.SinceTime = in.since()
	if last := in.nested("recover"); last != nil {
		q.Recover = &engine.Recovery{Epoch: last.text("epoch"), Offset: last.number("offset")}
		in.join(last)
	}
	if err := in.err(); err != nil {
		return err
	}
	x := c.table.exposed.Channel(q.Channel)
	return b.subscribe(c, beginning{
		refusal: refusedChannel,
		may: func() bool {
			return x != nil && c.allows(ctx, x.Guard, q.Channel, abi.Access{Topic: abi.TopicChannel, Action: abi.ActionSubscribe})
		},
		begin: func() ([]byte, func(), error) {
			begun, err := b.engine.Subscribe(ctx, c.Session, x, q)
			if err != nil {
				return nil, nil, err
			}
			return c.appendSubscribed(nil, q, begun), begun.Release, nil
		},
		undo: func() { b.engine.Unsubscribe(ctx, c.Session, q.Channel) },
	})
}

func (c *Call) appendSubscribed(b []byte, q engine.Subscription, s engine.Subscribed) []byte {
	b = append(b, `{"success":true,"history":`...)
	if s.Recovered {
		b = append(b, "[]"...)
	} else {
		b = c.appendTexts(b, s.History)
	}
	if s.Epoch != "" {
		b = protocol.AppendString(append(b, `,"epoch":`...), s.Epoch)
		b = strconv.AppendInt(append(b, `,"offset":`...), s.Offset, 10)
	}
	if q.Recover != nil {
		b = strconv.AppendBool(append(b, `,"recovered":`...), s.Recovered)
	}
	if s.Recovered {
		b = appendMissed(append(b, `,"missed":`...), s.History)
	}
	if s.More {
		b = append(b, `,"more":true`...)
	}
	return append(b, '}')
}

// appendTexts adds messages as a list of strings: oldest first for the rt
// dialect, newest first for the others.
func (c *Call) appendTexts(b []byte, messages []backplane.Message) []byte {
	b = append(b, '[')
	for i := range messages {
		if i > 0 {
			b = append(b, ',')
		}
		m := messages[len(messages)-1-i]
		if c.Session.Dialect() == protocol.DialectRT {
			m = messages[i]
		}
		b = append(b, m.Data...)
	}
	return append(b, ']')
}

func appendMissed(b []byte, messages []backplane.Message) []byte {
	b = append(b, '[')
	for i, m := range messages {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(b, `{"offset":`...), m.Offset, 10)
		b = append(append(b, `,"message":`...), m.Data...)
		b = append(b, '}')
	}
	return append(b, ']')
}

// firstTime is the least number that a since means as a time, in milliseconds
// since 1970: old clients send times there.
const firstTime = 100_000_000_000

// since reads what messages must be newer than: an offset, a time, or both.
func (f *fields) since() (offset, time int64) {
	offset, time = f.number("since"), f.number("sinceTime")
	if offset >= firstTime {
		return 0, max(offset, time)
	}
	return offset, time
}

func (b *realtime) publishChannel(ctx context.Context, c *Call) error {
	in := c.fields()
	channel, message := in.name("channel"), in.value("message")
	in.number("history") // what is kept is the exposure's to say
	if err := in.err(); err != nil {
		return err
	}
	x := c.table.exposed.Channel(channel)
	if x != nil && x.Publish {
		if err := c.ask(ctx, x.PublishGuard, channel, abi.Access{Topic: abi.TopicChannel, Action: abi.ActionPublish}); err != nil {
			return err
		}
	}
	p, err := b.engine.PublishAs(ctx, x, channel, message)
	if err != nil {
		return err
	}
	reply := append(make([]byte, 0, 64), `{"success":true`...)
	if p.Offset > 0 {
		reply = strconv.AppendInt(append(reply, `,"offset":`...), p.Offset, 10)
	}
	c.ReplyWith(append(reply, '}'))
	return nil
}

func (b *realtime) getChannelHistory(ctx context.Context, c *Call) error {
	in := c.fields()
	channel, limit := in.name("channel"), in.number("limit")
	since, sinceTime := in.since()
	if err := in.err(); err != nil {
		return err
	}
	x := c.table.exposed.Channel(channel)
	if x == nil || !c.allows(ctx, x.Guard, channel, abi.Access{Topic: abi.TopicChannel, Action: abi.ActionHistory}) {
		c.Reply(refusedChannel)
		return nil
	}
	page, err := b.engine.History(ctx, channel, limit, since, sinceTime)
	if err != nil {
		return err
	}
	reply := c.appendTexts([]byte(`{"success":true,"history":`), page.Messages)
	if page.Epoch != "" {
		reply = protocol.AppendString(append(reply, `,"epoch":`...), page.Epoch)
		reply = strconv.AppendInt(append(reply, `,"offset":`...), page.Offset, 10)
	}
	c.ReplyWith(append(reply, '}'))
	return nil
}
