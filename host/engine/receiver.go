package engine

import (
	"bytes"
	"context"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// receiver is the engine as the backplane sees it. Nothing here blocks or asks
// the backplane anything.
type receiver struct{ engine *Engine }

var _ backplane.Receiver = receiver{}

// Metadata keeps a session's copy of its metadata fresh.
func (r receiver) Metadata(connection string, metadata []byte) {
	if s := r.engine.hub.Get(connection); s != nil {
		s.SetMetadata(bytes.Clone(metadata))
	}
}

// Instruct does something to this node's sessions among an audience.
func (r receiver) Instruct(to backplane.Audience, what backplane.Instruction) int {
	switch {
	case what.Push != nil:
		return r.push(to, protocol.NewPush(what.Push.Command, what.Push.Payload))
	case what.Close != nil:
		cause := hub.Cause{Code: what.Close.Code, Reason: what.Close.Reason}
		return r.each(to, func(s *hub.Session) bool {
			s.Close(cause)
			return true
		})
	case what.Unsubscribe != nil:
		return r.each(to, func(s *hub.Session) bool { return r.end(s, *what.Unsubscribe) })
	}
	return 0
}

// push hands one frame to all of an audience.
func (r receiver) push(to backplane.Audience, p *protocol.Push) int {
	if kind, ok := topicOf(to.Scope); ok && len(to.Names) == 1 {
		var except func(string) bool
		if len(to.Except) > 0 {
			left := newSet(to.Except)
			except = left.has
		}
		return r.engine.hub.Send(hub.Topic{Kind: kind, Name: to.Names[0]}, p, except)
	}
	return r.each(to, func(s *hub.Session) bool { return s.Send(p) })
}

func topicOf(s backplane.Scope) (hub.Kind, bool) {
	switch s {
	case backplane.InRoom:
		return hub.RoomTopic, true
	case backplane.OfUser:
		return hub.UserTopic, true
	}
	return 0, false
}

// each calls do once for every session of an audience and counts where it
// returned true.
func (r receiver) each(to backplane.Audience, do func(*hub.Session) bool) (reached int) {
	except, names := newSet(to.Except), newSet(to.Names)
	visit := func(s *hub.Session) {
		if !except.has(s.ID()) && do(s) {
			reached++
		}
	}
	kind, isTopic := topicOf(to.Scope)
	switch {
	case to.Scope == backplane.Listed:
		for i, id := range to.Names {
			if s := r.engine.hub.Get(id); s != nil && names.first(id, i) {
				visit(s)
			}
		}
	case to.Scope == backplane.Everyone:
		r.engine.hub.Each(visit)
	case isTopic:
		for _, s := range r.inTopics(kind, to.Names) {
			visit(s)
		}
	}
	return reached
}

// inTopics returns the subscribers of several topics, each once. They are
// collected first: what is done to one may change the topic.
func (r receiver) inTopics(kind hub.Kind, names []string) []*hub.Session {
	var all []*hub.Session
	seen := make(map[*hub.Session]bool)
	for _, name := range names {
		r.engine.hub.EachSubscriber(hub.Topic{Kind: kind, Name: name}, func(s *hub.Session) {
			if !seen[s] {
				seen[s] = true
				all = append(all, s)
			}
		})
	}
	return all
}

// end ends a session's subscription and tells its client.
func (r receiver) end(s *hub.Session, u backplane.Unsubscribe) bool {
	t, ok := localTopic(u.Topic)
	if !ok {
		return false
	}
	if c := r.engine.clients.get(s.ID()); c != nil {
		c.ends.Add(1)
	}
	payload := protocol.AppendString([]byte(`{"kind":`), t.Kind.String())
	payload = protocol.AppendString(append(payload, `,"name":`...), t.Name)
	payload = protocol.AppendString(append(payload, `,"reason":`...), u.Reason)
	if !r.engine.hub.EndSubscription(s, t, protocol.NewBuiltinPush("unsubscribed", append(payload, '}'))) {
		return false
	}
	// The bus is told beside: it may block, and this may not.
	r.engine.tasks.start(func() {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		r.engine.lostInterest(ctx, t)
		if t.Kind == hub.CollectionTopic {
			r.engine.collections.ended(s, t.Name)
		}
	})
	return true
}

// localTopic is the inverse of sharedTopic.
func localTopic(t backplane.Topic) (hub.Topic, bool) {
	switch t.Kind {
	case backplane.Channel:
		return hub.Topic{Kind: hub.ChannelTopic, Name: t.Name}, true
	case backplane.PresenceOf:
		return hub.Topic{Kind: hub.PresenceTopic, Name: t.Name}, true
	case backplane.RecordOf:
		return hub.Topic{Kind: hub.RecordTopic, Name: t.Name}, true
	case backplane.CollectionOf:
		return hub.Topic{Kind: hub.CollectionTopic, Name: t.Name}, true
	}
	return hub.Topic{}, false
}
