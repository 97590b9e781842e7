package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// shelf is backplane.Records in memory, with changes told before or after they
// can be listed.
type shelf struct {
	backplane.Records
	mu      sync.Mutex
	records map[string]backplane.Record
	epoch   int
	// between is called before a page is read, and before it is returned.
	between func()
	fails   error
	lists   int
}

func (s *shelf) List(_ context.Context, q backplane.RecordQuery) (page []backplane.Record, next string, err error) {
	if s.between != nil {
		s.between()
		defer s.between()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lists++
	if s.fails != nil {
		return nil, "", s.fails
	}
	for _, id := range slices.Sorted(maps.Keys(s.records)) {
		r := s.records[id]
		if id <= q.Cursor || r.Value == nil || !q.Match(id) {
			continue
		}
		if len(page) == min(q.Limit, 7) {
			return page, page[len(page)-1].ID, nil
		}
		page = append(page, r)
	}
	return page, "", nil
}

// set makes the next version and returns it.
func (s *shelf) set(id, value string) backplane.RecordChange {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[id]
	if r.Epoch == "" {
		s.epoch++
		r = backplane.Record{ID: id, Version: backplane.Version{Epoch: strconv.Itoa(s.epoch)}}
	}
	r.Number++
	r.Value = nil
	if value != "" {
		r.Value = []byte(value)
	}
	s.records[id] = r
	return backplane.RecordChange{Record: r}
}

// forget ends a deleted record's epoch.
func (s *shelf) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.records[id].Value == nil {
		delete(s.records, id)
	}
}

// first returns records that match, in an order, found in the plain way.
func (s *shelf) first(match func(backplane.Record) bool, less func(a, b backplane.Record) int, limit int) (ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []backplane.Record
	for _, r := range s.records {
		if r.Value != nil && match(r) {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, less)
	for i := range min(limit, len(all)) {
		ids = append(ids, all[i].ID)
	}
	return ids
}

// item is the value of the records here.
type item struct {
	team string
	open bool
	rank int
}

func (i item) text() string {
	return fmt.Sprintf(`{"rank":%d,"team":%q,"is":{"open":%v}}`, i.rank, i.team, i.open)
}

func parseItem(text []byte) (i item) {
	rank, rest, _ := strings.Cut(strings.TrimPrefix(string(text), `{"rank":`), `,"team":"`)
	team, rest, _ := strings.Cut(rest, `"`)
	i.rank, _ = strconv.Atoi(rank)
	i.team, i.open = team, strings.Contains(rest, "true")
	return i
}
