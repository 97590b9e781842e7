package engine

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// subscriber is a session's subscription to a collection. When it begins anew
// it is another one.
type subscriber struct {
	session    *hub.Session
	collection *collection
	holder     *holder
	// seen is what collection.changes was before the latest answer.
	seen atomic.Uint64
	// begun says that the reply is with the client: diffs may follow.
	begun atomic.Bool
	run   run // where a resolver is asked for each subscriber

	mu      sync.Mutex
	shown   *answer   // what the client has; each of its records is covered
	waiting []showing // until it has begun: what is held for the reply
	counted int       // how many of them holder.covered counts
	version int64
	ended   bool
}

// live reports whether the hub still has the subscription, or a later one.
func (sub *subscriber) live() bool {
	return sub.session.Subscribed(hub.Topic{Kind: hub.CollectionTopic, Name: sub.collection.id})
}

// stop ends the subscription: nothing is pushed any more.
func (sub *subscriber) stop() {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	sub.ended = true
	sub.count(-sub.counted)
}

// end is stop. It returns, once, the records that are still covered and what is
// still held, for the caller to end.
func (sub *subscriber) end() (covered []string, held []showing) {
	sub.stop()
	sub.mu.Lock()
	defer sub.mu.Unlock()
	covered, held = sub.shown.ids, sub.waiting
	sub.shown, sub.waiting = noAnswer, nil
	return covered, held
}

// flow takes note that diffs may follow, and returns, once, what is held.
func (sub *subscriber) flow() (held []showing) {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	held, sub.waiting = sub.waiting, nil
	sub.begun.Store(true)
	return held
}

// count counts that there are more records, or less; the lock is held.
func (sub *subscriber) count(more int) {
	sub.counted += more
	sub.holder.covered.Add(int64(more))
}

// makeRoom no longer counts records that are about to go.
func (sub *subscriber) makeRoom(records int) {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if !sub.ended {
		sub.count(-records)
	}
}

// showing is a record that a session is about to be shown: it is covered, and
// its pushes are held back.
type showing struct {
	backplane.Record
	hold *hub.Hold
}

// read says what the session will be told of the record.
func (r *showing) read(found backplane.Record) {
	r.Record = found
	r.hold.ReleaseUpTo(recordPosition(found.Version))
}

func (r *showing) answered() { r.hold.Answered(recordPosition(r.Version)) }

// collect resolves a collection for a session that subscribes to it, and covers
// what it has.
func (x *collections) collect(ctx context.Context, sub *subscriber, exposed *exposure.Collection) ([]showing, error) {
	all, out, err := x.answer(ctx, sub.collection, sub.session, exposed)
	if err != nil {
		return nil, err
	}
	taken, err := x.take(ctx, sub, all.ids, &out)
	if err == nil && out.surplus > 0 {
		err = x.tooMany()
	}
	if err == nil {
		taken, err = x.readAll(ctx, sub, taken, &out)
	}
	if err != nil {
		x.drop(sub, taken)
		return nil, err
	}
	x.report(sub.collection.id, out)
	if !sub.begin(all.with(taken), taken) {
		x.drop(sub, taken)
	}
	return taken, nil
}

// begin takes note of what the reply says, unless the subscription has ended.
func (sub *subscriber) begin(shown *answer, held []showing) bool {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if sub.ended {
		return false
	}
	sub.shown, sub.waiting, sub.counted = shown, held, len(held) // take has counted them
	return true
}

func (x *collections) tooMany() error {
	return protocol.NewError(abi.CodeLimit, fmt.Sprintf(
		"The collections of this connection would have more records than limits.collection_records allows (%d); unsubscribe from some first",
		x.engine.limits.CollectionRecords))
}

// take covers and counts those of some records that a session may read, as far
// as its limit allows. Where it fails, it returns those that it has covered, too.
func (x *collections) take(ctx context.Context, sub *subscriber, ids []string, out *leftOut) (taken []showing, err error) {
	for i, id := range ids {
		if !x.resolver.MayRead(ctx, sub.session, id) {
			if err := ctx.Err(); err != nil { // it was not refused
				return taken, storeError("subscribe", err)
			}
			out.refused++
			continue
		}
		if sub.holder.covered.Add(1) > int64(x.engine.limits.CollectionRecords) {
			sub.holder.covered.Add(-1)
			out.surplus += len(ids) - i
			return taken, nil
		}
		hold, err := x.cover(sub, id)
		if err != nil {
			sub.holder.covered.Add(-1)
			return taken, err
		}
		taken = append(taken, showing{Record: backplane.Record{ID: id}, hold: hold})
	}
	return taken, nil
}

// cover has a record's versions come to a session. The bus need not know: as long
// as there is a collection it has the changes of all records delivered.
func (x *collections) cover(sub *subscriber, id string) (*hub.Hold, error) {
	policy := hub.Disconnect
	if exposed := x.engine.rules.Record(id); exposed != nil {
		policy = exposed.SlowConsumer
	}
	hold := x.engine.hub.Cover(sub.session, hub.Topic{Kind: hub.RecordTopic, Name: id}, policy, sub)
	if hold == nil {
		return nil, noConnection()
	}
	return hold, nil
}

// readAll reads what was taken, and gives back what is not there.
func (x *collections) readAll(ctx context.Context, sub *subscriber, taken []showing, out *leftOut) ([]showing, error) {
	var all atomic.Int64
	all.Store(replyOverhead)
	err := ask(len(taken), func(i int) error {
		found, err := x.engine.record(ctx, taken[i].ID)
		if err != nil {
			return err
		}
		taken[i].read(found)
		if size := int(all.Add(int64(2*len(found.ID) + len(found.Value) + collectedOverhead))); size > x.engine.limits.ReplySize {
			return tooLarge("collection", size, x.engine.limits.ReplySize, "limits.reply_size")
		}
		return nil
	})
	if err != nil {
		return taken, err
	}
	return x.present(sub, taken, out), nil
}

// collectedOverhead is what a reply has of a record beside its id, twice, and
// its value, in bytes, at most.
const collectedOverhead = len(`"",{"id":"","record":,"version":},`) + 20

// present returns those of what was taken that are there, and gives back the
// others.
func (x *collections) present(sub *subscriber, taken []showing, out *leftOut) []showing {
	kept := taken[:0]
	for _, r := range taken {
		if r.Value != nil {
			kept = append(kept, r)
			continue
		}
		out.missing++
		x.drop(sub, []showing{r})
	}
	return kept
}

// drop gives back what was taken and is not shown.
func (x *collections) drop(sub *subscriber, taken []showing) {
	sub.holder.covered.Add(-int64(len(taken)))
	for i := range taken {
		x.uncover(sub, []string{taken[i].ID})
		taken[i].hold.Release()
	}
}

// uncover takes covers back.
func (x *collections) uncover(sub *subscriber, ids []string) {
	for _, id := range ids {
		x.engine.hub.Uncover(sub.session, hub.Topic{Kind: hub.RecordTopic, Name: id}, sub)
	}
}
