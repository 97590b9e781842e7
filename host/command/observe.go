package command

import (
	"context"

	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/hub"
)

// parallelHooks is how many events are observed at once: fewer than a plugin
// has instances, so that a burst of them waits here and not there, where
// waiting counts against a hook's deadline.
const parallelHooks = 16

// Connected tells the observers of the present table of a new session.
func (r *Router) Connected(ctx context.Context, s *hub.Session) {
	r.observe(ctx, func(t *Table) {
		for _, o := range t.Observers {
			o.Connected(ctx, s)
		}
	})
}

// Disconnected tells the observers of the present table of a session that has
// ended.
func (r *Router) Disconnected(ctx context.Context, s *hub.Session, cause hub.Cause) {
	r.observe(ctx, func(t *Table) {
		for _, o := range t.Observers {
			o.Disconnected(ctx, s, cause)
		}
	})
}

// ObservesRooms implements engine.Observer.
func (r *Router) ObservesRooms() bool { return len(r.table.Load().RoomObservers) > 0 }

// RoomChanged implements engine.Observer: it tells the observers of the present
// table.
func (r *Router) RoomChanged(ctx context.Context, e engine.RoomEvent) {
	r.observe(ctx, func(t *Table) {
		for _, o := range t.RoomObservers {
			o.RoomChanged(ctx, e)
		}
	})
}

// ObservesRecord implements engine.Observer.
func (r *Router) ObservesRecord(id string) bool {
	for _, o := range r.table.Load().RecordObservers {
		if o.Observes(id) {
			return true
		}
	}
	return false
}

// RecordChanged implements engine.Observer: it tells those observers of the
// present table that want to know of the record.
func (r *Router) RecordChanged(ctx context.Context, e engine.RecordEvent) {
	r.observe(ctx, func(t *Table) {
		for _, o := range t.RecordObservers {
			if o.Observes(e.ID) {
				o.RecordChanged(ctx, e)
			}
		}
	})
}

// observe tells observers, when it has its turn, unless ctx ends before that.
// Where there are none it has nothing to wait for.
func (r *Router) observe(ctx context.Context, tell func(*Table)) {
	if t := r.table.Load(); len(t.Observers)+len(t.RoomObservers)+len(t.RecordObservers) == 0 {
		return
	}
	select {
	case r.hooks <- struct{}{}:
	default:
		select {
		case r.hooks <- struct{}{}:
		case <-ctx.Done():
			return
		}
	}
	defer func() { <-r.hooks }()
	t := r.Acquire()
	defer t.Release()
	tell(t)
}
