package redis

import (
	"context"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

var recordPlaceOf = newScript("record_place")

// recordHandler takes the changes of one record. Where the node has subscribed
// to all records too, each change comes over both channels, first over that of
// all: recordsHandler delivers it, and notes it here.
type recordHandler struct {
	node *Node
	id   string
	// seen is the place up to which the record's changes are dropped when they
	// come: they were delivered, or made before the node had subscribed. told is
	// the place of the last one that was delivered.
	seen, told recordPlace
	// valued says that the record had a value when it was last seen.
	valued bool
}

var _ handler = (*recordHandler)(nil)

func newRecordHandler(n *Node, id string) handler { return &recordHandler{node: n, id: id} }

// recordHandler returns the handler of a record, nil where the node has not
// subscribed to it. It is called by the lane's goroutine.
func (n *Node) recordHandler(id string) *recordHandler {
	if t := n.ledger.lane.find(n.ledger.channel("record", id)); t != nil {
		h, _ := t.handler.(*recordHandler)
		return h
	}
	return nil
}

// begin implements handler.
func (h *recordHandler) begin(ctx context.Context) (answered, error) {
	now, err := h.ask(ctx)
	return func(context.Context) error {
		if !h.outrun(now) {
			h.seen, h.valued = now.all, now.valued
		}
		return nil
	}, err
}

// outrun reports whether the handler of all records has told of something newer than
// what was read: both may have asked at the same time.
func (h *recordHandler) outrun(now recordNow) bool {
	return h.told.era == now.all.era && h.told.seq > now.all.seq
}

// deliver implements handler.
func (h *recordHandler) deliver(text string) {
	f := parseChange(text)
	if f == nil || h.seen.era == "" || h.seen.reaches(f.place()) {
		return
	}
	h.tell(f.decode(), f.place())
}

// tell delivers a change.
func (h *recordHandler) tell(c backplane.RecordChange, at recordPlace) {
	h.noted(c, at)
	if to := h.node.to(); to != nil {
		to.Record(c)
	}
}

// noted notes that a change is delivered.
func (h *recordHandler) noted(c backplane.RecordChange, at recordPlace) {
	h.told, h.valued = at, c.Value != nil
	if !h.seen.reaches(at) {
		h.seen = at
	}
}

// resume implements handler: the newest version stands for those that were
// missed. Where the record has been forgotten meanwhile, no version can.
func (h *recordHandler) resume(ctx context.Context, _ time.Duration) (answered, error) {
	now, err := h.ask(ctx)
	return func(context.Context) error {
		h.catchUp(now)
		return nil
	}, err
}

func (h *recordHandler) catchUp(now recordNow) {
	switch {
	case h.outrun(now):
		return
	case now.record != nil && !h.told.reaches(now.at):
		h.tell(backplane.RecordChange{Record: *now.record}, now.at)
	case !now.there && h.valued:
		h.valued = false
		if to := h.node.to(); to != nil {
			to.Lost(backplane.Topic{Kind: backplane.RecordOf, Name: h.id})
		}
	}
	h.seen = now.all
}

// recordNow is a record in Redis, and its place among all changes.
type recordNow struct {
	all, at       recordPlace // the last change of all, and of the record
	valued, there bool
	record        *backplane.Record // nil where that change has been seen
}

// ask reads the record where it has changed since the handler has seen it.
func (h *recordHandler) ask(ctx context.Context) (now recordNow, err error) {
	answer, err := h.node.eval(ctx, h.node.ledger, recordPlaceOf, h.id, h.seen.era, h.seen.seq)
	if err != nil {
		return now, err
	}
	const certain = 8
	fields := answer.list(certain)
	era := fields[0].text()
	if era == "" {
		return now, errNotRedis
	}
	now.all = recordPlace{era, fields[1].number()}
	now.at = recordPlace{era, fields[2].number()}
	// What has ended is there until someone settles it: that will be published.
	now.valued, now.there = fields[3].yes(), fields[2].yes() || fields[4].yes()
	if fields[5].there() {
		record := readRecord(h.id, fields[5:])
		now.record, now.there = &record, true
	}
	return now, nil
}
