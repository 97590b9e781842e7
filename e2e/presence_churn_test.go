//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	churnRoom = "hall"
	churnTime = 30 * time.Second
	visitors  = 1000
	// visitPause is how long a visitor waits between two steps, on average:
	// together they make 330 a second.
	visitPause = 3 * time.Second
	// fullTime watch from before the first visitor on, partTime come and go.
	fullTime, partTime = 20, 10
)

// ledger is what visitors know of their own joins and leaves, by connection.
type ledger struct {
	mu    sync.Mutex
	stays map[string]stay
}

// stay counts what one connection has done. One that left in a hurry may have
// joined and left once more.
type stay struct {
	joins, leaves int
	hasty         bool
}

func (x *ledger) note(id string, change func(*stay)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	s := x.stays[id]
	change(&s)
	x.stays[id] = s
}

// visitor joins and leaves a room, and the server, at random.
type visitor struct {
	host   *host
	ledger *ledger
	random *rand.Rand
	link   *link // nil while it is away
	in     bool
}

// visit makes steps until stop; whether it is in the room then is as it comes.
func (v *visitor) visit(stop <-chan struct{}) error {
	for {
		pause := time.NewTimer(time.Duration(v.random.Int64N(int64(2 * visitPause))))
		select {
		case <-stop:
			pause.Stop()
			return nil
		case <-pause.C:
		}
		if err := v.step(); err != nil {
			return err
		}
	}
}

func (v *visitor) step() (err error) {
	if v.link == nil {
		if v.link, err = v.host.link(hop{within: 2 * churnTime}); err != nil {
			return err
		}
		return v.join()
	}
	switch v.random.IntN(6) {
	case 0: // its connection ends
		return v.end()
	case 1: // in the middle of joining, maybe
		if _, err := v.link.tell("join-room", object("roomName", churnRoom)); err != nil {
			return err
		}
		v.ledger.note(v.link.id, func(s *stay) { s.hasty = !v.in })
		return v.end()
	case 2: // joins again where it is in
		return v.join()
	}
	if v.in {
		return v.leave()
	}
	return v.join()
}

func (v *visitor) join() error {
	reply, err := v.link.ask("join-room", object("roomName", churnRoom), unexpected)
	if err != nil || !strings.HasPrefix(string(reply), `{"success":true,`) || !strings.Contains(string(reply), v.link.id) {
		return fmt.Errorf("join-room is answered %.100s, %v", reply, err)
	}
	if !v.in {
		v.in = true
		v.ledger.note(v.link.id, func(s *stay) { s.joins++ })
	}
	return nil
}

func (v *visitor) leave() error {
	for range 1 + v.random.IntN(2) { // twice is once
		if _, err := v.link.ask("leave-room", object("roomName", churnRoom), unexpected); err != nil {
			return err
		}
	}
	v.left()
	return nil
}

func (v *visitor) left() {
	if v.in {
		v.in = false
		v.ledger.note(v.link.id, func(s *stay) { s.leaves++ })
	}
}

// end ends the connection, politely or not.
func (v *visitor) end() error {
	if v.random.IntN(2) == 0 {
		if _, err := v.link.conn.Write(masked(fin|opClose, []byte{0x03, 0xe8})); err != nil {
			return err
		}
	}
	v.left()
	err := v.link.conn.Close()
	v.link = nil
	return err
}

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
	if err := json.Unmarshal(reply, &r); err != nil || !r.Success {
		return nil, fmt.Errorf("the reply is %.300s, %v", reply, err)
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
	if err := json.Unmarshal(f.Payload, &u); err != nil || u.RoomName != churnRoom {
		return fmt.Errorf("the push is %s, %v", f.Payload, err)
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

// Whoever watches a room sees every change once, while a thousand join and
// leave, and knows at the end who is there.
func TestPresenceChurn(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: "[[presence]]\npattern = \"" + churnRoom + "\"\n[liveness]\nping_interval = 0\nlatency_interval = 0\n"})
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	dice := func(stream int) *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(stream))) } //nolint:gosec // it is to be repeatable

	var watching, finishing, visiting sync.WaitGroup
	watchers := make([]*watcher, fullTime+partTime)
	finish := func(i int) {
		if err := watchers[i].finish(); err != nil {
			t.Errorf("watcher %d: %v", i, err)
		}
	}
	for i := range fullTime {
		w, err := h.watch(i)
		if err != nil {
			t.Fatal(err)
		}
		watchers[i] = w
		finishing.Go(func() { finish(i) })
	}
	end := time.Now().Add(churnTime - 3*time.Second) // changes go on for a while
	for i := fullTime; i < len(watchers); i++ {
		watching.Go(func() {
			w, err := h.comeAndGo(dice(-i), end)
			if err != nil {
				t.Errorf("watcher %d: %v", i, err)
				return
			}
			watchers[i] = w
			finishing.Go(func() { finish(i) })
		})
	}
	all, book, stop := make([]*visitor, visitors), &ledger{stays: make(map[string]stay)}, make(chan struct{})
	for i := range all {
		all[i] = &visitor{host: h, ledger: book, random: dice(i)}
		visiting.Go(func() {
			if err := all[i].visit(stop); err != nil {
				t.Errorf("visitor %d: %v", i, err)
			}
		})
	}
	rest(churnTime)
	watching.Wait()
	close(stop)
	visiting.Wait()
	defer func() {
		for _, v := range all {
			if v.link != nil {
				_ = v.link.conn.Close()
			}
		}
		for _, w := range watchers {
			if w != nil {
				_ = w.conn.Close()
			}
		}
		finishing.Wait()
	}()
	if t.Failed() {
		return
	}
	h.settled(t, all)
	for _, w := range watchers {
		if _, err := w.tell("get-presence-state", object("roomName", churnRoom)); err != nil {
			t.Fatal(err)
		}
	}
	finishing.Wait()
	if !t.Failed() {
		book.compare(t, watchers[:fullTime])
	}
}

// settled waits until the server sees those who have stayed, and no others.
func (h *host) settled(t *testing.T, all []*visitor) {
	t.Helper()
	var in []string
	for _, v := range all {
		if v.in {
			in = append(in, v.link.id)
		}
	}
	slices.Sort(in)
	var now struct{ Present []string }
	if !polled(patience, func() bool {
		if err := json.Unmarshal([]byte(h.op(t, "presence.list", object("roomName", churnRoom))), &now); err != nil {
			t.Fatal(err)
		}
		slices.Sort(now.Present)
		return slices.Equal(now.Present, in)
	}) {
		t.Fatalf("%d are present, %d of the visitors", len(now.Present), len(in))
	}
}

// compare checks that watchers have seen the same, and what the visitors did.
func (x *ledger) compare(t *testing.T, watchers []*watcher) {
	t.Helper()
	first := watchers[0].changes
	for i, w := range watchers {
		if !slices.Equal(w.changes, first) {
			t.Errorf("watcher %d has seen %d changes, the first one %d, or others", i, len(w.changes), len(first))
		}
	}
	seen := make(map[string]stay)
	for _, change := range first {
		kind, id, _ := strings.Cut(change, " ")
		s := seen[id]
		if kind == "join" {
			s.joins++
		} else {
			s.leaves++
		}
		seen[id] = s
	}
	hasty := 0
	for id, did := range x.stays {
		if did.hasty && seen[id].joins == did.joins+1 {
			hasty++
			did.joins, did.leaves = did.joins+1, did.leaves+1
		}
		did.hasty = false
		if seen[id] != did {
			t.Errorf("%s has made %+v, seen was %+v", id, did, seen[id])
		}
		delete(seen, id)
	}
	if len(seen) > 0 {
		t.Errorf("seen were %d that nobody was", len(seen))
	}
	t.Logf("%d connections have made %d changes, %d of them in a hurry", len(x.stays), len(first), hasty)
}
