package redis

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

var recordCommit = newScript("record_commit")

// The states that the script of a commit returns.
const (
	commitMissed = iota // a record is at another version
	commitMade
	commitFull
)

// commitTries bounds how often what has ended is removed to make room.
const commitTries = 100

// Commit implements backplane.Records.
func (r records) Commit(ctx context.Context, writes []backplane.RecordWrite, limit int64) (versions []backplane.Version, found []backplane.Record, err error) {
	versions, found, kept, err := r.Submit(ctx, writes, limit)
	if err == nil && kept != nil {
		err = kept(ctx)
	}
	if err != nil {
		return nil, nil, err
	}
	return versions, found, nil
}

// Submit implements backplane.Records. Where there is no room because of values
// that have expired or tombstones that may be forgotten, they go first.
func (r records) Submit(ctx context.Context, writes []backplane.RecordWrite, limit int64) (versions []backplane.Version, found []backplane.Record, kept func(context.Context) error, err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, nil, err
	}
	if len(writes) == 0 {
		return []backplane.Version{}, nil, nil, nil
	}
	if err := distinct(writes); err != nil {
		return nil, nil, nil, err
	}
	for range commitTries {
		versions, found, err = r.attempt(ctx, writes, limit)
		if !errors.Is(err, errEnded) {
			return versions, found, nil, err
		}
		if err := r.node.expireRecords(ctx); err != nil {
			return nil, nil, nil, err
		}
	}
	return nil, nil, nil, backplane.ErrFull
}

// distinct fails where a record is written twice.
func distinct(writes []backplane.RecordWrite) error {
	if len(writes) == 1 {
		return nil
	}
	seen := make(map[string]struct{}, len(writes))
	for i := range writes {
		seen[writes[i].ID] = struct{}{}
		if len(seen) == i {
			return fmt.Errorf("redis: commit: record %q is written twice", writes[i].ID)
		}
	}
	return nil
}

// errEnded is ErrFull while something has ended that counts yet.
var errEnded = fmt.Errorf("%w, of what has ended", backplane.ErrFull)

// attempt makes the writes if it can. It does not give up what it has begun when
// ctx ends, for the receiver must be told what has been made; the round trip has
// a bound of its own.
func (r records) attempt(ctx context.Context, writes []backplane.RecordWrite, limit int64) (versions []backplane.Version, found []backplane.Record, err error) {
	n := r.node
	turn, err := n.recordTurns.take(ctx, len(writes), func(i int) string { return writes[i].ID })
	if err != nil {
		return nil, nil, err
	}
	defer n.recordTurns.giveBack(turn)
	answer, err := n.evalKept(context.WithoutCancel(ctx), n.ledger, recordCommit, commitArgs(writes, limit)...)
	if !answer.there() {
		return nil, nil, cmp.Or(err, errNotRedis)
	}
	parts := answer.list(3)
	n.toldSettled(parts[1])
	switch parts[0].number() {
	case commitMade:
		return n.toldWritten(writes, parts[2].list(3*len(writes))), nil, err
	case commitFull:
		if parts[2].yes() {
			return nil, nil, errEnded
		}
		return nil, nil, backplane.ErrFull
	}
	fields := parts[2].list(3 * len(writes))
	found = make([]backplane.Record, len(writes))
	for i := range found {
		found[i] = readRecord(writes[i].ID, fields[3*i:])
	}
	return nil, found, err
}

// commitArgs are a commit as its script reads it.
func commitArgs(writes []backplane.RecordWrite, limit int64) []any {
	const perWrite = 6
	args := make([]any, 0, 2+perWrite*len(writes))
	args = append(args, limit, newRecordEpoch())
	for i := range writes {
		w := &writes[i]
		args = append(args, w.ID, expectation(w), nature(w), nonNil(w.Value), nonNil(w.Patch), w.By)
	}
	return args
}

// newRecordEpoch is what the epochs that a commit begins have in common: always
// of the same length, so that no two are alike with a number behind them.
func newRecordEpoch() string {
	return strconv.FormatUint(rand.Uint64()|1<<63, 36)
}

func expectation(w *backplane.RecordWrite) string {
	text := make([]byte, 0, len(w.Expect.Epoch)+24)
	text = append(append(text, w.Expect.Epoch...), ' ')
	return string(strconv.AppendInt(text, w.Expect.Number, 10))
}

// nature says what a write is: to keep, delete, set, or set with a patch; and
// its TTL, tombstone, log and log size.
func nature(w *backplane.RecordWrite) string {
	kind := byte('s')
	switch {
	case w.Keep:
		kind = 'k'
	case w.Value == nil:
		kind = 'd'
	case w.Patch != nil:
		kind = 'p'
	}
	text := append(make([]byte, 0, 48), kind)
	for _, number := range [...]int64{
		max(0, roundUp(w.TTL)), max(1, roundUp(w.Tombstone)), int64(w.Log), int64(w.LogSize),
	} {
		text = strconv.AppendInt(append(text, ' '), number, 10)
	}
	return string(text)
}

// roundUp is a time in whole milliseconds, no shorter than it is.
func roundUp(d time.Duration) int64 {
	whole := d.Milliseconds()
	if d > time.Duration(whole)*time.Millisecond {
		whole++
	}
	return whole
}

// nonNil is what a command's argument can be.
func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// toldWritten tells the receiver of the writes, and returns their versions.
// fields has epoch, number and the value before a deletion of each.
func (n *Node) toldWritten(writes []backplane.RecordWrite, fields []reply) []backplane.Version {
	to := n.to()
	versions := make([]backplane.Version, len(writes))
	for i := range writes {
		w, of := &writes[i], fields[3*i:]
		versions[i] = backplane.Version{Epoch: of[0].text(), Number: of[1].number()}
		if w.Keep || to == nil {
			continue
		}
		c := backplane.RecordChange{Record: backplane.Record{ID: w.ID, Version: versions[i]}, By: w.By}
		if w.Value == nil {
			c.Previous = of[2].bytes()
		} else {
			c.Value, c.Patch = copied(w.Value, w.Patch)
		}
		to.Wrote(c)
	}
	return versions
}

// copied returns copies of a value and a patch; of nil it is nil.
func copied(value, patch []byte) (ownValue, ownPatch []byte) {
	both := append(append(make([]byte, 0, len(value)+len(patch)), value...), patch...)
	ownValue = both[:len(value):len(value)]
	if patch != nil {
		ownPatch = both[len(value):]
	}
	return ownValue, ownPatch
}

// toldSettled tells the receiver of versions that a script has made beside what
// it was asked for.
func (n *Node) toldSettled(frames reply) {
	to := n.to()
	if to == nil {
		return
	}
	for _, text := range frames.list(0) {
		if f := parseChange(text.text()); f != nil {
			to.Wrote(f.decode())
		}
	}
}
