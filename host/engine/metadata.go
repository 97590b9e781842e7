package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// The strategies of writing metadata.
const (
	// Replace puts the new value in the place of the old one. The default.
	Replace = "replace"
	// Merge lays the members of an object over those of the old one.
	Merge = "merge"
	// DeepMerge is Merge, object into object; arrays and everything else
	// replace.
	DeepMerge = "deepMerge"
)

// Metadata returns a connection's metadata, nil where none was set, and its
// authenticated user, "" for an anonymous connection. It fails with ENOTFOUND.
func (e *Engine) Metadata(ctx context.Context, id string) (metadata json.RawMessage, user string, err error) {
	if s := e.hub.Get(id); s != nil {
		return s.Metadata(), s.User(), nil
	}
	c, err := e.node.Connections().Get(ctx, id)
	if err != nil {
		return nil, "", storeError(abi.OpConnectionsMetadataGet, err)
	}
	return c.Metadata, c.User, nil
}

// SetMetadata writes a connection's metadata, atomically, and returns it as it
// is afterwards; null is none. An empty strategy is Replace; Merge and
// DeepMerge take an object, and replace what is no object. It fails with
// ENOTFOUND, EPAYLOAD or ETOOLARGE.
func (e *Engine) SetMetadata(ctx context.Context, id string, metadata json.RawMessage, strategy string) (json.RawMessage, error) {
	combine, err := e.combiner(metadata, strategy)
	if err != nil {
		return nil, err
	}
	return e.swapMetadata(ctx, id, combine)
}

func (e *Engine) swapMetadata(ctx context.Context, id string, combine combination) (json.RawMessage, error) {
	before, _, err := e.Metadata(ctx, id)
	if err != nil {
		return nil, err
	}
	return e.swap(combine, before, func(before, after []byte) (bool, []byte, error) {
		swapped, current, err := e.node.Connections().SwapMetadata(ctx, id, before, after)
		if err != nil {
			err = storeError(abi.OpConnectionsMetadataSet, err)
		}
		return swapped, current, err
	})
}

// swap writes what a combination makes of a value until no one has written in
// between.
func (e *Engine) swap(combine combination, before []byte, write func(before, after []byte) (bool, []byte, error)) (json.RawMessage, error) {
	for {
		after := combine(before)
		if len(after) > e.limits.MetadataSize {
			return nil, e.metadataTooLarge(len(after))
		}
		if bytes.Equal(after, []byte("null")) {
			after = nil
		}
		swapped, current, err := write(before, after)
		if err != nil || swapped {
			return after, err
		}
		before = current
	}
}

// combination is what a write makes of the metadata before, nil for none.
type combination func(before json.RawMessage) json.RawMessage

// combiner returns what a strategy makes of the metadata before; the result
// shares no memory with metadata.
func (e *Engine) combiner(metadata []byte, strategy string) (combination, error) {
	if len(metadata) > e.limits.MetadataSize {
		return nil, e.metadataTooLarge(len(metadata))
	}
	if err := checkJSON("metadata", metadata); err != nil {
		return nil, err
	}
	metadata = protocol.TrimSpace(metadata)
	switch strategy {
	case "", Replace:
		kept := json.RawMessage(bytes.Clone(metadata))
		return func(json.RawMessage) json.RawMessage { return kept }, nil
	case Merge, DeepMerge:
		if !protocol.IsObject(metadata) {
			return nil, payloadError("metadata", "must be an object for the strategy %q", strategy)
		}
		return func(before json.RawMessage) json.RawMessage {
			return protocol.Merge(before, metadata, strategy == DeepMerge)
		}, nil
	}
	return nil, payloadError("strategy", "%q is none of %q, %q and %q", protocol.CutText(strategy, 32), Replace, Merge, DeepMerge)
}

func (e *Engine) metadataTooLarge(size int) error {
	return tooLarge("metadata", size, e.limits.MetadataSize, "limits.metadata_size")
}

// SetOwnMetadata is SetMetadata for a client that may write some keys, "*" for
// all: what the server has set beside them stays, also with Replace. It fails
// with EDENIED for another key.
func (e *Engine) SetOwnMetadata(ctx context.Context, s *hub.Session, metadata json.RawMessage, strategy string, writable []string) error {
	combine, err := e.combiner(metadata, strategy)
	if err != nil {
		return err
	}
	if slices.Contains(writable, "*") {
		_, err = e.swapMetadata(ctx, s.ID(), combine)
		return err
	}
	if err := checkWritable(metadata, writable); err != nil {
		return err
	}
	if strategy == "" || strategy == Replace {
		patch := bytes.Clone(metadata)
		combine = func(before json.RawMessage) json.RawMessage {
			return protocol.Merge(protocol.Without(before, writable), patch, false)
		}
	}
	foreign := false // the server has set something that keys cannot be added to
	_, err = e.swapMetadata(ctx, s.ID(), func(before json.RawMessage) json.RawMessage {
		if foreign = before != nil && !protocol.IsObject(before); foreign {
			return before
		}
		return combine(before)
	})
	if err == nil && foreign {
		return protocol.NewError(abi.CodeDenied, "The server has set metadata that is no object; clients cannot add to it")
	}
	return err
}

func checkWritable(metadata []byte, writable []string) error {
	if !protocol.IsObject(metadata) {
		return payloadError("metadata", "must be an object")
	}
	var denied []string
	protocol.EachMember(metadata, func(key, _ []byte) bool {
		if !slices.Contains(writable, string(key)) {
			denied = append(denied, protocol.CutText(string(key), 64))
		}
		return len(denied) < 8
	})
	if len(denied) == 0 {
		return nil
	}
	return protocol.NewError(abi.CodeDenied, "metadata.client_writable does not let clients set "+strings.Join(denied, ", "))
}

// MetadataEntry is a connection with its metadata.
type MetadataEntry struct {
	Connection string
	Metadata   json.RawMessage
}

// ListMetadata lists the metadata of all connections, or of the members of a
// room.
func (e *Engine) ListMetadata(ctx context.Context, room string, p Paging) (page []MetadataEntry, next string, err error) {
	if room == "" {
		return inParts(p, e.limits.ReplySize, func(p Paging) ([]MetadataEntry, string, error) {
			connections, next, err := e.Connections(ctx, "", p)
			part := make([]MetadataEntry, len(connections))
			for i, c := range connections {
				part[i] = MetadataEntry{c.ID, c.Metadata}
			}
			return part, next, err
		}, func(m MetadataEntry) int { return len(m.Metadata) })
	}
	members, err := e.Members(ctx, room)
	if err != nil {
		return nil, "", err
	}
	return inParts(p, e.limits.ReplySize, func(p Paging) (part []MetadataEntry, next string, err error) {
		members, next := pageOf(members, p)
		for _, id := range members {
			metadata, _, err := e.Metadata(ctx, id)
			if err != nil && !protocol.IsCode(err, abi.CodeNotFound) {
				return nil, "", err
			}
			if err == nil {
				part = append(part, MetadataEntry{id, metadata})
			}
		}
		return part, next, nil
	}, func(m MetadataEntry) int { return len(m.Metadata) })
}

// partSize is how many entries of a page whose entries may be large are read at
// once.
const partSize = 16

// inParts reads a page part by part, and ends it early where it would be larger
// than limit bytes.
func inParts[T any](p Paging, limit int, read func(Paging) ([]T, string, error), size func(T) int) (page []T, next string, err error) {
	next = p.Cursor
	for bytes, wanted := 0, p.size(); wanted > 0; {
		var part []T
		part, next, err = read(Paging{Cursor: next, Limit: int64(min(wanted, partSize))})
		if err != nil {
			return nil, "", err
		}
		for _, entry := range part {
			bytes += size(entry)
		}
		page = append(page, part...)
		if next == "" || bytes >= limit/4 {
			break
		}
		wanted -= partSize
	}
	return page, next, nil
}

// pageOf cuts a page out of a sorted list; the cursor is the last name before
// it.
func pageOf(sorted []string, p Paging) (page []string, next string) {
	start, found := slices.BinarySearch(sorted, p.Cursor)
	if found {
		start++
	}
	page = sorted[start:]
	if size := p.size(); len(page) > size {
		return page[:size], page[size-1]
	}
	return page, ""
}

// RoomMetadata returns a room's metadata, nil where none was set. It fails with
// EPAYLOAD.
func (e *Engine) RoomMetadata(ctx context.Context, room string) (json.RawMessage, error) {
	if err := checkName("roomName", room); err != nil {
		return nil, err
	}
	metadata, err := e.node.RoomMetadata().Get(ctx, room)
	if err != nil {
		return nil, storeError(abi.OpRoomsMetadataGet, err)
	}
	return metadata, nil
}

// SetRoomMetadata is SetMetadata for a room; null takes the metadata away. It
// fails with EPAYLOAD, ETOOLARGE or, where the metadata of all rooms would
// outgrow its limit, ELIMIT.
func (e *Engine) SetRoomMetadata(ctx context.Context, room string, metadata json.RawMessage, strategy string) (json.RawMessage, error) {
	combine, err := e.combiner(metadata, strategy)
	if err != nil {
		return nil, err
	}
	before, err := e.RoomMetadata(ctx, room)
	if err != nil {
		return nil, err
	}
	return e.swap(combine, before, func(before, after []byte) (bool, []byte, error) {
		swapped, current, err := e.node.RoomMetadata().Swap(ctx, room, before, after, e.limits.RoomMetadata)
		switch {
		case errors.Is(err, backplane.ErrFull):
			err = protocol.NewError(abi.CodeLimit, "The metadata of all rooms would exceed limits.room_metadata; clear rooms that are no longer used")
		case err != nil:
			err = storeError(abi.OpRoomsMetadataSet, err)
		}
		return swapped, current, err
	})
}

// ListRoomMetadata lists the rooms that have metadata.
func (e *Engine) ListRoomMetadata(ctx context.Context, p Paging) ([]backplane.RoomValue, string, error) {
	return inParts(p, e.limits.ReplySize, func(p Paging) ([]backplane.RoomValue, string, error) {
		part, next, err := e.node.RoomMetadata().List(ctx, p.Cursor, p.size())
		if err != nil {
			return nil, "", storeError(abi.OpRoomsMetadataList, err)
		}
		return part, next, nil
	}, func(r backplane.RoomValue) int { return len(r.Metadata) })
}
