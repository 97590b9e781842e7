//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
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
	if err != nil {
		return err
	}
	if !strings.HasPrefix(string(reply), `{"success":true,`) || !strings.Contains(string(reply), v.link.id) {
		return fmt.Errorf("join-room is answered %.100s", reply)
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

// churn is a room that many join and leave while some watch.
type churn struct {
	host     *host
	seed     uint64
	book     ledger
	visitors []*visitor
	watchers []*watcher // the first fullTime of them from the start

	visiting, watching, finishing sync.WaitGroup
}

func (x *churn) dice(stream int) *rand.Rand {
	return rand.New(rand.NewPCG(x.seed, uint64(stream))) //nolint:gosec // it is to be repeatable
}

// Whoever watches a room sees every change once, while a thousand join and
// leave, and knows at the end who is there.
func TestPresenceChurn(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: "[[presence]]\npattern = \"" + churnRoom + "\"\n[liveness]\nping_interval = 0\nlatency_interval = 0\n"})
	x := &churn{host: h, seed: rand.Uint64(), book: ledger{stays: make(map[string]stay)}}
	t.Logf("seed %d", x.seed)
	defer x.close()
	x.startWatchers(t, time.Now().Add(churnTime-3*time.Second)) // changes go on for a while
	stop := make(chan struct{})
	x.startVisitors(t, stop)
	rest(churnTime)
	x.watching.Wait()
	close(stop)
	x.visiting.Wait()
	if t.Failed() {
		return
	}
	x.settle(t)
	for _, w := range x.watchers {
		if _, err := w.tell("get-presence-state", object("roomName", churnRoom)); err != nil {
			t.Fatal(err)
		}
	}
	x.finishing.Wait()
	if !t.Failed() {
		x.book.compare(t, x.watchers[:fullTime])
	}
}

// startWatchers has some watch all the time, and others come and go until end.
func (x *churn) startWatchers(t *testing.T, end time.Time) {
	t.Helper()
	x.watchers = make([]*watcher, fullTime+partTime)
	stay := func(i int, w *watcher) {
		x.watchers[i] = w
		x.finishing.Go(func() {
			if err := w.finish(); err != nil {
				t.Errorf("watcher %d: %v", i, err)
			}
		})
	}
	for i := range fullTime {
		w, err := x.host.watch(i)
		if err != nil {
			t.Fatal(err)
		}
		stay(i, w)
	}
	for i := fullTime; i < len(x.watchers); i++ {
		x.watching.Go(func() {
			w, err := x.host.comeAndGo(x.dice(-i), end)
			if err != nil {
				t.Errorf("watcher %d: %v", i, err)
				return
			}
			stay(i, w)
		})
	}
}

func (x *churn) startVisitors(t *testing.T, stop <-chan struct{}) {
	t.Helper()
	for i := range visitors {
		v := &visitor{host: x.host, ledger: &x.book, random: x.dice(i)}
		x.visitors = append(x.visitors, v)
		x.visiting.Go(func() {
			if err := v.visit(stop); err != nil {
				t.Errorf("visitor %d: %v", i, err)
			}
		})
	}
}

// close ends all connections, and what reads from them.
func (x *churn) close() {
	for _, v := range x.visitors {
		if v.link != nil {
			_ = v.link.conn.Close()
		}
	}
	for _, w := range x.watchers {
		if w != nil {
			_ = w.conn.Close()
		}
	}
	x.finishing.Wait()
}

// settle waits until the server sees those who have stayed, and no others.
func (x *churn) settle(t *testing.T) {
	t.Helper()
	var in []string
	for _, v := range x.visitors {
		if v.in {
			in = append(in, v.link.id)
		}
	}
	slices.Sort(in)
	var now struct{ Present []string }
	if !polled(patience, func() bool {
		if err := json.Unmarshal([]byte(x.host.op(t, "presence.list", object("roomName", churnRoom))), &now); err != nil {
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
