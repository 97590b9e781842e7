package memory

import (
	"context"
	"strconv"
)

// Journal keeps what must outlive the process: entries by key, written as
// changes that are there as a whole or not at all. A store with a journal
// tells no one of a change before it is kept: what is delivered or
// acknowledged, or read by others, is never lost.
type Journal interface {
	// Load calls fn with every entry of a table, in the order of keys, until
	// fn fails. Key and value are fn's to keep. It is called before everything
	// else.
	Load(t Table, fn func(key, value []byte) error) error
	// Append has a change kept, after those appended before it, and returns
	// its place, from 1. It never blocks; what it is given is kept until it is
	// written, and must not change. Once the change is kept, then, unless nil,
	// is called: one at a time, in the order of places; it must not wait for
	// anything. A change without entries is kept when those before it are. A
	// change that cannot be kept is the end: its then, and those of all that
	// follow, are never called, and Wait fails.
	Append(change []JournalEntry, then func()) (place int64)
	// Wait returns once the change at a place, and all before it, are kept,
	// and their thens have returned; at once for place 0. It costs next to
	// nothing where that is so already. It fails with backplane.ErrUnavailable, wrapped, where they
	// cannot be kept, or with ctx's error.
	Wait(ctx context.Context, place int64) error
}

// Table says what the entries of a journal are about.
type Table byte

// The tables. Numbers are never reused.
const (
	RecordTable  Table = 1
	PatchTable   Table = 2
	StreamTable  Table = 3
	MessageTable Table = 4
	RoomTable    Table = 5 // metadata of rooms
	KVTable      Table = 6
)

// String returns what the table is called in errors.
func (t Table) String() string {
	switch t {
	case RecordTable:
		return "records"
	case PatchTable:
		return "patches"
	case StreamTable:
		return "streams"
	case MessageTable:
		return "messages"
	case RoomTable:
		return "rooms"
	case KVTable:
		return "kv"
	}
	return "table " + strconv.Itoa(int(t))
}

// JournalEntry is one entry's next value; nil removes it. An empty value is
// one. A key has 1 to 32,768 bytes: names are far shorter.
type JournalEntry struct {
	Table Table
	Key   []byte
	Value []byte
}
