package main

import mesh "github.com/mesh-host/mesh-host/pdk/go"

// clock ends the games whose player to move has taken too long. It runs on one
// node of the cluster at a time; were two nodes to run it at once, the second
// would find the games ended.
func clock(*mesh.Call) error {
	at := now()
	return eachGame(func(r mesh.Record) error {
		g, ok := readGame(r.Value)
		if !ok || !g.tick(at) {
			return nil
		}
		_, err := mesh.Records.Set(r.ID, g.json(), mesh.ExpectVersion(r.Version))
		if _, moved := mesh.AsConflict(err); moved {
			return nil // just in time
		}
		return err
	})
}

// games resolves the collection of all games.
func games(*mesh.Call) (ids []string, err error) {
	err = eachGame(func(r mesh.Record) error {
		ids = append(ids, r.ID)
		return nil
	})
	return ids, err
}

// eachGame calls fn for every game.
func eachGame(fn func(mesh.Record) error) error {
	q := mesh.RecordQuery{Pattern: "/^game:.+$/", Values: true, Limit: 1000}
	for {
		page, err := mesh.Records.List(q)
		if err != nil {
			return err
		}
		for r := range page.Records() {
			if err := fn(r); err != nil {
				return err
			}
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return nil
		}
	}
}
