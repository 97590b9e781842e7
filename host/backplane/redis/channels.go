package redis

import (
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// channels implements backplane.Channels. How much all streams together may take
// up is Redis's own maxmemory.
type channels struct{ node *Node }

var _ backplane.Channels = channels{}

var (
	publishScript = newScript("publish")
	readScript    = newScript("read")
)

// largest is the largest whole number that Lua, whose numbers are doubles, tells
// from the next.
const largest = 1<<53 - 1

// Publish implements backplane.Channels. The data is copied, for a caller whose
// context ends is let go while its request may still be on its way.
func (c channels) Publish(ctx context.Context, channel string, data []byte, keep backplane.Keep) (backplane.Position, error) {
	answer, err := c.node.eval(ctx, c.node.spread(channel), publishScript,
		channel, string(data), max(keep.Count, 0), milliseconds(keep.TTL, backplane.DefaultKeepTTL), seed())
	if err != nil || !answer.there() {
		return backplane.Position{}, err
	}
	at := answer.list(2)
	return backplane.Position{Epoch: at[0].text(), Offset: at[1].number()}, nil
}

// Read implements backplane.Channels.
func (c channels) Read(ctx context.Context, channel string, q backplane.Query) (backplane.Page, error) {
	newest := 0
	if q.Newest {
		newest = 1
	}
	answer, err := c.node.eval(ctx, c.node.spread(channel), readScript,
		channel, max(q.Keep.Count, 0), milliseconds(q.Keep.TTL, backplane.DefaultKeepTTL), seed(),
		clamp(q.After), clamp(q.Since), clamp(int64(q.Limit)), clamp(int64(q.Bytes)), newest)
	if err != nil || !answer.there() {
		return backplane.Page{}, err
	}
	return pageOf(answer.list(pageHead), q.Newest), nil
}

// pageHead is how many fields a page has before its messages.
const pageHead = 4

func pageOf(fields []reply, newest bool) backplane.Page {
	p := backplane.Page{
		Position: backplane.Position{Epoch: fields[0].text(), Offset: fields[1].number()},
		Oldest:   fields[2].number(),
	}
	offset, step := fields[3].number(), int64(1)
	if newest {
		step = -1
	}
	fields = fields[pageHead:]
	if len(fields) < 2 {
		return p
	}
	p.Messages = make([]backplane.Message, 0, len(fields)/2)
	for ; len(fields) >= 2; fields = fields[2:] {
		p.Messages = append(p.Messages, backplane.Message{
			Position: backplane.Position{Epoch: p.Epoch, Offset: offset},
			Time:     fields[0].number(),
			Data:     fields[1].bytes(),
		})
		offset += step
	}
	if newest {
		slices.Reverse(p.Messages)
	}
	return p
}

// seed is random text that a new epoch is made from.
func seed() string { return strconv.FormatUint(rand.Uint64(), 36) }

// clamp brings a number to what Lua can count to.
func clamp(n int64) int64 { return min(max(n, -1), largest) }

// milliseconds rounds a time to live up; one that is not set is otherwise.
func milliseconds(ttl, otherwise time.Duration) int64 {
	if ttl <= 0 {
		ttl = otherwise
	}
	whole := ttl.Milliseconds()
	if ttl%time.Millisecond > 0 {
		whole++
	}
	return whole
}
