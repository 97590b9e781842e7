package memory

import (
	"context"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// roomMetadata implements backplane.RoomMetadata.
type roomMetadata struct{ store *Store }

// Get implements backplane.RoomMetadata.
func (r roomMetadata) Get(ctx context.Context, name string) (metadata []byte, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := r.store
	s.readRoom(name, func(in *room) { metadata = in.metadata })
	if err := s.kept(ctx, s.countsOf(s.hash(name)).described.Load()); err != nil {
		return nil, err
	}
	return metadata, nil
}

// Swap implements backplane.RoomMetadata.
func (r roomMetadata) Swap(ctx context.Context, name string, expected, value []byte, limit int64) (swapped bool, current []byte, err error) {
	if err := ctx.Err(); err != nil {
		return false, nil, err
	}
	s := r.store
	swapped, current, err = s.swapMetadata(name, expected, value, limit)
	if lost := s.kept(ctx, s.countsOf(s.hash(name)).described.Load()); lost != nil {
		return false, nil, lost
	}
	return swapped, current, err
}

func (s *Store) swapMetadata(name string, expected, value []byte, limit int64) (swapped bool, current []byte, err error) {
	in := s.openRoom(name)
	defer s.closeRoom(in)
	if !same(in.metadata, expected) {
		return false, in.metadata, nil
	}
	if !s.reserveMetadata(metadataSize(name, value)-metadataSize(name, in.metadata), limit) {
		return false, nil, backplane.ErrFull
	}
	s.setMetadata(in, ownedOrNil(value))
	return true, nil, nil
}

// metadataSize is what a room's metadata counts, as in a KV.
func metadataSize(room string, metadata []byte) int64 {
	if metadata == nil {
		return 0
	}
	return int64(len(room) + len(metadata) + backplane.EntryOverhead)
}

// reserveMetadata accounts for growth bytes if there is room for them. What
// makes no growth is always in order.
func (s *Store) reserveMetadata(growth, limit int64) bool {
	for {
		used := s.metadata.Load()
		if growth > 0 && limit > 0 && used+growth > limit {
			return false
		}
		if s.metadata.CompareAndSwap(used, used+growth) {
			return true
		}
	}
}

// describe sets a room's metadata without a limit; it is locked.
func (s *Store) describe(r *room, metadata []byte) {
	s.reserveMetadata(metadataSize(r.name, metadata)-metadataSize(r.name, r.metadata), 0)
	s.setMetadata(r, metadata)
}

// List implements backplane.RoomMetadata.
func (r roomMetadata) List(ctx context.Context, cursor string, limit int) (page []backplane.RoomValue, next string, err error) {
	page, next, err = list(ctx, &r.store.rooms, cursor, limit, func(name string, in *room) (backplane.RoomValue, bool) {
		in.mu.RLock()
		defer in.mu.RUnlock()
		return backplane.RoomValue{Room: name, Metadata: in.metadata}, in.metadata != nil
	})
	if err == nil {
		err = r.store.kept(ctx, r.store.lastDescribed())
	}
	if err != nil {
		return nil, "", err
	}
	return page, next, nil
}
