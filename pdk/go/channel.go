package mesh

import "iter"

// Channels carry messages to their subscribers, on all nodes, and keep the
// newest ones where a pattern of Plugin.Channel or of the operator's says so.
// Names are 1 to 256 bytes without control characters. No guard is asked.
var Channels ChannelOperations

// ChannelOperations is the type of Channels.
type ChannelOperations struct{}

// Position is a place in the history of a channel.
type Position struct {
	// Epoch names the life of the history: offsets of another one mean nothing.
	// It is "" where nothing is kept.
	Epoch string
	// Offset is a message's number, from 1; 0 where there is none.
	Offset int64
}

// Publish delivers a message, any JSON value, to the subscribers of a channel
// and returns its position. What is not a string they get as its JSON text.
func (ChannelOperations) Publish(channel string, message JSON) (Position, error) {
	return Channels.PublishKeeping(channel, message, 0)
}

// PublishKeeping is Publish, and keeps at least the newest so many messages of
// the channel, up to 100000, even if its pattern keeps fewer or none.
func (ChannelOperations) PublishKeeping(channel string, message JSON, history int) (Position, error) {
	offset, epoch, err := callChannelsPublish(channel, message, int64(history))
	return Position{epoch, offset}, err
}

// HistoryQuery says which messages of a channel are read; the zero value: the
// newest 50.
type HistoryQuery struct {
	// Limit is the most messages, up to 10000; 0: 50. Those are the newest.
	Limit int
	// Since leaves out the messages up to this offset.
	Since int64
	// SinceTime leaves out those published before this time, in milliseconds
	// since 1970.
	SinceTime int64
}

// HistoryPage is a part of a channel's history.
type HistoryPage struct {
	// Position is that of the channel's newest message, kept or not.
	Position
	// List is [{"offset", "message", "time"}], newest first; Messages reads it.
	List JSON
}

// Message is a message of a channel's history.
type Message struct {
	Offset int64
	// Text is the message as subscribers got it: of one that was published as
	// another value than a string, the JSON text.
	Text string
	// Time is when it was published, in milliseconds since 1970.
	Time int64
}

// History reads what is kept of a channel.
func (ChannelOperations) History(channel string, q HistoryQuery) (HistoryPage, error) {
	list, offset, epoch, err := callChannelsHistory(channel, int64(q.Limit), q.Since, q.SinceTime)
	return HistoryPage{Position{epoch, offset}, list}, err
}

// Messages ranges over the messages, the newest first.
func (h HistoryPage) Messages() iter.Seq[Message] {
	return func(yield func(Message) bool) {
		for item := range h.List.Items() {
			var m Message
			m.Offset, _ = item.Get("offset").AsInt()
			m.Text, _ = item.Get("message").AsText()
			m.Time, _ = item.Get("time").AsInt()
			if !yield(m) {
				return
			}
		}
	}
}

// Unsubscribe ends a connection's subscription to a channel and tells whether
// there was one. The client gets the reason, at most 123 bytes.
func (ChannelOperations) Unsubscribe(channel, connectionID, reason string) (bool, error) {
	return callChannelsUnsubscribe(channel, connectionID, reason)
}
