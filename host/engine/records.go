package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// Write asks for the next version of a record.
type Write struct {
	Record string
	// Delete takes the value away; Value and Strategy are not read then.
	Delete bool
	// Value is any JSON value.
	Value json.RawMessage
	// Strategy is Replace (or ""), Merge or DeepMerge; what is no object, or
	// meets none, replaces.
	Strategy string
	// Expect, unless nil, is the version that the record must have; 0: it must
	// have no value.
	Expect *int64
	// TTL is after what time without a further write the record deletes
	// itself, in milliseconds; 0: as its exposure says.
	TTL int64
	// By is the connection that writes, "" for none.
	By string
	// Fields are what errors call the fields; the zero value is what operations
	// call them.
	Fields WriteFields

	checked bool
}

// WriteFields are the names of a Write's fields where it comes from. Options goes
// before the names of strategy, expectVersion and ttl.
type WriteFields struct{ Record, Value, Options string }

// Written is what has become of a Write.
type Written struct {
	backplane.Version
	// Changed reports whether the write made the version: an equal value does
	// not, nor does deleting what is not there.
	Changed bool
}

// Record reads a record. It fails with EPAYLOAD.
func (e *Engine) Record(ctx context.Context, id string) (backplane.Record, error) {
	if err := checkName("recordId", id); err != nil {
		return backplane.Record{}, err
	}
	return e.record(ctx, id)
}

// record is Record of a name that has been checked.
func (e *Engine) record(ctx context.Context, id string) (backplane.Record, error) {
	r, err := e.node.Records().Get(ctx, id)
	if err != nil {
		return r, storeError(abi.OpRecordsGet, err)
	}
	return r, nil
}

// Write writes a record, atomically. It fails with EPAYLOAD, ECONFLICT,
// ETOOLARGE, ELIMIT, or, where too many events wait for their hooks,
// ERATELIMIT.
func (e *Engine) Write(ctx context.Context, w Write) (Written, error) {
	if err := e.CheckWrite(&w); err != nil {
		return Written{}, err
	}
	all, err := e.commit(ctx, []Write{w})
	if err != nil {
		return Written{}, err
	}
	return all[0], nil
}

// Transact makes all writes or none, as one change; what they have become is in
// their order. It fails as Write does, with the record's id in the error's
// data, or with ETXN where there are none, too many, or two of one record.
func (e *Engine) Transact(ctx context.Context, writes []Write) ([]Written, error) {
	if err := e.CheckTransaction(writes); err != nil {
		return nil, err
	}
	return e.commit(ctx, writes)
}

// CheckTransaction refuses what Transact would refuse whatever the records are.
func (e *Engine) CheckTransaction(writes []Write) error {
	if len(writes) == 0 || len(writes) > e.limits.Transaction {
		return protocol.NewError(abi.CodeTransaction, fmt.Sprintf(
			"operations: a transaction has 1 to %d of them, as limits.transaction allows", e.limits.Transaction))
	}
	seen := make(map[string]bool, len(writes))
	for i := range writes {
		w := &writes[i]
		if err := e.CheckWrite(w); err != nil {
			return OfRecord(w.Record, err)
		}
		if seen[w.Record] {
			return OfRecord(w.Record, protocol.NewError(abi.CodeTransaction, fmt.Sprintf(
				"operations: record %q is there twice; a transaction writes a record once", w.Record)))
		}
		seen[w.Record] = true
	}
	return nil
}

// OfRecord puts the id of a transaction's record into the data of an error for
// clients.
func OfRecord(id string, err error) error {
	known := protocol.AsError(err)
	if known == nil {
		return err
	}
	told := *known
	told.Data = append(appendRecordID(nil, id), '}')
	if protocol.IsObject(known.Data) {
		told.Data = protocol.Merge(told.Data, known.Data, false)
	}
	return &told
}

// CheckWrite refuses what Write would refuse whatever the record is.
func (e *Engine) CheckWrite(w *Write) error {
	if w.checked {
		return nil
	}
	if err := e.checkWrite(w); err != nil {
		return err
	}
	w.checked = true
	return nil
}

func (e *Engine) checkWrite(w *Write) error {
	if err := checkName(cmp.Or(w.Fields.Record, "recordId"), w.Record); err != nil {
		return err
	}
	if w.Expect != nil && *w.Expect < 0 {
		return payloadError(w.Fields.Options+"expectVersion", "must be a version: 0, for no value, or more")
	}
	if ttl := milliseconds(w.TTL); ttl < 0 || ttl > MaxTTL {
		return payloadError(w.Fields.Options+"ttl", "must be 0 (as the record's pattern says) to %d milliseconds", MaxTTL.Milliseconds())
	}
	if w.Delete {
		return nil
	}
	switch w.Strategy {
	case "", Replace, Merge, DeepMerge:
	default:
		return payloadError(w.Fields.Options+"strategy", "must be %s, %s or %s", Replace, Merge, DeepMerge)
	}
	return e.checkValue(w)
}

func (e *Engine) checkValue(w *Write) error {
	field := w.valueField()
	switch {
	case len(w.Value) > e.limits.RecordSize:
		return tooLarge(field, len(w.Value), e.limits.RecordSize, "limits.record_size")
	case w.Value == nil:
		return payloadError(field, "is missing")
	case !protocol.ValidWithin(w.Value, recordLevels):
		return payloadError(field, "must be one JSON value in UTF-8, nested at most %d deep", protocol.MaxDepth-recordLevels)
	}
	w.Value = protocol.TrimSpace(w.Value)
	return nil
}

func (w *Write) valueField() string { return cmp.Or(w.Fields.Value, "value") }

// listedOverhead is what a record of a list has beside its value, in bytes, at
// most: its id, escaped, among them.
const listedOverhead = len(`{"recordId":"","version":,"epoch":"","value":},`) + 6*protocol.MaxName + 40

// recordLevels is how deep a record's value stands at most in what is made of it:
// in an operation of a patch, in the list of them, in a list of patches, in a
// reply's payload.
const recordLevels = 8

// Records lists the records that have a value; a pattern of "" matches all. It
// fails with EPAYLOAD. With values, a page holds no more of them than a reply
// may carry.
func (e *Engine) Records(ctx context.Context, pattern string, values bool, p Paging) (page []backplane.Record, next string, err error) {
	q := backplane.RecordQuery{Values: values, Cursor: p.Cursor, Limit: p.size(), Bytes: e.limits.ReplySize - p.size()*listedOverhead}
	q.Bytes = max(q.Bytes, 1)
	if pattern != "" {
		parsed, err := exposure.Parse(pattern)
		if err != nil {
			return nil, "", payloadError("pattern", "%v", err)
		}
		q.Match = parsed.Match
	}
	if page, next, err = e.node.Records().List(ctx, q); err != nil {
		return nil, "", storeError(abi.OpRecordsList, err)
	}
	return page, next, nil
}
