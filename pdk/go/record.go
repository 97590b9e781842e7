package mesh

import "iter"

// Records are versioned JSON values that clients can subscribe to, on all
// nodes. Ids are 1 to 256 bytes without control characters. Every change is one
// version, which subscribers are told of; a value equal to the one that is there
// changes nothing. No guard is asked. The hooks that a write sets off run after
// the handler has returned.
var Records RecordOperations

// RecordOperations is the type of Records.
type RecordOperations struct{}

// Record is a value as it is at a version.
type Record struct {
	ID string
	// Value is any JSON value; null where there is none: never written, deleted
	// or expired. In a list without values it is nil.
	Value JSON
	// Version counts changes, deletions too; 0 for a record that was never
	// written.
	Version int64
	// Epoch names the life that Version counts in: versions of another one mean
	// nothing. It is "" with version 0.
	Epoch string
}

// Written is what has become of a write.
type Written struct {
	// Version is the record's version now, in the life that Epoch names.
	Version int64
	Epoch   string
	// Changed tells whether this made the version: an equal value makes none.
	Changed bool
}

// Get reads a record.
func (RecordOperations) Get(id string) (Record, error) {
	value, version, epoch, err := callRecordsGet(id)
	return Record{id, value, version, epoch}, err
}

// Set writes a record. The error is ECONFLICT where ExpectVersion is not met,
// which AsConflict reads; ETOOLARGE or ELIMIT beyond the host's limits.
func (RecordOperations) Set(id string, value JSON, options ...WriteOption) (Written, error) {
	return set(id, value, termsOf("", options))
}

// Merge lays the members of an object over those of the record, with
// Strategy(DeepMerge) in nested objects too. What is no object, or meets none,
// replaces. Otherwise it is Set.
func (RecordOperations) Merge(id string, part JSON, options ...WriteOption) (Written, error) {
	return set(id, part, termsOf(Merge, options))
}

// Update writes what change makes of a record. Where another write comes
// between reading and writing it begins anew, so that none is lost; change may
// be called several times. An error of change ends it, and nothing is written.
func (RecordOperations) Update(id string, change func(Record) (JSON, error), options ...WriteOption) (Written, error) {
	options = options[:len(options):len(options)] // the caller's array stays as it is
	for {
		r, err := Records.Get(id)
		if err != nil {
			return Written{}, err
		}
		value, err := change(r)
		if err != nil {
			return Written{}, err
		}
		w, err := Records.Set(id, value, append(options, ExpectVersion(r.Version))...)
		if _, again := AsConflict(err); !again {
			return w, err
		}
	}
}

// Delete takes a record's value away, which makes a version too, and tells
// whether there was one. The error is ECONFLICT where ExpectVersion is not met.
func (RecordOperations) Delete(id string, options ...DeleteOption) (deleted bool, version int64, err error) {
	var t terms
	for _, option := range options {
		option.deletion(&t)
	}
	return callRecordsDelete(id, t.expect)
}

// RecordQuery says which records are listed; the zero value: the first 100,
// without their values.
type RecordQuery struct {
	// Pattern selects by id, like that of an exposure; "": all.
	Pattern string
	// Values asks for values too. Pages may then be shorter than the limit.
	Values bool
	// Cursor is where the page begins: Next of the one before, "" for the first.
	Cursor string
	// Limit is the most records of the page, up to 1000; 0: 100.
	Limit int
}

// RecordPage is a part of a list of records.
type RecordPage struct {
	// List is [{"recordId", "version", "epoch", "value"}], value where it was
	// asked for; Records reads it.
	List JSON
	// Next is the cursor of the next page, "" after the last.
	Next string
}

// List lists the records that have a value.
func (RecordOperations) List(q RecordQuery) (RecordPage, error) {
	list, next, err := callRecordsList(q.Pattern, q.Values, q.Cursor, int64(q.Limit))
	return RecordPage{list, next}, err
}

// Records ranges over the records of the page.
func (p RecordPage) Records() iter.Seq[Record] {
	return func(yield func(Record) bool) {
		for item := range p.List.Items() {
			if !yield(readRecord(item)) {
				return
			}
		}
	}
}

// readRecord reads an entry of a list in one pass: values may be large.
func readRecord(item JSON) (r Record) {
	for name, value := range item.Members() {
		switch name {
		case "recordId":
			r.ID, _ = value.AsText()
		case "version":
			r.Version, _ = value.AsInt()
		case "epoch":
			r.Epoch, _ = value.AsText()
		case "value":
			r.Value = value
		}
	}
	return r
}

// Unsubscribe ends a connection's subscription to a record and tells whether
// there was one. The client gets the reason, at most 123 bytes. What it sees of
// the record through a collection stays.
func (RecordOperations) Unsubscribe(id, connectionID, reason string) (bool, error) {
	return callRecordsUnsubscribe(id, connectionID, reason)
}

func set(id string, value JSON, t terms) (Written, error) {
	version, epoch, changed, err := callRecordsSet(id, value, t.strategy, t.expect, t.ttl)
	return Written{version, epoch, changed}, err
}
