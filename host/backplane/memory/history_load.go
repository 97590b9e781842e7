package memory

import (
	"fmt"
	"time"
)

// streamLoader puts the streams of a journal in place, one after the other: a
// stream is in the store once all of it is known, above all when it was last
// used.
type streamLoader struct {
	*channels
	streams []*loadedStream
	byID    map[uint64]*loadedStream
	current *loadedStream // whose messages are coming
	began   int64         // by the clock
	date    int64         // then, in milliseconds since 1970
}

// loadedStream is a stream that is being loaded.
type loadedStream struct {
	*stream
	// leastTop and leastTime are those of the stream's entry, to which messages
	// may have been added since.
	leastTop, leastTime int64
	whole               bool
}

// load loads the streams of a journal. Where they are more than there is room
// for, the longest unused ones go, as ever.
func (c *channels) load(j Journal) error {
	l := streamLoader{channels: c, byID: make(map[uint64]*loadedStream), began: c.now(), date: milliseconds()}
	if err := j.Load(StreamTable, l.stream); err != nil {
		return fmt.Errorf("load streams: %w", err)
	}
	if err := j.Load(MessageTable, l.message); err != nil {
		return fmt.Errorf("load messages: %w", err)
	}
	for _, s := range l.streams {
		if err := l.complete(s); err != nil {
			return fmt.Errorf("load messages: %w", err)
		}
	}
	return nil
}

func (l *streamLoader) stream(key, entry []byte) error {
	decoded, err := decodeStream(key, entry)
	if err != nil {
		return err
	}
	if other := l.byID[decoded.id]; other != nil {
		return fmt.Errorf("channels %q and %q have one stream", other.channel, decoded.channel)
	}
	s := &loadedStream{stream: decoded, leastTop: decoded.top, leastTime: decoded.time}
	s.hash = l.hash(s.channel)
	s.top, s.time, s.first = 0, 0, 0
	s.published.Store(true)
	l.streams = append(l.streams, s)
	l.byID[s.id] = s
	return nil
}

// message adds a message to its stream. Those of a stream come one after the
// other, in the order of offsets and without gaps.
func (l *streamLoader) message(key, entry []byte) error {
	id, offset, m, err := decodeMessage(key, entry)
	if err != nil {
		return err
	}
	s := l.byID[id]
	if s == nil {
		return fmt.Errorf("entry %q of %s belongs to no stream", key, MessageTable)
	}
	if s != l.current {
		if err := l.complete(l.current); err != nil {
			return err
		}
		l.current = s
	}
	switch {
	case s.first == 0:
		s.first = offset
	case offset != s.top+1:
		return fmt.Errorf("channel %q has no message %d, but one after it", s.channel, s.top+1)
	case m.time < s.time:
		return fmt.Errorf("message %d of channel %q is older than the one before it", offset, s.channel)
	}
	m.at = l.at(m.time)
	s.top, s.time = offset, m.time
	l.push(s.stream, m)
	return nil
}

// at is when something was, by the clock. What comes from the future is of now.
func (l *streamLoader) at(date int64) int64 {
	return l.began - max(0, l.date-date)*int64(time.Millisecond)
}

// push puts a stream's next message in its ring, unless it is too old.
func (l *streamLoader) push(s *stream, m slot) {
	slots := s.ring.grown(s.count)
	l.take(s, int64(slots-len(s.ring.slots))*slotSize+int64(len(m.data)))
	s.ring.resize(slots)
	s.ring.push(m)
	l.trim(s, l.began, s.count)
}

// take accounts for bytes of a stream, whether or not there is room for them.
func (l *streamLoader) take(s *stream, bytes int64) {
	s.bytes += bytes
	l.held.Add(bytes)
}

// complete puts a stream in the store, all of whose messages have come, and makes
// room for it.
func (l *streamLoader) complete(s *loadedStream) error {
	if s == nil || s.whole {
		return nil
	}
	s.whole = true
	switch {
	case s.first == 0:
		s.top, s.first = s.leastTop, s.leastTop+1
	case s.top < s.leastTop:
		return fmt.Errorf("channel %q has no message %d", s.channel, s.top+1)
	}
	s.time = max(s.time, s.leastTime)
	s.touch(l.at(s.time))
	l.take(s.stream, streamSize+int64(len(s.channel)))
	// As many slots as there are messages: what had room before must have it now.
	l.take(s.stream, int64(s.ring.n-len(s.ring.slots))*slotSize)
	s.ring.resize(s.ring.n)
	l.enter(s.stream)
	l.clean(s.stream, &l.ranks[s.hash%shardCount])
	for l.held.Load() > l.limit && l.evict() {
		continue
	}
	return nil
}
