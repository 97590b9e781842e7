package mesh

import "github.com/mesh-host/mesh-host/pdk/go/internal/codec"

// RecordChange is a version of a record that has come into being. Its connection
// is the client that wrote, none where a plugin, an operator or a TTL did.
type RecordChange struct {
	*Call
	// RecordID is the record.
	RecordID string
	// Version is the version, in the life that Epoch names.
	Version int64
	Epoch   string
	// Reason is one of the Removed constants, "" for an update.
	Reason string
}

// Value returns the new value; of a removal the one that the record had.
func (c *RecordChange) Value() JSON { return c.Payload() }

// Why a record was removed, as RecordChange.Reason says.
const (
	// RemovedByDelete: a client, a plugin or an operator deleted it.
	RemovedByDelete = "deleted"
	// RemovedByExpiry: its TTL has passed without a write.
	RemovedByExpiry = "expired"
)

// OnRecordUpdate registers the hook that runs for each version that a record has
// got a value with, whoever wrote it. It is called for the records that match
// one of the patterns, without patterns for all. Those of one record run in the
// order of its versions, after the write and beside it. An error is logged.
func (p *Plugin) OnRecordUpdate(fn func(*RecordChange) error, records ...string) {
	p.onRecord("recordUpdate", fn, records)
}

// OnRecordRemoved registers the hook that runs for each version that has taken a
// record's value away. Otherwise it is as OnRecordUpdate.
func (p *Plugin) OnRecordRemoved(fn func(*RecordChange) error, records ...string) {
	p.onRecord("recordRemoved", fn, records)
}

func (p *Plugin) onRecord(event string, fn func(*RecordChange) error, records []string) {
	change := new(RecordChange) // an instance runs one call at a time
	p.hook(event, fn == nil, func(c *Call) []byte {
		f := codec.Decode(c.request.detail())
		*change = RecordChange{Call: c, RecordID: c.memory.text(f.Bytes())}
		change.Version, _ = f.Int()
		change.Epoch, change.Reason = c.memory.text(f.Bytes()), c.memory.text(f.Bytes())
		return c.memory.outcome(statusError, fn(change))
	}, []HookOption{ofRecords(records)})
}

type ofRecords []string

func (v ofRecords) hook(o *ObjectBuilder) {
	if len(v) > 0 {
		o.Texts("records", v)
	}
}
