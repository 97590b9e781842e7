package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// Join makes a connection a member of a room and, with present, present in it
// where its presence is tracked. It reports whether it was no member before.
// It fails with EPAYLOAD, ENOTFOUND, ELIMIT, or, where too many events wait
// for their hooks, ERATELIMIT.
func (e *Engine) Join(ctx context.Context, room, connection string, present bool) (joined bool, err error) {
	if err := checkName("roomName", room); err != nil {
		return false, err
	}
	if err := e.checkRoomCount(ctx, connection, room); err != nil {
		return false, err
	}
	if err := e.events.admit(ctx, connection, connection); err != nil {
		return false, err
	}
	defer e.hub.Relieve()
	tracked := e.rules.Tracked(room)
	present = present && tracked != nil
	joined, err = e.node.Rooms().Join(ctx, room, connection, present)
	if err != nil {
		return false, roomError("join", err)
	}
	if present {
		e.watch(connection, room, tracked.TTL)
	}
	return joined, nil
}

// checkRoomCount fails with ELIMIT where a connection may be in no further room.
// Those of another node's connection are asked for: joins of it that several nodes
// make at once may exceed the limit by as many.
func (e *Engine) checkRoomCount(ctx context.Context, connection, room string) error {
	if c := e.clients.get(connection); c != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		return e.checkRooms(len(c.rooms), c.rooms[room] != nil)
	}
	rooms, err := e.node.Rooms().Of(ctx, connection)
	if err != nil {
		return roomError("join", err)
	}
	_, member := slices.BinarySearch(rooms, room)
	return e.checkRooms(len(rooms), member)
}

func (e *Engine) checkRooms(count int, member bool) error {
	if member || count < e.limits.Rooms {
		return nil
	}
	return protocol.NewError(abi.CodeLimit, fmt.Sprintf(
		"This connection is in %d rooms, as many as limits.rooms allows; leave some first", e.limits.Rooms))
}

// Leave ends a membership and reports whether there was one; reason is one of
// abi's. It fails with EPAYLOAD or, as Join does, with ERATELIMIT.
func (e *Engine) Leave(ctx context.Context, room, connection, reason string) (left bool, err error) {
	if err := checkName("roomName", room); err != nil {
		return false, err
	}
	if err := e.events.admit(ctx, connection, connection); err != nil {
		return false, err
	}
	defer e.hub.Relieve()
	left, err = e.node.Rooms().Leave(ctx, room, connection, reason)
	if err != nil {
		return false, roomError("leave", err)
	}
	return left, nil
}

// LeaveAll ends all memberships of a connection and returns the rooms.
func (e *Engine) LeaveAll(ctx context.Context, connection string) ([]string, error) {
	rooms, err := e.node.Rooms().Of(ctx, connection)
	if err != nil {
		return nil, roomError("leave", err)
	}
	was := make([]bool, len(rooms))
	err = ask(len(rooms), func(i int) (err error) {
		was[i], err = e.Leave(ctx, rooms[i], connection, abi.LeftByRemoval)
		return err
	})
	left := make([]string, 0, len(rooms))
	for i, room := range rooms {
		if was[i] {
			left = append(left, room)
		}
	}
	return left, err
}

// ClearRoom ends all memberships of a room, removes its metadata, and returns
// how many members it had. It fails with EPAYLOAD.
func (e *Engine) ClearRoom(ctx context.Context, room string) (int, error) {
	if err := checkName("roomName", room); err != nil {
		return 0, err
	}
	members, err := e.node.Rooms().Clear(ctx, room, abi.LeftByClear)
	if err != nil {
		return 0, roomError("clear", err)
	}
	return len(members), nil
}

// IsMember reports whether a connection is a member of a room.
func (e *Engine) IsMember(ctx context.Context, room, connection string) (bool, error) {
	if err := checkName("roomName", room); err != nil {
		return false, err
	}
	has, err := e.node.Rooms().Has(ctx, room, connection)
	if err != nil {
		return false, roomError("has", err)
	}
	return has, nil
}

// Members returns the members of a room, sorted.
func (e *Engine) Members(ctx context.Context, room string) ([]string, error) {
	if err := checkName("roomName", room); err != nil {
		return nil, err
	}
	members, err := e.node.Rooms().Members(ctx, room)
	if err != nil {
		return nil, roomError("members", err)
	}
	return members, nil
}

// Rooms lists the rooms that have members or, with a connection, all that it
// is a member of.
func (e *Engine) Rooms(ctx context.Context, connection string, p Paging) (rooms []string, next string, err error) {
	if connection != "" {
		rooms, err = e.node.Rooms().Of(ctx, connection)
	} else {
		rooms, next, err = e.node.Rooms().List(ctx, p.Cursor, p.size())
	}
	if err != nil {
		return nil, "", roomError("list", err)
	}
	return rooms, next, nil
}

func roomError(what string, err error) error { return storeError("rooms: "+what, err) }

// Member keeps this node's index of rooms, and has the hooks told.
func (r receiver) Member(room, connection string, joined bool, reason string) {
	c := r.engine.clients.get(connection)
	if c == nil || !joined && !c.in(room) {
		return
	}
	if r.engine.events.observer.ObservesRooms() {
		r.engine.events.add(&RoomEvent{
			Joined: joined, Room: room, Reason: reason,
			Connection: connection, User: c.session.User(), Metadata: c.session.Metadata(),
		})
	}
	t := hub.Topic{Kind: hub.RoomTopic, Name: room}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !joined {
		delete(c.rooms, room)
		r.engine.hub.Unsubscribe(c.session, t)
		return
	}
	if c.rooms == nil {
		c.rooms = make(map[string]*membership)
	}
	if c.rooms[room] == nil {
		c.rooms[room] = new(membership)
		r.engine.mayBePresent(c, room)
	}
	r.engine.follow(c.session, t)
}

// Paging asks for one page of a list.
type Paging struct {
	// Cursor is where the page begins, "" for the first.
	Cursor string
	// Limit is the most entries, clamped to 1 to MaxPage; 0 is DefaultPage.
	Limit int64
}

// The sizes of pages, in entries.
const (
	DefaultPage = 100
	MaxPage     = 1000
)

func (p Paging) size() int {
	if p.Limit == 0 {
		return DefaultPage
	}
	return int(min(max(p.Limit, 1), MaxPage))
}
