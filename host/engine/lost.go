package engine

import (
	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/hub"
)

// Lost ends the sessions that rely on a topic of which something may be missing:
// they come back, and recover or read anew. Their clients would else believe
// that they have seen everything.
func (r receiver) Lost(t backplane.Topic) {
	cause := hub.Cause{Code: abi.CloseInsufficientState, Reason: "messages may have been lost; recover or read anew"}
	if t.Kind == backplane.AllRecords {
		r.engine.collections.lost()
		r.engine.hub.Each(func(s *hub.Session) {
			if s.Subscriptions(hub.CollectionTopic) > 0 {
				s.Close(cause)
			}
		})
		return
	}
	local, ok := localTopic(t)
	if !ok {
		return
	}
	r.engine.hub.EachSubscriber(local, func(s *hub.Session) { s.Close(cause) })
}

// lost has all tables loaded anew: they may lack changes.
func (x *collections) lost() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, f := range x.families {
		f.lost()
	}
}

func (f *family) lost() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.missed = f.late != nil
	for _, s := range f.selections {
		s.stale = f.declared
		f.touch(s)
	}
}
