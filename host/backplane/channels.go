package backplane

import (
	"context"
	"time"
)

// Keep says how much of a channel's past is kept.
type Keep struct {
	// Count is how many messages, the newest ones; 0 keeps none.
	Count int
	// TTL is how long a message is kept, and the least that a stream without
	// messages is after its last use; 0 reads as DefaultKeepTTL.
	TTL time.Duration
}

// DefaultKeepTTL is the TTL of a Keep that sets none.
const DefaultKeepTTL = 24 * time.Hour

// Position is a place in a channel's stream.
type Position struct {
	// Epoch names the stream's life: it is another one whenever messages or
	// their numbering may have been lost. "" where there is no stream.
	Epoch string
	// Offset is the number of a message, from 1; 0 is before the first.
	Offset int64
}

// Message is a message on a channel.
type Message struct {
	// Position is zero for a message that is not kept.
	Position
	// Time is when it was published, in milliseconds since 1970.
	Time int64
	Data []byte
}

// Query selects messages of a stream.
type Query struct {
	// Keep, with a Count, makes the stream where it is missing, so that there
	// is a position to come back to, and counts as its use.
	Keep Keep
	// After leaves out messages up to and including this offset; Since those
	// older than this time, in milliseconds since 1970.
	After, Since int64
	// Limit is the most messages to return; Bytes the most bytes of their
	// data together, save that one message is returned however large it is. 0
	// of either is no limit; a negative Limit asks for no messages, only for
	// the position.
	Limit, Bytes int
	// Newest asks for the newest messages that fit, otherwise the oldest.
	Newest bool
}

// Page is a part of a stream, read at one moment.
type Page struct {
	// Position is the stream's top: that of its newest message, kept or not.
	// The zero Page says that there is no stream.
	Position
	// Oldest is the offset of the oldest message that is kept; that of the top
	// plus 1 where none is.
	Oldest int64
	// Messages are oldest first.
	Messages []Message
}

// Channels are streams of messages. A stream begins with the first message
// that is kept, or with a Query that makes it; from then on every message of
// the channel is part of it, until it is gone. It keeps the largest Count, for
// the longest TTL, that was asked for in its life, by messages or queries. A
// backplane that runs out of room drops whole streams, those on which nothing
// was ever published first, then the longest unused
// ones; their next one has another epoch. A message that is too large to be
// kept at all has an offset, and nothing up to it is kept any more. Messages
// of a stream have times that never go back.
type Channels interface {
	// Publish delivers a message to every subscribed node and, with a stream,
	// appends it and gives it the next offset, all as one change. The zero
	// Position says that it was not kept.
	Publish(ctx context.Context, channel string, data []byte, keep Keep) (Position, error)
	// Read reads a stream.
	Read(ctx context.Context, channel string, q Query) (Page, error)
}
