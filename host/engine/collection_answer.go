package engine

import (
	"context"
	"slices"
	"strings"

	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// answer is the records that a collection has, for a session or for all. It is
// never changed, so that those who have the same share it.
type answer struct {
	ids []string // in order, each once
	set map[string]struct{}
}

var noAnswer = new(answer)

func newAnswer(ids []string) *answer {
	a := &answer{ids: ids, set: make(map[string]struct{}, len(ids))}
	for _, id := range ids {
		a.set[id] = struct{}{}
	}
	return a
}

func (a *answer) has(id string) bool {
	_, ok := a.set[id]
	return ok
}

// with returns the answer of which only some records were taken: itself, where
// all were.
func (a *answer) with(taken []showing) *answer {
	if len(taken) == len(a.ids) {
		return a
	}
	ids := make([]string, len(taken))
	for i := range taken {
		ids[i] = taken[i].ID
	}
	return newAnswer(ids)
}

// difference is what has to be done to have another answer.
type difference struct{ added, removed []string }

// to returns what makes b of the answer.
func (a *answer) to(b *answer) *difference {
	d := new(difference)
	for _, id := range b.ids {
		if !a.has(id) {
			d.added = append(d.added, id)
		}
	}
	for _, id := range a.ids {
		if !b.has(id) {
			d.removed = append(d.removed, id)
		}
	}
	return d
}

// leftOut counts what of an answer a session is not shown, by reason.
type leftOut struct{ repeated, beyond, nameless, missing, refused, surplus int }

// report logs what was left out.
func (x *collections) report(id string, out leftOut) {
	if out == (leftOut{}) || !x.seldom.say("left out of "+id) {
		return
	}
	x.engine.log.Warn("records left out of a collection", "collection", id,
		"repeated", out.repeated, "beyond_limit", out.beyond, "no_names", out.nameless,
		"missing", out.missing, "refused", out.refused, "beyond_collection_records", out.surplus)
}

// answer asks what a collection has: for a session, or for all where s is nil.
func (x *collections) answer(ctx context.Context, c *collection, s *hub.Session, exposed *exposure.Collection) (*answer, leftOut, error) {
	if exposed.Resolver == "" {
		ids, err := x.first(ctx, c)
		if err != nil {
			return nil, leftOut{}, err
		}
		return x.shared(c, newAnswer(ids)), leftOut{}, nil
	}
	if exposed.Shared {
		s = nil
	}
	ids, err := x.resolver.Resolve(ctx, s, exposed, c.id)
	if err != nil {
		return nil, leftOut{}, err
	}
	a, out := clean(ids, limitOf(exposed))
	if exposed.Shared {
		a = x.shared(c, a)
	}
	return a, out, nil
}

// first returns what a declared collection has.
func (x *collections) first(ctx context.Context, c *collection) ([]string, error) {
	x.mu.Lock()
	f, s := c.family, c.selection
	x.mu.Unlock()
	if f == nil {
		return nil, noConnection() // its last subscription has just ended
	}
	return f.first(ctx, x.engine.node.Records(), s)
}

// shared returns an answer for all subscribers as the one that they have, if it
// has the same records in the same order.
func (x *collections) shared(c *collection, a *answer) *answer {
	x.mu.Lock()
	defer x.mu.Unlock()
	if c.latest == nil || !slices.Equal(c.latest.ids, a.ids) {
		c.latest = a
	}
	return c.latest
}

// clean returns what can be used of a resolver's answer, whatever that is.
func clean(ids []string, limit int) (*answer, leftOut) {
	var out leftOut
	a := &answer{set: make(map[string]struct{}, min(len(ids), limit))}
	for i, id := range ids {
		switch {
		case len(a.ids) == limit:
			out.beyond = len(ids) - i
			return a, out
		case protocol.CheckName(id) != nil:
			out.nameless++
		case a.has(id):
			out.repeated++
		default:
			id = strings.Clone(id) // it may be part of something large
			a.ids = append(a.ids, id)
			a.set[id] = struct{}{}
		}
	}
	return a, out
}

// limitOf returns the most records of a collection.
func limitOf(x *exposure.Collection) int {
	if x.Limit <= 0 {
		return exposure.DefaultCollection
	}
	return min(x.Limit, exposure.MaxCollection)
}

// only returns those records of an answer that have a value: a resolver may not
// know yet that a record was deleted.
func (x *collections) only(ctx context.Context, a *answer, out *leftOut) (*answer, error) {
	there := make([]bool, len(a.ids))
	err := ask(len(a.ids), func(i int) error {
		found, err := x.engine.record(ctx, a.ids[i])
		there[i] = found.Value != nil
		return err
	})
	if err != nil {
		return nil, err
	}
	kept := make([]string, 0, len(a.ids))
	for i, id := range a.ids {
		if there[i] {
			kept = append(kept, id)
		}
	}
	if len(kept) == len(a.ids) {
		return a, nil
	}
	out.missing += len(a.ids) - len(kept)
	return newAnswer(kept), nil
}
