package memory

import (
	"fmt"
	"sync/atomic"
)

// The journal has a room's metadata under the room's name, with the length in
// front:
//
//	format, metadata
const metadataFormat = 1

// setMetadata changes a room's metadata, which is accounted for already; it is
// locked.
func (s *Store) setMetadata(r *room, metadata []byte) {
	had := r.metadata != nil
	r.metadata = metadata
	if s.journal == nil || !had && metadata == nil {
		return
	}
	e := JournalEntry{Table: RoomTable, Key: appendText(nil, r.name)}
	if metadata != nil {
		e.Value = append(append(make([]byte, 0, len(metadata)+1), metadataFormat), metadata...)
	}
	raise(&r.counts.described, s.journal.Append([]JournalEntry{e}, nil))
}

// raise makes a number at least as large as another.
func raise(n *atomic.Int64, least int64) {
	for {
		now := n.Load()
		if now >= least || n.CompareAndSwap(now, least) {
			return
		}
	}
}

// lastDescribed is the place in the journal of the last change of any room's
// metadata.
func (s *Store) lastDescribed() (place int64) {
	for i := range s.counts {
		place = max(place, s.counts[i].described.Load())
	}
	return place
}

// decodeMetadata reads a room's entry. The metadata is a part of it.
func decodeMetadata(key, entry []byte) (name string, metadata []byte, err error) {
	k := reader{rest: key}
	name = string(k.text())
	k.end()
	e := reader{rest: entry}
	e.format(metadataFormat)
	if k.bad {
		e.bad = true
	}
	return name, e.rest, e.check(RoomTable, key)
}

// loadRooms puts the metadata of a journal's rooms in place.
func (s *Store) loadRooms(j Journal) error {
	err := j.Load(RoomTable, func(key, entry []byte) error {
		name, metadata, err := decodeMetadata(key, entry)
		if err != nil {
			return err
		}
		r := s.openRoom(name)
		defer s.closeRoom(r)
		s.reserveMetadata(metadataSize(name, metadata), 0)
		r.metadata = metadata
		return nil
	})
	if err != nil {
		return fmt.Errorf("load metadata of rooms: %w", err)
	}
	return nil
}
