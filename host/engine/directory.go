package engine

import (
	"context"
	"errors"
	"slices"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/backplane"
)

// Connections lists the connections, or those of a user.
func (e *Engine) Connections(ctx context.Context, user string, p Paging) (page []backplane.Connection, next string, err error) {
	if user == "" {
		page, next, err = e.node.Connections().List(ctx, p.Cursor, p.size())
		if err != nil {
			return nil, "", storeError(abi.OpConnectionsList, err)
		}
		return page, next, nil
	}
	ids, err := e.ConnectionsOf(ctx, user)
	if err != nil {
		return nil, "", err
	}
	ids, next = pageOf(ids, p)
	page = make([]backplane.Connection, len(ids))
	err = ask(len(ids), func(i int) (err error) {
		page[i], err = e.node.Connections().Get(ctx, ids[i])
		if errors.Is(err, backplane.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, "", storeError(abi.OpConnectionsList, err)
	}
	return slices.DeleteFunc(page, func(c backplane.Connection) bool { return c.ID == "" }), next, nil
}

// ConnectionsOf returns the ids of a user's connections, sorted.
func (e *Engine) ConnectionsOf(ctx context.Context, user string) ([]string, error) {
	if err := checkName("user", user); err != nil {
		return nil, err
	}
	ids, err := e.node.Connections().OfUser(ctx, user)
	if err != nil {
		return nil, storeError(abi.OpUsersConnections, err)
	}
	return ids, nil
}

// Users lists the users that are connected.
func (e *Engine) Users(ctx context.Context, p Paging) ([]string, string, error) {
	page, next, err := e.node.Connections().Users(ctx, p.Cursor, p.size())
	if err != nil {
		return nil, "", storeError(abi.OpUsersList, err)
	}
	return page, next, nil
}

// ShareRoom reports whether two connections are members of one room, or are
// the same.
func (e *Engine) ShareRoom(ctx context.Context, a, b string) (bool, error) {
	if a == b {
		return true, nil
	}
	mine, err := e.node.Rooms().Of(ctx, a)
	if err != nil {
		return false, roomError("of", err)
	}
	if len(mine) == 0 {
		return false, nil
	}
	theirs, err := e.node.Rooms().Of(ctx, b)
	if err != nil {
		return false, roomError("of", err)
	}
	return slices.ContainsFunc(theirs, func(room string) bool {
		_, found := slices.BinarySearch(mine, room)
		return found
	}), nil
}
