//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"time"
)

// watcher sees who is in the room: what its subscription began with, and what
// was pushed since. It fails on a push that cannot be.
type watcher struct {
	*link
	view    map[string]bool
	changes []string // "join <id>" and "leave <id>", since it watches
}

// watch connects a watcher of one of the kinds of clients.
func (h *host) watch(kind int) (*watcher, error) {
	l, err := h.link(hop{old: kind%3 > 0, within: 2 * churnTime})
	if err != nil {
		return nil, err
	}
	l.dialect = dialects[kind%3]
	w := &watcher{link: l}
	return w, w.subscribe()
}

// subscribe begins anew with what the reply says.
func (w *watcher) subscribe() error {
	reply, err := w.ask("subscribe-presence", object("roomName", churnRoom), w.take)
	if err != nil {
		return err
	}
	w.view, err = w.present(reply)
	return err
}

// present reads a list of who is present.
func (w *watcher) present(reply json.RawMessage) (map[string]bool, error) {
	var r struct {
		Success bool
		Present []json.RawMessage
	}
	if json.Unmarshal(reply, &r) != nil || !r.Success {
		return nil, fmt.Errorf("the reply is %.300s", reply)
	}
	set := make(map[string]bool)
	for _, entry := range r.Present {
		var id string
		var described struct{ ID string }
		if json.Unmarshal(entry, &id) != nil && json.Unmarshal(entry, &described) == nil {
			id = described.ID
		}
		if id == "" || set[id] {
			return nil, fmt.Errorf("%s is no entry, or there twice", entry)
		}
		set[id] = true
	}
	return set, nil
}

// take takes a push.
func (w *watcher) take(f frame) error {
	if f.Command != w.dialect+"presence-update" {
		return unexpected(f)
	}
	var u struct{ Type, ConnectionID, RoomName string }
	if json.Unmarshal(f.Payload, &u) != nil || u.RoomName != churnRoom {
		return fmt.Errorf("the push is %s", f.Payload)
	}
	switch {
	case w.view == nil:
		return fmt.Errorf("a push without a subscription: %s", f.Payload)
	case u.Type == "join" && !w.view[u.ConnectionID]:
		w.view[u.ConnectionID] = true
	case u.Type == "leave" && w.view[u.ConnectionID]:
		delete(w.view, u.ConnectionID)
	default:
		return fmt.Errorf("of %d present, %s has its place already: %s", len(w.view), u.ConnectionID, f.Payload)
	}
	w.changes = append(w.changes, u.Type+" "+u.ConnectionID)
	return nil
}

// follow takes so many changes.
func (w *watcher) follow(n int) error {
	for n += len(w.changes); len(w.changes) < n; {
		f, err := w.frame()
		if err == nil {
			err = w.take(f)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// finish reads to the reply of the request that asks who is present, which
// nobody changes any more: the view must be the same.
func (w *watcher) finish() error {
	for {
		f, err := w.frame()
		switch {
		case err != nil:
			return err
		case f.ID == nil:
			if err := w.take(f); err != nil {
				return err
			}
			continue
		}
		now, err := w.present(f.Payload)
		if err == nil && !maps.Equal(now, w.view) {
			err = fmt.Errorf("the server sees %d, the watcher %d others", len(now), len(w.view))
		}
		return err
	}
}

// comeAndGo watches for short times until the end, and then to stay.
func (h *host) comeAndGo(random *rand.Rand, end time.Time) (w *watcher, err error) {
	for time.Now().Before(end) {
		if w == nil {
			if w, err = h.watch(random.IntN(3)); err != nil {
				return nil, err
			}
		}
		if err := w.follow(random.IntN(300)); err != nil {
			return nil, err
		}
		switch random.IntN(3) {
		case 0:
			_ = w.conn.Close()
			w = nil
		case 1:
			err = w.subscribe() // anew, while pushes come
		case 2:
			err = w.pauseWatching()
		}
		if err != nil {
			return nil, err
		}
	}
	if w != nil {
		return w, nil
	}
	return h.watch(random.IntN(3))
}

// pauseWatching unsubscribes; nothing comes after the reply.
func (w *watcher) pauseWatching() error {
	reply, err := w.ask("unsubscribe-presence", object("roomName", churnRoom), w.take)
	if err == nil && string(reply) != "true" {
		err = fmt.Errorf("unsubscribe-presence is answered %s", reply)
	}
	w.view = nil
	if err == nil {
		_, err = w.ask("noop", "{}", w.take)
	}
	if err == nil {
		err = w.subscribe()
	}
	return err
}
