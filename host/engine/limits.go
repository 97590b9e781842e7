package engine

import "time"

// The defaults of Limits.
const (
	DefaultMetadataSize  = 64 << 10
	DefaultReplySize     = 4 << 20
	DefaultReceivers     = 10_000
	DefaultKVSize        = 16 << 20
	DefaultSubscriptions = 1000
	DefaultRooms         = 1000
	DefaultPresenceState = 4 << 10
	DefaultRoomMetadata  = 64 << 20
	DefaultHooks         = 65_536

	DefaultRecordSize      = 1 << 20
	DefaultRecordsSize     = 256 << 20
	DefaultRecordPatches   = 64
	DefaultRecordTombstone = 24 * time.Hour
	DefaultTransaction     = 100

	DefaultCollections       = 100
	DefaultCollectionRecords = 10_000
)

// Limits bound what an Engine accepts. A zero value is the default.
type Limits struct {
	// MetadataSize is the most bytes of a connection's or a room's metadata
	// (limits.metadata_size).
	MetadataSize int
	// ReplySize is the most bytes of a push's payload and of what a recovery
	// or a history brings (limits.reply_size).
	ReplySize int
	// Receivers is the most names in a list of receivers or of exclusions.
	Receivers int
	// KVSize returns the most bytes that a plugin's store may hold
	// (plugins.<name>.kv_size), counted as package backplane counts them; 0
	// allows none. It must be safe for concurrent use; nil is DefaultKVSize for
	// every plugin.
	KVSize func(plugin string) int64
	// Subscriptions is the most channels, presence subscriptions, records and
	// collections of a session together (limits.subscriptions), Rooms the most rooms
	// (limits.rooms).
	Subscriptions, Rooms int
	// PresenceState is the most bytes of one state (limits.presence_state).
	PresenceState int
	// RoomMetadata is the most bytes of the metadata of all rooms
	// (limits.room_metadata).
	RoomMetadata int64
	// Hooks is the most events that wait for their hooks (limits.hooks).
	Hooks int
	// RecordSize is the most bytes of a record's value (limits.record_size),
	// RecordsSize of all records together (limits.records_size).
	RecordSize  int
	RecordsSize int64
	// RecordPatches is how many patches of a record are kept for those who come
	// back (limits.record_patches); negative keeps none. RecordTombstone is how
	// long the version of a deletion is (limits.record_tombstone).
	RecordPatches   int
	RecordTombstone time.Duration
	// Transaction is the most operations of one (limits.transaction).
	Transaction int
	// Collections is the most collections of a session (limits.collections);
	// they count as Subscriptions, too.
	Collections int
	// CollectionRecords is the most records of all collections of a session
	// together (limits.collection_records).
	CollectionRecords int
}

func (l Limits) withDefaults() Limits {
	l.MetadataSize = orDefault(l.MetadataSize, DefaultMetadataSize)
	l.ReplySize = orDefault(l.ReplySize, DefaultReplySize)
	l.Receivers = orDefault(l.Receivers, DefaultReceivers)
	l.Subscriptions = orDefault(l.Subscriptions, DefaultSubscriptions)
	l.Rooms = orDefault(l.Rooms, DefaultRooms)
	l.PresenceState = orDefault(l.PresenceState, DefaultPresenceState)
	l.RoomMetadata = orDefault(l.RoomMetadata, DefaultRoomMetadata)
	l.Hooks = orDefault(l.Hooks, DefaultHooks)
	l.RecordSize = orDefault(l.RecordSize, DefaultRecordSize)
	l.RecordsSize = orDefault(l.RecordsSize, DefaultRecordsSize)
	l.RecordPatches = max(0, orDefault(l.RecordPatches, DefaultRecordPatches))
	l.RecordTombstone = orDefault(l.RecordTombstone, DefaultRecordTombstone)
	l.Transaction = orDefault(l.Transaction, DefaultTransaction)
	l.Collections = orDefault(l.Collections, DefaultCollections)
	l.CollectionRecords = orDefault(l.CollectionRecords, DefaultCollectionRecords)
	if l.KVSize == nil {
		l.KVSize = func(string) int64 { return DefaultKVSize }
	}
	return l
}

// ReplySize returns the most bytes of a reply.
func (e *Engine) ReplySize() int { return e.limits.ReplySize }

func orDefault[T int | int64 | time.Duration](v, otherwise T) T {
	if v == 0 {
		return otherwise
	}
	return v
}
