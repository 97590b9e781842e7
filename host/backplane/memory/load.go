package memory

import (
	"context"
	"fmt"
)

// Open makes a store with what the journal has kept, less what has expired
// meanwhile, and with less history where HistorySize has become smaller. With
// NewEpochs it returns once the journal has kept them. Without a journal it is New.
// It fails where the journal cannot be read, or has an entry that this version does
// not understand, which the error names.
func Open(o Options) (*Store, error) {
	s := New(o)
	if o.Journal == nil {
		return s, nil
	}
	var out outdated
	s.journal = &out
	for _, load := range []func(Journal) error{s.values.load, s.channels.load, s.loadRooms, s.loadRecords} {
		if err := load(o.Journal); err != nil {
			return nil, fmt.Errorf("memory: %w", err)
		}
	}
	s.journal = o.Journal
	if len(out) > 0 {
		if err := s.kept(context.Background(), s.journal.Append(out, nil)); err != nil {
			return nil, fmt.Errorf("memory: remove what has expired: %w", err)
		}
	}
	if o.NewEpochs {
		if err := s.renewEpochs(); err != nil {
			return nil, fmt.Errorf("memory: begin new epochs: %w", err)
		}
	}
	return s, nil
}

// outdated is the journal of a store that is being loaded: what has to be
// removed from the journal then.
type outdated []JournalEntry

// Load implements Journal.
func (*outdated) Load(Table, func(key, value []byte) error) error { return nil }

// Append implements Journal.
func (o *outdated) Append(change []JournalEntry, then func()) int64 {
	*o = append(*o, change...)
	if then != nil {
		then()
	}
	return 0
}

// Wait implements Journal.
func (*outdated) Wait(context.Context, int64) error { return nil }
