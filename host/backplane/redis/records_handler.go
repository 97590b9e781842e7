package redis

import (
	"context"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

var recordsMissed = newScript("record_missed")

const (
	// missedBatch and missedBytes bound what one script reads of the changes
	// that were missed, missedRounds how many follow each other.
	missedBatch  = 256
	missedBytes  = 4 << 20
	missedRounds = 10_000
)

// recordsHandler takes the changes of all records. Each is published on the
// channel of all first and then on its record's, over the same connection. So
// what this handler delivers has not been delivered by that of the record, which
// is told of it; and whichever of the two is taken away, the other goes on with
// the next change. Only after the connection was lost, when both read what they
// have missed, it can be the other way round.
type recordsHandler struct {
	node *Node
	seen recordPlace // all up to there has been delivered, or was before begin
}

var _ handler = (*recordsHandler)(nil)

func newRecordsHandler(n *Node) handler { return &recordsHandler{node: n} }

// begin implements handler.
func (h *recordsHandler) begin(ctx context.Context) (answered, error) {
	now, err := h.ask(ctx, 0)
	return func(context.Context) error {
		h.seen = now.all
		return nil
	}, err
}

// deliver implements handler.
func (h *recordsHandler) deliver(text string) {
	f := parseChange(text)
	if f == nil || h.seen.era == "" {
		return
	}
	at := f.place()
	if h.seen.reaches(at) {
		return
	}
	if h.seen.era != at.era {
		h.lost() // the data has been removed under a server that went on
	}
	h.seen = at
	one := h.node.recordHandler(f.id())
	if one != nil && one.told.reaches(at) {
		return
	}
	h.tell(one, f.decode(), at)
}

// tell delivers a change, and notes it for who takes those of the record alone.
func (h *recordsHandler) tell(one *recordHandler, c backplane.RecordChange, at recordPlace) {
	if one != nil {
		one.noted(c, at)
	}
	if to := h.node.to(); to != nil {
		to.Record(c)
	}
}

func (h *recordsHandler) lost() {
	if to := h.node.to(); to != nil {
		to.Lost(backplane.Topic{Kind: backplane.AllRecords})
	}
}

// resume implements handler.
func (h *recordsHandler) resume(ctx context.Context, _ time.Duration) (answered, error) {
	now, err := h.ask(ctx, missedBatch)
	return func(ctx context.Context) error { return h.catchUp(ctx, now) }, err
}

// catchUp delivers the newest version of each record that has changed; the first of
// them were read. They are read until there are no more, so that whatever is
// published next follows one that was delivered.
func (h *recordsHandler) catchUp(ctx context.Context, now missedNow) (err error) {
	for round := range missedRounds {
		less := now.all.era != h.seen.era || now.all.seq < h.seen.seq || now.floor > h.seen.seq
		if less || round == missedRounds-1 { // or more comes than can be read
			h.seen = now.all
			h.lost()
			return nil
		}
		for i := range now.missed {
			h.deliverMissed(&now.missed[i])
		}
		if now.ended {
			h.seen = now.all
			return nil
		}
		if now, err = h.ask(ctx, missedBatch); err != nil {
			return err
		}
	}
	return nil
}

func (h *recordsHandler) deliverMissed(m *missedChange) {
	h.seen = m.at
	if m.record.Epoch == "" { // it has ended: that is yet to be published
		return
	}
	one := h.node.recordHandler(m.record.ID)
	if one == nil || !one.told.reaches(m.at) {
		h.tell(one, backplane.RecordChange{Record: m.record}, m.at)
	}
}

// missedChange is the last change of a record.
type missedChange struct {
	record backplane.Record
	at     recordPlace
}

// missedNow is what has changed since, or a part of it.
type missedNow struct {
	all    recordPlace
	floor  int64 // the newest change that is forgotten
	ended  bool
	missed []missedChange
}

func (h *recordsHandler) ask(ctx context.Context, most int) (now missedNow, err error) {
	answer, err := h.node.eval(ctx, h.node.ledger, recordsMissed, h.seen.seq, most, missedBytes)
	if err != nil {
		return now, err
	}
	parts := answer.list(5)
	now.all = recordPlace{parts[0].text(), parts[1].number()}
	if now.all.era == "" {
		return now, errNotRedis
	}
	now.floor, now.ended = parts[2].number(), parts[3].yes()
	fields := parts[4].list(0)
	for ; len(fields) >= 5; fields = fields[5:] {
		now.missed = append(now.missed, missedChange{
			record: readRecord(fields[0].text(), fields[2:]),
			at:     recordPlace{now.all.era, fields[1].number()},
		})
	}
	return now, nil
}
