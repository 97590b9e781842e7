package redis

import (
	"context"
	"math"
	"strconv"
	"strings"

	"github.com/mesh-host/mesh-host/host/backplane"
)

var (
	recordIDs  = newScript("record_ids")
	recordList = newScript("record_list")
)

const (
	// lookedAt bounds the ids that are looked at for a page, and firstLook how
	// many are asked for at first where not all of them match.
	lookedAt  = 4096
	firstLook = 256
	// pageRecords and pageBytes bound a page, whatever is asked for.
	pageRecords = 1000
	pageBytes   = 16 << 20
	// recordCursor begins a cursor; the id that the page ends with follows.
	recordCursor = "after:"
)

// List implements backplane.Records.
func (r records) List(ctx context.Context, q backplane.RecordQuery) (page []backplane.Record, next string, err error) {
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	last, ok := strings.CutPrefix(q.Cursor, recordCursor)
	if !ok && q.Cursor != "" {
		return nil, "", backplane.ErrCursor
	}
	ids, last, more, err := r.matching(ctx, q, last, ok)
	if err != nil {
		return nil, "", err
	}
	page, ended, looked, err := r.read(ctx, q, ids)
	if err != nil {
		return nil, "", err
	}
	if len(ended) > 0 { // who comes upon it first ends it
		if err := r.node.settleRecords(ctx, ended); err != nil {
			return nil, "", err
		}
	}
	if looked < len(ids) {
		last, more = ids[looked-1], true
	}
	if more {
		next = recordCursor + last
	}
	return page, next, nil
}

// matching returns the ids for a page, the last one that was looked at, and
// whether there are more.
func (r records) matching(ctx context.Context, q backplane.RecordQuery, last string, beyond bool) (ids []string, at string, more bool, err error) {
	limit := min(max(1, q.Limit), pageRecords)
	ask := limit + 1 // one more tells whether there is a next page
	if q.Match != nil {
		ask = max(ask, firstLook)
	}
	for looked := 0; looked < lookedAt; {
		ask = min(ask, lookedAt-looked)
		from := "-"
		if beyond {
			from = "(" + last
		}
		answer, err := r.node.eval(ctx, r.node.ledger, recordIDs, from, ask)
		if err != nil {
			return nil, "", false, err
		}
		found := answer.texts()
		for _, id := range found {
			if q.Match == nil || q.Match(id) {
				if len(ids) == limit {
					return ids, last, true, nil
				}
				ids = append(ids, id)
			}
			last, beyond = id, true
		}
		if len(found) < ask {
			return ids, last, false, nil
		}
		looked += len(found)
		ask *= 4
	}
	return ids, last, true, nil
}

// read reads the records of ids that have a value, as many as the query has room
// for, and says how many of them it has looked at, and which have ended.
func (r records) read(ctx context.Context, q backplane.RecordQuery, ids []string) (page []backplane.Record, ended []string, looked int, err error) {
	if len(ids) == 0 {
		return nil, nil, 0, nil
	}
	room, values := pageBytes, 0
	if q.Values {
		values = 1
	}
	if q.Bytes > 0 {
		room = min(room, q.Bytes)
	}
	args := make([]any, 0, 2+len(ids))
	args = append(args, strconv.Itoa(min(room, math.MaxInt32)), values)
	args = appendTexts(args, ids)
	answer, err := r.node.eval(ctx, r.node.ledger, recordList, args...)
	if err != nil {
		return nil, nil, 0, err
	}
	fields := answer.list(0)
	looked = min(len(fields)/3, len(ids))
	if looked == 0 {
		return nil, nil, 0, errNotRedis
	}
	for i, id := range ids[:looked] {
		switch of := fields[3*i:]; {
		case of[1].there():
			page = append(page, readRecord(id, of))
		case of[0].there():
			ended = append(ended, id)
		}
	}
	return page, ended, looked, nil
}
