package meshtest

import (
	"encoding/json"
	"time"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
	"github.com/mesh-host/mesh-host/pdk/go/internal/codec"
)

// channel is who subscribes to a channel, all that was ever published on it,
// and the part of that which is kept. A history that has begun goes on.
type channel struct {
	subscribers map[string]bool
	published   []string
	kept        []mesh.Message
	keep        int
	top         int64
}

// epoch is that of every history: none is ever lost.
const epoch = "test"

// maxHistory is the most messages that may be kept of a channel.
const maxHistory = 100_000

func (h *Host) channel(name string) *channel {
	c := h.channels[name]
	if c == nil {
		c = &channel{subscribers: map[string]bool{}}
		h.channels[name] = c
	}
	return c
}

// Messages returns what was published on a channel, kept or not, in its order,
// as subscribers get it.
func (h *Host) Messages(channel string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.channel(channel).published...)
}

// add takes a message in and returns its offset, 0 where it is not kept.
func (c *channel) add(text string, keep int) int64 {
	c.published = append(c.published, text)
	if c.keep = max(c.keep, keep); c.keep == 0 {
		return 0
	}
	c.top++
	c.kept = append(c.kept, mesh.Message{Offset: c.top, Text: text, Time: time.Now().UnixMilli()})
	if over := len(c.kept) - c.keep; over > 0 {
		c.kept = c.kept[over:]
	}
	return c.top
}

// deliver publishes a message and keeps at least so many.
func (h *Host) deliver(name string, message mesh.JSON, keep int) (offset int64) {
	text, ok := message.AsText()
	if !ok {
		text = message.String()
	}
	if exposure, ok := match(h.registration.Channels, name); ok {
		keep = max(keep, exposure.History)
	}
	c := h.channel(name)
	offset = c.add(text, keep)
	payload := mesh.Object().Text("channel", name).Text("message", text)
	if offset != 0 {
		payload.Int("offset", offset).Text("epoch", epoch)
	}
	frame := payload.JSON()
	for id := range c.subscribers {
		h.push(id, "mesh/subscription-message", frame)
	}
	return offset
}

func (h *Host) publish(f *codec.Fields) ([]byte, *mesh.Error) {
	name, e := readName(f, "channel")
	if e != nil {
		return nil, e
	}
	message := mesh.JSON(f.Bytes())
	keep, _ := f.Int()
	if !json.Valid(message) {
		return nil, mesh.BadPayload("message", "must be JSON")
	}
	if keep < 0 || keep > maxHistory {
		return nil, mesh.BadPayload("history", "must be 0 to 100000")
	}
	offset := h.deliver(name, message, int(keep))
	if offset == 0 {
		return nil, nil
	}
	return codec.AppendString(codec.AppendInt(nil, offset), epoch), nil
}

func (h *Host) history(f *codec.Fields) ([]byte, *mesh.Error) {
	name, e := readName(f, "channel")
	if e != nil {
		return nil, e
	}
	limit := readLimit(f, 50, 10_000)
	since, _ := f.Int()
	sinceTime, _ := f.Int()
	c := h.channel(name)
	list := mesh.Array()
	for i := len(c.kept) - 1; i >= 0 && limit > 0; i-- {
		m := c.kept[i]
		if m.Offset <= since || m.Time < sinceTime {
			break
		}
		list.Raw(mesh.Object().Int("offset", m.Offset).Text("message", m.Text).Int("time", m.Time).JSON())
		limit--
	}
	b := codec.AppendInt(codec.AppendBytes(nil, list.JSON()), c.top)
	if c.keep > 0 {
		b = codec.AppendString(b, epoch)
	}
	return b, nil
}

func (h *Host) unsubscribeChannel(f *codec.Fields) ([]byte, *mesh.Error) {
	name, e := readName(f, "channel")
	if e != nil {
		return nil, e
	}
	return endSubscription(h, f, "channel", name, h.channel(name).subscribers)
}
