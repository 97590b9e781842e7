package engine_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/hub"
)

// TestCollectionsHammer has records written and deleted while sessions subscribe
// to collections of all kinds, again and again, come and go, and exposures are
// swapped. Each client follows what it is told; in the end it must have the
// truth, and must not have seen a version twice, nor a diff out of order.
func TestCollectionsHammer(t *testing.T) {
	t.Parallel()
	h := newHammer(t)
	var all sync.WaitGroup
	for seed := range uint64(hammerWriters) {
		all.Go(func() { h.write(rand.New(rand.NewPCG(seed, 2))) })
	}
	for seed := range uint64(8) {
		all.Go(func() { h.client(rand.New(rand.NewPCG(seed, 3))) })
	}
	all.Go(func() {
		for !h.written() {
			h.rules.Store(exposure.NewIndex(h.rules.Exposed())) // as a plugin's swap does
			<-time.After(20 * time.Millisecond)
		}
	})
	all.Wait()
	h.lib.nothingLeft(t)
}

const (
	hammerRecords = 40
	hammerWrites  = 1500 // of each writer
	hammerWriters = 4
)

type hammer struct {
	t     *testing.T
	lib   library
	done  atomic.Int64
	rules liveRules
}

// liveRules are exposures that are swapped meanwhile.
type liveRules struct{ atomic.Pointer[exposure.Index] }

// Channel implements engine.Rules.
func (r *liveRules) Channel(name string) *exposure.Channel { return r.Load().Channel(name) }

// Tracked implements engine.Rules.
func (r *liveRules) Tracked(room string) *exposure.Presence { return r.Load().Tracked(room) }

// Record implements engine.Rules.
func (r *liveRules) Record(id string) *exposure.Record { return r.Load().Record(id) }

// Collection implements engine.Rules.
func (r *liveRules) Collection(id string) *exposure.Collection { return r.Load().Collection(id) }

// Exposed implements engine.Rules.
func (r *liveRules) Exposed() exposure.Set { return r.Load().Set }

func newHammer(t *testing.T) *hammer {
	t.Helper()
	h := &hammer{t: t}
	x := &rules{exposure.NewIndex(exposure.Set{Collections: []exposure.Collection{declared(6), resolved(true), own()}})}
	h.rules.Store(x.Index)
	h.lib = newLibraryOf(engine.Limits{}, x, &h.rules)
	h.lib.does(func(s *hub.Session, _ string) ([]string, error) { return h.marked(s != nil), nil })
	h.lib.refuse(func(s *hub.Session, record string) bool { return record[len(record)-1] == s.User()[0] })
	return h
}

// own exposes "own:<name>": a resolver that is asked for each session.
func own() exposure.Collection {
	x := resolved(false)
	x.Pattern = pattern(`/^own:.+$/`)
	return x
}

// marked returns the records that say that resolvers are to return them.
func (h *hammer) marked(even bool) []string {
	return h.find(func(i int, value []byte) bool { return bytes.Contains(value, []byte("!")) && (!even || i%2 == 0) })
}

// find returns records by what they are.
func (h *hammer) find(is func(i int, value []byte) bool) (ids []string) {
	for i := range hammerRecords {
		id := "r:" + strconv.Itoa(i)
		if r, err := h.lib.node.Records().Get(ctx, id); err == nil && r.Value != nil && is(i, r.Value) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (h *hammer) written() bool { return h.done.Load() == hammerWriters }

func (h *hammer) write(random *rand.Rand) {
	defer h.done.Add(1)
	for n := range hammerWrites {
		w := engine.Write{Record: "r:" + strconv.Itoa(random.IntN(hammerRecords))}
		if w.Delete = random.IntN(8) == 0; !w.Delete {
			w.Value = fmt.Appendf(nil, `{"open":%v,"team":"%c","rank":%d,"n":%d,"mark":"%s"}`,
				random.IntN(3) > 0, 'a'+rune(random.IntN(2)), random.IntN(10), n, []string{"", "!"}[random.IntN(2)])
		}
		if _, err := h.lib.Write(ctx, w); err != nil {
			h.t.Error(err)
		}
		if n%10 == 0 {
			<-time.After(time.Millisecond)
		}
	}
}

// client is one client after the other: each subscribes to a few collections,
// anew now and then, and goes, or stays until all is written.
func (h *hammer) client(random *rand.Rand) {
	for last := false; !last; {
		c := h.lib.connect(h.t, hub.Info{Subprotocol: modern.Subprotocol, User: strconv.Itoa(random.IntN(10))})
		s := newScreen()
		for n := 0; n < 20 && !last; n++ {
			last = h.written()
			h.act(random, c, s)
			<-time.After(time.Duration(random.IntN(20)) * time.Millisecond)
			h.follow(c, s)
		}
		if last {
			h.compare(c, s)
		}
		c.end()
	}
}

func (h *hammer) act(random *rand.Rand, c client, s *screen) {
	id := []string{"of:a", "of:b", "of:none", "list:a", "own:a"}[random.IntN(5)]
	switch _, has := s.views[id]; {
	case has && random.IntN(3) == 0:
		h.lib.UnsubscribeCollection(ctx, c.Session, id)
		h.follow(c, s)
		delete(s.views, id)
	case !has || random.IntN(4) == 0:
		begun, err := h.lib.SubscribeCollection(ctx, c.Session, h.rules.Collection(id), id)
		if err != nil {
			h.t.Error(err)
			return
		}
		h.follow(c, s) // what was pushed before the reply
		s.reply(id, begun)
		begun.Release()
	}
}

// follow takes what has come.
func (h *hammer) follow(c client, s *screen) {
	c.Drain()
	s.take(h.t, c.wire.Texts())
}

// compare waits until the client has the truth.
func (h *hammer) compare(c client, s *screen) {
	deadline := time.Now().Add(10 * time.Second)
	problem := "it was not compared"
	for problem != "" && time.Now().Before(deadline) {
		<-time.After(20 * time.Millisecond)
		h.follow(c, s)
		problem = ""
		for id, v := range s.views {
			problem += h.differs(c, id, v)
		}
	}
	if problem != "" {
		h.t.Error(problem)
	}
}

// differs says in what a client's view is not the truth.
func (h *hammer) differs(c client, id string, v *view) string {
	want := make(map[string]shown)
	for _, record := range h.truth(id) {
		if r, err := h.lib.node.Records().Get(ctx, record); err == nil && h.lib.MayRead(ctx, c.Session, record) {
			want[record] = shown{string(r.Value), r.Number}
		}
	}
	if !maps.Equal(v.records, want) {
		return fmt.Sprintf("%s of %s has\n%v, want\n%v\n", id, c.User(), v.records, want)
	}
	return ""
}

// truth returns what a collection has, found out in the plain way.
func (h *hammer) truth(id string) (ids []string) {
	switch id {
	case "list:a", "own:a":
		ids = h.marked(id == "own:a")
		return ids[:min(5, len(ids))]
	}
	ranks := make(map[string]int)
	ids = h.find(func(i int, value []byte) bool {
		var r struct {
			Open bool
			Team string
			Rank int
		}
		if err := json.Unmarshal(value, &r); err != nil {
			h.t.Error(err)
		}
		ranks["r:"+strconv.Itoa(i)] = r.Rank
		return r.Open && "of:"+r.Team == id
	})
	slices.SortFunc(ids, func(a, b string) int { return cmp.Or(cmp.Compare(ranks[a], ranks[b]), strings.Compare(a, b)) })
	return ids[:min(6, len(ids))]
}
