package memory

import (
	"context"
	"math"
	"strconv"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// maxPage bounds a page, whatever is asked for.
const maxPage = 1 << 16

// place is a place in a table: in a shard, after a key or at the shard's start.
// As a cursor it is the shard in two hexadecimal digits, followed by the key.
type place struct {
	shard int
	key   string
	start bool
}

func (p place) before(key string) bool { return p.start || key > p.key }

func (p place) cursor() string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[p.shard>>4], digits[p.shard&15]}) + p.key
}

func parseCursor(cursor string) (place, error) {
	if cursor == "" {
		return place{start: true}, nil
	}
	if len(cursor) < 2 {
		return place{}, backplane.ErrCursor
	}
	shard, err := strconv.ParseUint(cursor[:2], 16, 8)
	if err != nil || shard >= shardCount {
		return place{}, backplane.ErrCursor
	}
	return place{shard: int(shard), key: cursor[2:]}, nil
}

// list reads a page of a table: shard after shard, each in the order of keys.
// read makes an item of an entry, or leaves it out.
func list[V, T any](ctx context.Context, t *table[V], cursor string, limit int, read func(string, V) (T, bool)) (page []T, next string, err error) {
	return scan(ctx, t, cursor, limit, math.MaxInt, read, func(T) bool { return false })
}

// maxBatch is how many entries are taken out of a shard at a time, beyond those
// that a page has room for.
const maxBatch = 1 << 10

// scan is a list that looks at no more than a budget of entries. The page ends
// there, however short it is; the next one goes on. As each batch is searched
// for in its whole shard, they grow where little is found in them. full is asked
// about each item, in order, and ends the page before one, save before the first.
func scan[V, T any](ctx context.Context, t *table[V], cursor string, limit, budget int, read func(string, V) (T, bool), full func(T) bool) (page []T, next string, err error) {
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	at, err := parseCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	limit = min(max(1, limit), maxPage)
	last, seen := at, 0
	for at.shard < shardCount {
		most := limit + 1 - len(page) // one more tells whether there is a next page
		most = min(max(most, min(seen, maxBatch)), budget-seen)
		found := t.beyond(at, most)
		for _, e := range found {
			item, ok := read(e.key, e.value)
			if ok && (len(page) == limit || full(item) && len(page) > 0) {
				return page, last.cursor(), nil
			}
			at = place{shard: at.shard, key: e.key}
			if ok {
				page, last = append(page, item), at
			}
		}
		if seen += len(found); seen == budget {
			return page, at.cursor(), nil
		}
		if len(found) < most {
			at = place{shard: at.shard + 1, start: true}
		}
	}
	return page, "", nil
}
