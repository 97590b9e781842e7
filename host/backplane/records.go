package backplane

import (
	"context"
	"time"
)

// Version is a place in a record's life.
type Version struct {
	// Epoch names the life: it is another one whenever versions may have been
	// lost or numbered anew. "" for a record that was never written, or has
	// been forgotten.
	Epoch string
	// Number counts changes, from 1; 0 is before the first.
	Number int64
}

// Record is a value as it is at a version.
type Record struct {
	ID string
	Version
	// Value is JSON text; nil where the record is missing, or was deleted at
	// Version.
	Value []byte
}

// RecordPatch is what makes a version of the one before.
type RecordPatch struct {
	// Number is the version that it makes.
	Number int64
	// Patch is JSON text (RFC 6902).
	Patch []byte
}

// RecordChange is one version of a record coming into being. Its bytes never
// change and may be kept.
type RecordChange struct {
	Record
	// Patch makes the value of the version before into Value (RFC 6902), as the
	// write said; nil for a deletion, and where versions before were missed.
	Patch []byte
	// Previous is the value of the version before, nil where there was none.
	// A backplane may leave it out, except where it tells who made a deletion.
	Previous []byte
	// By is what the write said, Expired tells of a TTL that has passed.
	By      string
	Expired bool
}

// RecordWrite makes a record's next version.
type RecordWrite struct {
	ID string
	// Expect is the version that Value was made from: the record must still be
	// at it. The zero Version expects a record that was never written, or has
	// been forgotten.
	Expect Version
	// Keep makes no version and tells no one: the record must be at Expect, and
	// that is all, save that one with a value begins its TTL anew, with this
	// Tombstone, where TTL is set; otherwise it keeps both. The other fields
	// are not read.
	Keep bool
	// Value is the new value, nil to delete it: the version that says so is
	// kept as a tombstone.
	Value []byte
	// Patch is what RecordChange.Patch will be; not read for a deletion. Without
	// one, nil, the log begins anew.
	Patch []byte
	// TTL is after what time the record deletes itself, with a version of its
	// own; 0: never. It begins anew with every write. Stores may round it, and
	// Tombstone, up to milliseconds.
	TTL time.Duration
	// Tombstone is how long the version of a deletion, this one's or that of
	// the TTL, is kept; the record is then forgotten. Above 0.
	Tombstone time.Duration
	// Log is how many patches are kept, the newest ones, and LogSize how many
	// bytes of them together, this one's included; one that is larger by itself
	// leaves none.
	Log, LogSize int
	// By is handed on in the change.
	By string
}

// RecordOverhead and PatchOverhead are what a record, or its tombstone, and a
// patch of its log count towards the limit of all records beside their bytes.
// They are what keeping them costs, roughly, measured at the store in memory, so
// that the limit bounds memory and not just text: most records are small, and
// take up far more than their values.
const (
	RecordOverhead = 256
	PatchOverhead  = 48
)

// RecordQuery selects records of a list.
type RecordQuery struct {
	// Match selects by id; nil matches all. It is called under locks and must
	// not call back.
	Match func(id string) bool
	// Values asks for values; without it they are nil.
	Values bool
	Cursor string
	// Limit is the most records of a page, at least 1; Bytes the most bytes of
	// their values together, save that one record is returned however large it
	// is. 0 is no limit.
	Limit, Bytes int
}

// Records are versioned values. Each accepted write, save one that says Keep,
// is one change: value, version, patch log and publication. That a value differs
// from the one before is not looked at, and what is missing can be deleted.
//
// A record that is written anew while its tombstone is kept goes on with the
// next version of the same epoch; later it begins another epoch, with version 1.
//
// A value whose TTL has passed is never seen again: whoever comes upon it first,
// be it Run or one of the methods below, makes the version that deletes it, and
// is the one who wrote it. It is deleted, and published, in any case soon after.
type Records interface {
	// Get returns a record; its zero Version says that there is none.
	Get(ctx context.Context, id string) (Record, error)
	// Since returns a record, and the patches from a version on that lead to
	// it, read at one moment. ok says that they do: the epoch is the record's,
	// the version not above its, and the log reaches back far enough. To the
	// version that the record has lead no patches, also to that of a deletion,
	// which empties the log, and to the zero Version of one that is missing.
	Since(ctx context.Context, id string, from Version) (r Record, patches []RecordPatch, ok bool, err error)
	// Commit makes all writes or none, as one change; it fails where an id is
	// there twice. Where a record is not at the version that is expected it
	// makes none, and returns all records of the writes, in their order, as
	// they are; otherwise found is nil and versions are those that the records
	// have now. It fails with ErrFull where all records would exceed limit
	// bytes, unless the writes make them no larger; 0 is no limit. A record
	// counts the bytes of its id, its value and the patches of its log, and what
	// keeping these costs: RecordOverhead, also while its tombstone is kept, and
	// PatchOverhead for each patch. One that is forgotten may count for a while,
	// but never makes a write fail. Where ctx ends while a store that
	// outlives the process is writing, Commit fails with its error, and the
	// change may have been made.
	Commit(ctx context.Context, writes []RecordWrite, limit int64) (versions []Version, found []Record, err error)
	// Submit is Commit that does not wait until what it has made is kept. kept
	// does, and nil says that it is so already: until then nobody may be told of
	// the versions, and only the next write may be built on them.
	Submit(ctx context.Context, writes []RecordWrite, limit int64) (versions []Version, found []Record, kept func(context.Context) error, err error)
	// List lists the records that have a value, paged as Connections are. What
	// is looked at for a page is bounded, so that one can be empty and still
	// have a next one.
	List(ctx context.Context, q RecordQuery) (page []Record, next string, err error)
}
