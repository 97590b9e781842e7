package memory

import (
	"encoding/binary"
	"math"
	"strings"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// The journal has a stream under its channel, with the length in front, and a
// message under the stream's id and its offset, 8 bytes each. So the messages of
// a stream come one after the other, and those of the next stream of the channel
// are others.
//
//	stream   format, id, in format 2 the epoch, and as unsigned varints: top,
//	         time of the newest message (ms since 1970), count, TTL (ns)
//	message  format, time (ms since 1970, 8 bytes), data
//
// The stream's entry is not written with every message: its top and time are
// those of its last message, if there is one. Format 1 is for streams whose epoch
// is the id, format 2 for those whose epoch was renewed.
const (
	streamFormat  = 1
	renewedFormat = 2
	messageFormat = 1
	// messageHeader is what an entry has in front of a message's data.
	messageHeader = 9
	// maxOffset is the highest offset that is read: there is always a next one.
	maxOffset = math.MaxInt64 / 2
)

// newMessage is a message that is to be published. Its data is the store's own;
// with a journal it is a part of the entry, so that there is one copy only.
type newMessage struct{ data, entry []byte }

func (c *channels) newMessage(data []byte) newMessage {
	if c.journal == nil {
		return newMessage{data: owned(data)}
	}
	entry := make([]byte, messageHeader+len(data))
	copy(entry[messageHeader:], data)
	return newMessage{data: entry[messageHeader:], entry: entry}
}

// keepMessage has the stream's newest message kept, which is delivered then, and
// what had to go for it removed; the stream is locked.
func (c *channels) keepMessage(s *stream, m newMessage, told backplane.Message, raised bool) {
	change := s.removed(make([]JournalEntry, 0, 3), s.top)
	if raised || !s.journaled || s.ring.n == 0 {
		change = append(change, s.entry())
	}
	if s.ring.n > 0 {
		m.entry[0] = messageFormat
		binary.BigEndian.PutUint64(m.entry[1:], uint64(told.Time))
		change = append(change, JournalEntry{MessageTable, messageKey(s.id, s.top), m.entry})
	}
	s.at = c.journal.Append(change, func() { c.deliverMessage(s.hash, s.channel, told) })
}

// keepStream has a stream's entry written anew, if there is one; it is locked.
func (c *channels) keepStream(s *stream) {
	if s.journaled {
		s.at = c.journal.Append([]JournalEntry{s.entry()}, nil)
	}
}

// keepTrimmed has messages removed that are too old; the stream is locked.
func (c *channels) keepTrimmed(s *stream) {
	if !s.journaled || s.first >= s.oldest() {
		return
	}
	change := s.removed(nil, s.top+1)
	if s.ring.n == 0 {
		change = append(change, s.entry())
	}
	c.journal.Append(change, nil)
}

// keepGone has a stream removed; it is locked.
func (c *channels) keepGone(s *stream) {
	if !s.journaled {
		return
	}
	// What its subscribers have yet to be told comes before whatever is told of
	// the channel from now on.
	late := &c.order[s.hash%shardCount].late
	late.Add(1)
	change := append(s.removed(nil, s.top+1), JournalEntry{Table: StreamTable, Key: appendText(nil, s.channel)})
	c.journal.Append(change, func() { late.Add(-1) })
}

// deliverLate has a message of no stream delivered after what the journal has
// yet to deliver; the order is locked.
func (c *channels) deliverLate(o *order, hash uint64, channel string, m backplane.Message) (place int64) {
	channel, m.Data = strings.Clone(channel), owned(m.Data)
	o.late.Add(1)
	return c.journal.Append(nil, func() {
		c.deliverMessage(hash, channel, m)
		o.late.Add(-1)
	})
}

// removed adds the removal of the messages that are in the journal but no longer
// in the ring, up to an offset; the stream is locked.
func (s *stream) removed(change []JournalEntry, before int64) []JournalEntry {
	oldest := s.oldest()
	for offset := s.first; offset < min(oldest, before); offset++ {
		change = append(change, JournalEntry{Table: MessageTable, Key: messageKey(s.id, offset)})
	}
	s.first = oldest
	return change
}

// entry is the stream's entry as it is now; it is locked.
func (s *stream) entry() JournalEntry {
	s.journaled = true
	b := make([]byte, 0, 32)
	b = binary.BigEndian.AppendUint64(append(b, streamFormat), s.id)
	if s.life != s.id {
		b[0] = renewedFormat
		b = binary.BigEndian.AppendUint64(b, s.life)
	}
	for _, number := range []int64{s.top, s.time, int64(s.count), s.ttl} {
		b = binary.AppendUvarint(b, uint64(number))
	}
	return JournalEntry{StreamTable, appendText(nil, s.channel), b}
}

func messageKey(id uint64, offset int64) []byte {
	key := binary.BigEndian.AppendUint64(make([]byte, 0, 16), id)
	return binary.BigEndian.AppendUint64(key, uint64(offset))
}

// decodeStream reads a stream's entry.
func decodeStream(key, entry []byte) (*stream, error) {
	k := reader{rest: key}
	channel := string(k.text())
	k.end()
	e := reader{rest: entry}
	format := e.format(renewedFormat)
	s := newStream(0, channel, e.fixed())
	if format == renewedFormat {
		s.begin(e.fixed())
		e.bad = e.bad || s.life == s.id
	}
	s.top, s.time = e.integer(), e.integer()
	count := e.integer()
	s.count, s.ttl = int(count), e.integer()
	e.end()
	if k.bad || count <= 0 || int64(s.count) != count || s.ttl <= 0 || s.top == 0 || s.top > maxOffset {
		e.bad = true
	}
	s.journaled = true
	return s, e.check(StreamTable, key)
}

// decodeMessage reads a message's entry. The data is a part of it.
func decodeMessage(key, entry []byte) (id uint64, offset int64, m slot, err error) {
	k := reader{rest: key}
	id, offset = k.fixed(), int64(k.fixed())
	k.end()
	e := reader{rest: entry}
	e.format(messageFormat)
	m.time = int64(e.fixed())
	m.data = e.rest
	if k.bad || offset <= 0 || offset > maxOffset || m.time < 0 {
		e.bad = true
	}
	return id, offset, m, e.check(MessageTable, key)
}
