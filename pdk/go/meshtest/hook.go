package meshtest

import (
	"errors"
	"time"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
	"github.com/mesh-host/mesh-host/pdk/go/internal/codec"
)

// event is something that hooks are told of once the plugin is at rest: an
// instance runs one call at a time.
type event struct {
	kind            int64
	name            string
	connection      Connection // without an id: none
	payload, detail []byte
	record          string // whose version it is; "" for other events
}

func (e *event) concerns(hook registered) bool {
	return e.record == "" || hook.records.matches(e.record)
}

func (h *Host) later(e event) { h.events = append(h.events, e) }

func (h *Host) next() (e event, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.events) == 0 {
		return e, false
	}
	e, h.events = h.events[0], h.events[1:]
	return e, true
}

// settle runs the hooks that the calls before have set off, and those that
// these set off, and has the collections see what has changed. It returns the
// errors, which it keeps for Failures.
func (h *Host) settle() error {
	errs := h.runHooks()
	for changed := h.takeChanged(); len(changed) > 0; changed = h.takeChanged() {
		errs = append(errs, h.refresh(changed)...)
		errs = append(errs, h.runHooks()...)
	}
	h.mu.Lock()
	h.failures = append(h.failures, errs...)
	h.mu.Unlock()
	return errors.Join(errs...)
}

func (h *Host) runHooks() (errs []error) {
	for e, ok := h.next(); ok; e, ok = h.next() {
		for _, hook := range h.hooks(e.name) {
			if !e.concerns(hook) {
				continue
			}
			r := request{kind: e.kind, name: e.name, connection: &e.connection, payload: e.payload, detail: e.detail}
			if out := h.call(hook.Handler, r); out.err != nil {
				errs = append(errs, out.err)
			}
		}
	}
	return errs
}

// Failures returns the errors that the real host logs: of hooks, and of resolvers
// that were asked again.
func (h *Host) Failures() []error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]error(nil), h.failures...)
}

// Connect adds a connection and runs the plugin's connect hook, whose error it
// returns.
func (h *Host) Connect(c Connection) error {
	h.mu.Lock()
	c.since = time.Now()
	h.connections[c.ID] = &c
	h.later(event{kind: kindConnect, name: "connect", connection: c})
	h.mu.Unlock()
	return h.settle()
}

// Disconnect takes a connection away, from its rooms too, and runs the plugin's
// leave and disconnect hooks, which still see its metadata. It returns their
// errors.
func (h *Host) Disconnect(connectionID string, code int, reason string) error {
	h.mu.Lock()
	if h.connections[connectionID] == nil {
		h.connections[connectionID] = &Connection{ID: connectionID}
	}
	h.remove(connectionID, code, reason)
	h.mu.Unlock()
	return h.settle()
}

// remove ends a connection and all that it had.
func (h *Host) remove(id string, code int, reason string) {
	c := h.connections[id]
	h.leaveAll(id, mesh.LeftByDisconnect)
	for _, r := range h.rooms {
		delete(r.watchers, id)
	}
	for _, c := range h.channels {
		delete(c.subscribers, id)
	}
	for _, r := range h.records {
		delete(r.subscribers, id)
	}
	for _, c := range h.collections {
		delete(c.views, id)
	}
	delete(h.connections, id)
	detail := codec.AppendString(codec.AppendInt(nil, int64(code)), reason)
	h.later(event{kind: kindDisconnect, name: "disconnect", connection: *c, detail: detail})
}
