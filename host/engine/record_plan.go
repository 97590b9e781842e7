package engine

import (
	"fmt"
	"strconv"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/protocol"
	"github.com/mesh-host/mesh-host/host/record"
)

// ttlOf is after what time a record deletes itself: what the write says, else
// its exposure.
func (e *Engine) ttlOf(w *Write) time.Duration {
	if w.TTL > 0 {
		return milliseconds(w.TTL)
	}
	if x := e.rules.Record(w.Record); x != nil {
		return x.TTL
	}
	return 0
}

// plan is what a write makes of a record as it is.
func (e *Engine) plan(w *Write, r backplane.Record) (backplane.RecordWrite, error) {
	p := backplane.RecordWrite{
		ID: w.Record, Expect: r.Version, TTL: e.ttlOf(w), Tombstone: e.limits.RecordTombstone,
		Log: e.limits.RecordPatches, By: w.By,
	}
	if w.Expect != nil && *w.Expect != r.Number && (*w.Expect != 0 || r.Value != nil) {
		return p, conflict(w.Fields.Options+"expectVersion", *w.Expect, r.Number)
	}
	if w.Delete {
		p.Keep = r.Value == nil
		return p, nil
	}
	next := []byte(w.Value)
	if r.Value != nil && (w.Strategy == Merge || w.Strategy == DeepMerge) {
		next = protocol.Merge(r.Value, w.Value, w.Strategy == DeepMerge)
	}
	if len(next) > e.limits.RecordSize {
		return p, tooLarge(w.valueField(), len(next), e.limits.RecordSize, "limits.record_size")
	}
	p.Value, p.Patch = next, record.Diff(r.Value, next)
	if p.Keep = string(p.Patch) == "[]"; p.Keep {
		return p, nil // equal
	}
	p.LogSize = max(len(next), minLogSize)
	return p, nil
}

// minLogSize is how many bytes of patches a record may keep, however small it
// is. For a larger one it is its own size: who has missed more than that is
// better off with the value.
const minLogSize = 4 << 10

func conflict(field string, expected, current int64) error {
	e := protocol.NewError(abi.CodeConflict, fmt.Sprintf("%s: the record is at version %d, not %d", field, current, expected))
	e.Data = append(strconv.AppendInt([]byte(`{"version":`), current, 10), '}')
	return e
}
