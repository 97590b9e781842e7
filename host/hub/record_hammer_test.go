package hub_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/hub/hubtest"
)

// versions is a backplane with one record: it publishes each version within the
// change that makes it.
type versions struct {
	mu  sync.Mutex
	top atomic.Int64
}

func (x *versions) write(h *hub.Hub) {
	x.mu.Lock()
	defer x.mu.Unlock()
	h.Publish(board, record(strconv.FormatInt(x.top.Add(1), 10)))
}

func (x *versions) read() hub.Position {
	x.mu.Lock()
	defer x.mu.Unlock()
	return at("e", x.top.Load())
}

// watcher is a session with several who begin and end to watch the record at
// once: one subscribes, the others are collections. Each notes in the stream of
// frames what it has done, with a reply, which has room always.
type watcher struct {
	hub     *hub.Hub
	record  *versions
	session *hub.Session
	wire    *hubtest.Wire
	policy  hub.Policy
}

func (w *watcher) note(format string, args ...any) {
	w.session.Reply([]byte("0"), fmt.Appendf(nil, `"%s"`, fmt.Sprintf(format, args...)), nil)
}

// answer reads, replies and releases.
func (w *watcher) answer(held *hub.Hold, who string) {
	read := w.record.read()
	if rand.IntN(2) == 0 {
		runtime.Gosched()
	}
	held.ReleaseUpTo(read)
	w.note("%s %d", who, read.Offset)
	held.Answered(read)
	if rand.IntN(2) == 0 {
		runtime.Gosched() // the courtesy
	}
	held.Release()
}

// subscribe is the life of the direct subscription. It stays in the end.
func (w *watcher) subscribe(rounds int) {
	for i := range rounds {
		terms, who := hub.Terms{Policy: w.policy, Patches: rand.IntN(3) > 0}, "full"
		if terms.Patches {
			who = "patches"
		}
		held, _ := w.hub.Subscribe(w.session, board, terms)
		w.answer(held, who)
		w.record.write(w.hub)
		if rand.IntN(3) == 0 && i < rounds-1 {
			w.hub.Unsubscribe(w.session, board)
			w.note("none")
		}
	}
}

// cover is the life of a collection. It stays in the end, or not.
func (w *watcher) cover(name string, rounds int, stays bool) {
	for i := range rounds {
		held := w.hub.Cover(w.session, board, w.policy, name)
		w.note("begin %s", name)
		w.answer(held, "show "+name)
		w.record.write(w.hub)
		if i < rounds-1 || !stays {
			w.note("hide %s", name)
			w.hub.Uncover(w.session, board, name)
			w.note("gone %s", name)
		}
		runtime.Gosched()
	}
}

// reader checks the stream of a session's frames.
type reader struct {
	*testing.T
	mode   string           // of the direct subscription, "" for none
	direct int64            // what that has
	covers map[string]int64 // what those that cover have, -1 before they know
	hidden map[string]int64 // the same of those that are about to go
	pushed int64            // the newest version that was pushed
	told   int64            // the newest that a reply has told of
	gap    bool             // since the last version
}

func (r *reader) read(command string) {
	r.Helper()
	word, rest, _ := strings.Cut(command, " ")
	name, number, _ := strings.Cut(rest, " ")
	switch word {
	case "full", "patches":
		r.mode, r.direct = word, r.contained(rest)
	case "none":
		r.mode = ""
	case "begin":
		r.covers[name] = -1
	case "show":
		r.covers[name] = r.contained(number)
	case "hide":
		r.hidden[name] = r.covers[name]
		delete(r.covers, name)
	case "gone":
		delete(r.hidden, name)
	case "mesh/gap":
		r.gap = true
	default:
		r.push(command[:1], command[1:])
	}
}

// contained is what a reply tells: never less than what was pushed before.
func (r *reader) contained(text string) int64 {
	r.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < r.pushed {
		r.Errorf("a reply with %q after %d was pushed", text, r.pushed)
	}
	r.told = max(r.told, n)
	return n
}

// push is a version: newer than any that was pushed, not older than any that a
// reply has told of, and news for someone.
func (r *reader) push(form, text string) {
	r.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil || n <= r.pushed || n < r.told:
		r.Errorf("%s%s is pushed after %d, and after a reply with %d", form, text, r.pushed, r.told)
	case !r.news(n):
		r.Errorf("%s%s is pushed to %q at %d and covers at %v and %v", form, text, r.mode, r.direct, r.covers, r.hidden)
	case form == "p" && (r.mode != "patches" || len(r.covers) > 0):
		r.Errorf("patch %d for %q with %d covers", n, r.mode, len(r.covers))
	case form == "p" && n != r.direct+1:
		r.Errorf("patch %d after %d", n, r.direct)
	}
	r.pushed, r.direct, r.gap = n, n, false
	for name := range r.covers {
		r.covers[name] = n
	}
}

// news reports whether a version is new to someone, if anyone has been told of
// one: it is pushed again to no one who has it, save for the sake of others.
func (r *reader) news(n int64) bool {
	all := slices.Collect(maps.Values(r.hidden))
	all = slices.AppendSeq(all, maps.Values(r.covers))
	if r.mode != "" {
		all = append(all, r.direct)
	}
	all = slices.DeleteFunc(all, func(has int64) bool { return has < 0 })
	return len(all) == 0 || slices.Min(all) < n
}

// end is what everyone has in the end: the last version, unless there was a gap.
func (r *reader) end(last int64) {
	r.Helper()
	if r.gap {
		return
	}
	if r.mode != "" && r.direct != last {
		r.Errorf("the subscription has %d, the last is %d", r.direct, last)
	}
	for name, has := range r.covers {
		if has != last {
			r.Errorf("cover %s has %d, the last is %d", name, has, last)
		}
	}
}

// Sessions subscribe, unsubscribe, cover and uncover while versions are made,
// some of them with sockets that stall: each stream fits together, and ends with
// the last version.
func TestHammerVersions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		policy hub.Policy
		outbox int
		stall  bool
	}{{hub.Disconnect, 64 << 20, false}, {hub.Conflate, 400, true}, {hub.Drop, 400, true}} {
		t.Run(c.policy.String(), func(t *testing.T) {
			t.Parallel()
			h := hub.New(hub.Limits{Outbox: c.outbox})
			var record versions
			var writers, sessions sync.WaitGroup
			stop := make(chan struct{})
			for range 2 {
				writers.Go(func() {
					for open := true; open; {
						record.write(h)
						runtime.Gosched()
						select {
						case <-stop:
							open = false
						default:
						}
					}
				})
			}
			var watchers []*watcher
			for range 6 {
				s, wire := connect(t, h)
				w := &watcher{h, &record, s, wire, c.policy}
				watchers = append(watchers, w)
				sessions.Go(func() { w.hammer(c.stall) })
			}
			sessions.Wait()
			close(stop)
			writers.Wait()
			for _, w := range watchers {
				w.check(t, record.top.Load())
			}
		})
	}
}

// hammer runs all who watch, and stalls the socket now and then meanwhile.
func (w *watcher) hammer(stall bool) {
	const rounds = 150
	var watching sync.WaitGroup
	watching.Go(func() { w.subscribe(rounds) })
	watching.Go(func() { w.cover("x", rounds, true) })
	watching.Go(func() { w.cover("y", rounds, false) })
	watching.Go(func() { w.cover("z", rounds/8, false) })
	done := make(chan struct{})
	go func() {
		defer close(done)
		watching.Wait()
	}()
	for blocked := stall; ; blocked = !blocked {
		select {
		case <-done:
			w.wire.Block(false)
			return
		default:
			w.wire.Block(blocked && stall)
			runtime.Gosched()
		}
	}
}

// check ends the watch and reads the stream.
func (w *watcher) check(t *testing.T, last int64) {
	t.Helper()
	w.session.Drain()
	if cause := w.session.Closing(); cause != nil {
		t.Errorf("closed with %v", cause)
	}
	r := reader{T: t, covers: make(map[string]int64), hidden: make(map[string]int64)}
	for _, command := range commands(w.wire) {
		if r.read(command); t.Failed() {
			return
		}
	}
	r.end(last)
}
