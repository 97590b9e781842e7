package main

import (
	"errors"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
)

// lag is by how much the time of the last change may be behind, in milliseconds,
// so that not every stroke is news to those who look at the list of boards.
const lag = 10_000

// drawn notes how many items a board has now, and when it was drawn on: what the
// list shows, and what the guard of the boards goes by. What was erased it sweeps
// off the board.
func drawn(c *mesh.RecordChange) error {
	err := note(c.RecordID)
	switch {
	case errors.Is(err, errNoSuchBoard):
		// A guard's yes was older than that: the write has brought it back.
		return ifLatest(c, func() error {
			_, _, err := mesh.Records.Delete(c.RecordID, mesh.ExpectVersion(c.Version))
			return err
		})
	case err == nil && erasedIn(c):
		return ifLatest(c, func() error { return sweep(c) })
	}
	return err
}

// note writes what is on the board by now, not what the change made of it: hooks of
// changes made on several nodes run beside each other, and the last to write here
// need not be that of the last change. What it goes by is read once the list's
// entry has been, so that of two the one that has seen less is made again.
func note(id string) error {
	at := now()
	_, err := mesh.Records.Update(aboutOf(boardIn(id)), func(about mesh.Record) (mesh.JSON, error) {
		if about.Value.IsNull() {
			return nil, errNoSuchBoard
		}
		board, err := mesh.Records.Get(id)
		if err != nil || board.Value.IsNull() {
			return about.Value, err
		}
		var items int64
		for range board.Value.Members() {
			items++
		}
		had, _ := about.Value.Get("items").AsInt()
		if changed, _ := about.Value.Get("changed").AsInt(); had == items && at-changed < lag {
			return about.Value, nil // the same makes no version
		}
		return mesh.Object().Raw("by", about.Value.Get("by")).Raw("owner", about.Value.Get("owner")).
			Int("items", items).Int("changed", at).JSON(), nil
	})
	return err
}

func erasedIn(c *mesh.RecordChange) bool {
	for _, item := range c.Value().Members() {
		if item.IsNull() {
			return true
		}
	}
	return false
}

// sweep writes the board without what was erased.
func sweep(c *mesh.RecordChange) error {
	left := mesh.Object()
	for id, item := range c.Value().Members() {
		if !item.IsNull() {
			left.Raw(id, item)
		}
	}
	_, err := mesh.Records.Set(c.RecordID, left.JSON(), mesh.ExpectVersion(c.Version))
	return err
}

// ifLatest lets a hook write its own record, unless someone has written it since:
// then the hook is about to be called again. The write would notice, but wait
// first, in line behind all that the hook has not been told of yet.
func ifLatest(c *mesh.RecordChange, write func() error) error {
	now, err := mesh.Records.Get(c.RecordID)
	if err != nil || now.Version != c.Version {
		return err
	}
	return unlessConflict(write())
}

// gone takes a board off the list that went by itself, since nobody has drawn on
// it for long, or by an operator's hand. One that was closed has left already;
// one that was opened again in the meantime stays.
func gone(c *mesh.RecordChange) error {
	board := boardIn(c.RecordID)
	about, err := mesh.Records.Get(aboutOf(board))
	if err != nil || about.Value.IsNull() {
		return err
	}
	there, err := mesh.Records.Get(c.RecordID)
	if err != nil || !there.Value.IsNull() {
		return err
	}
	mesh.Log(mesh.Info, "The board "+board+" is no more: "+c.Reason+".")
	_, _, err = mesh.Records.Delete(about.ID, mesh.ExpectVersion(about.Version))
	return unlessConflict(err)
}

// unlessConflict passes over that another write was faster: it is the newer one.
func unlessConflict(err error) error {
	if _, ok := mesh.AsConflict(err); ok {
		return nil
	}
	return err
}
