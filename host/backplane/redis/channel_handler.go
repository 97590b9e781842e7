package redis

import (
	"bytes"
	"context"
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// channelHandler delivers what is published on a channel, and knows up to where
// it has.
type channelHandler struct {
	node *Node
	name string
	// seen is the newest position that was delivered, or was there when the
	// node subscribed; without an epoch where there was no stream.
	seen backplane.Position
	// warned is when the log was last told of what is no message, dropped how
	// many there have been since.
	warned  time.Time
	dropped int
}

func newChannelHandler(n *Node, channel string) handler {
	return &channelHandler{node: n, name: channel}
}

// begin implements handler. Whatever is published from then on is delivered;
// what came before is in the pages that are read after the subscription.
func (h *channelHandler) begin(ctx context.Context) (answered, error) {
	page, err := h.read(ctx, backplane.Query{Limit: -1})
	return func(context.Context) error {
		h.seen = page.Position
		return nil
	}, err
}

func (h *channelHandler) read(ctx context.Context, q backplane.Query) (backplane.Page, error) {
	return channels{h.node}.Read(ctx, h.name, q)
}

// What a frame of a message holds: data and time, and of one that is kept its
// offset and epoch.
const (
	plainFields = 2
	keptFields  = 4
)

// deliver implements handler.
func (h *channelHandler) deliver(text string) {
	if text == "" || text[0] != frameMark {
		h.deliverForeign(text)
		return
	}
	parts, ok := fields(text, plainFields)
	if !ok || len(parts) > plainFields && len(parts) < keptFields {
		h.drop("not a frame of a message")
		return
	}
	m := backplane.Message{Data: parts[0].bytes(), Time: parts[1].number()}
	if len(parts) >= keptFields {
		m.Position = backplane.Position{Offset: parts[2].number(), Epoch: parts[3].text}
	}
	h.tell(m)
}

// tell delivers a message, unless it was delivered before.
func (h *channelHandler) tell(m backplane.Message) {
	if m.Epoch != "" && m.Epoch == h.seen.Epoch {
		if m.Offset <= h.seen.Offset {
			return
		}
		if m.Offset > h.seen.Offset+1 {
			h.lost() // Redis publishes without gaps: something has come between
		}
	}
	if m.Epoch != "" {
		h.seen = m.Position
	}
	if to := h.node.to(); to != nil {
		to.Message(h.name, m)
	}
}

func (h *channelHandler) lost() {
	if to := h.node.to(); to != nil {
		to.Lost(backplane.Topic{Kind: backplane.Channel, Name: h.name})
	}
}

// maxForeign is how large a message from outside may be, in bytes.
const maxForeign = 4 << 20

// deliverForeign delivers what another program has published with a plain
// PUBLISH: text, which becomes a message that is not kept. Its time is this
// node's, for Redis has put none on it.
func (h *channelHandler) deliverForeign(text string) {
	switch {
	case len(text) > maxForeign:
		h.drop("larger than 4 MiB")
		return
	case !utf8.ValidString(text):
		h.drop("not UTF-8")
		return
	}
	h.tell(backplane.Message{Data: asString(text), Time: time.Now().UnixMilli()})
}

// asString writes text as a JSON string, the form that messages have.
func asString(text string) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(text) // which fails of no text
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// warnEvery is how often the log is told of what is dropped on a channel.
const warnEvery = time.Minute

// drop passes over something that is published on the channel and is no message.
func (h *channelHandler) drop(why string) {
	h.dropped++
	if !h.warned.IsZero() && time.Since(h.warned) < warnEvery {
		return
	}
	h.node.log.Warn("dropped what another program has published", "channel", h.name, "reason", why, "count", h.dropped)
	h.warned, h.dropped = time.Now(), 0
}

// resumeBytes is how much of what was missed is read at once, in bytes, and firstBytes
// how much where many channels resume together.
const (
	resumeBytes = 4 << 20
	firstBytes  = resumeBytes / askedAtOnce
)

// resume implements handler.
func (h *channelHandler) resume(ctx context.Context, _ time.Duration) (answered, error) {
	page, err := h.missed(ctx, firstBytes)
	return func(ctx context.Context) error { return h.catchUp(ctx, page) }, err
}

// missed reads what follows what was seen; nothing where another program has the key.
func (h *channelHandler) missed(ctx context.Context, most int) (backplane.Page, error) {
	page, err := h.read(ctx, backplane.Query{After: h.seen.Offset, Bytes: most})
	if isForeign(err) {
		err = nil
	}
	return page, err
}

// catchUp delivers what was missed, of which a part was read. Only an epoch that has
// stayed, with nothing of what was missed gone, proves that what is read is all of
// it. A channel that had no stream proves nothing, however short the time: messages
// that are not kept are lost without a trace, also those before a stream that has
// begun meanwhile.
func (h *channelHandler) catchUp(ctx context.Context, page backplane.Page) (err error) {
	for top := page.Offset; ; { // what comes later is published to this node
		if h.seen.Epoch == "" || page.Epoch != h.seen.Epoch ||
			page.Offset < h.seen.Offset || page.Oldest > h.seen.Offset+1 {
			h.seen = page.Position
			h.lost()
			return nil
		}
		for _, m := range page.Messages {
			h.tell(m)
		}
		if h.seen.Offset >= top || len(page.Messages) == 0 {
			return nil
		}
		if page, err = h.missed(ctx, resumeBytes); err != nil {
			return err
		}
	}
}
