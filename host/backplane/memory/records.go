package memory

import (
	"context"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// records implements backplane.Records for a node.
type records struct{ node *Node }

// Get implements backplane.Records.
func (r records) Get(ctx context.Context, id string) (backplane.Record, error) {
	found, _, _, err := r.see(ctx, id, nil)
	return found, err
}

// Since implements backplane.Records.
func (r records) Since(ctx context.Context, id string, from backplane.Version) (backplane.Record, []backplane.RecordPatch, bool, error) {
	return r.see(ctx, id, &from)
}

// see reads a record, with the patches from a version on if one is given.
func (r records) see(ctx context.Context, id string, from *backplane.Version) (seen backplane.Record, patches []backplane.RecordPatch, ok bool, err error) {
	if err := ctx.Err(); err != nil {
		return seen, nil, false, err
	}
	s := r.node.store
	found := s.findRecord(r.node, id)
	if found == nil {
		return backplane.Record{ID: id}, nil, from != nil && *from == backplane.Version{}, nil
	}
	seen = found.read()
	if from != nil {
		patches, ok = found.since(*from)
	}
	at := found.at
	s.closeRecord(found)
	if err := s.kept(ctx, at); err != nil {
		return backplane.Record{}, nil, false, err
	}
	return seen, patches, ok, nil
}

// listBudget is how many records a List looks at, at most, to find those that
// match.
const listBudget = 4096

// List implements backplane.Records.
func (r records) List(ctx context.Context, q backplane.RecordQuery) ([]backplane.Record, string, error) {
	s := r.node.store
	var at int64
	size := 0
	full := func(next backplane.Record) bool {
		size += len(next.Value)
		return q.Bytes > 0 && size > q.Bytes
	}
	page, next, err := scan(ctx, &s.records, q.Cursor, q.Limit, listBudget, func(id string, found *record) (backplane.Record, bool) {
		if q.Match != nil && !q.Match(id) {
			return backplane.Record{}, false
		}
		seen, place := s.seeListed(r.node, found)
		at = max(at, place)
		there := seen.Value != nil
		if !q.Values {
			seen.Value = nil
		}
		return seen, there
	}, full)
	if err == nil {
		err = s.kept(ctx, at)
	}
	if err != nil {
		return nil, "", err
	}
	return page, next, nil
}

// seeListed reads a record that was in the table; one that is gone is blank.
func (s *Store) seeListed(n *Node, r *record) (seen backplane.Record, at int64) {
	r.mu.Lock()
	defer s.closeRecord(r)
	s.settle(n, r)
	return r.read(), r.at
}
