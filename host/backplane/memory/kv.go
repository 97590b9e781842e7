package memory

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"sync"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// values implements backplane.KV. It works without Run, which only gives memory
// back earlier.
type values struct {
	*Store
	shards [shardCount]valueShard
	spaces sync.Map // namespace → *space
}

func (v *values) init(s *Store) {
	v.Store = s
	for i := range v.shards {
		v.shards[i].entries = make(map[name]*entry)
	}
}

// Get implements backplane.KV. It allocates nothing.
func (v *values) Get(ctx context.Context, namespace, key string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	value, place := v.find(name{namespace, key})
	if err := v.kept(ctx, place); err != nil {
		return nil, err
	}
	return value, nil
}

// find returns the value under a name, nil where there is none, and the place
// in the journal of what says so.
func (v *values) find(n name) (value []byte, place int64) {
	s := v.shard(n)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if e := s.live(n, v.clock); e != nil {
		return e.value, e.at
	}
	return nil, s.deleted
}

// Set implements backplane.KV.
func (v *values) Set(ctx context.Context, namespace, key string, value []byte, w backplane.Write) error {
	return v.update(ctx, name{namespace, key}, w.Limit, func(*entry) (change, error) {
		return change{verb: store, value: owned(value), expires: v.expiry(w.TTL)}, nil
	})
}

// Delete implements backplane.KV.
func (v *values) Delete(ctx context.Context, namespace, key string) (deleted bool, err error) {
	err = v.update(ctx, name{namespace, key}, 0, func(e *entry) (change, error) {
		deleted = e != nil
		return change{verb: drop}, nil
	})
	return deleted, err
}

// Increment implements backplane.KV.
func (v *values) Increment(ctx context.Context, namespace, key string, by int64, w backplane.Write) (sum int64, err error) {
	err = v.update(ctx, name{namespace, key}, w.Limit, func(e *entry) (change, error) {
		var old int64
		expires := v.expiry(w.TTL)
		if e != nil {
			var ok bool
			if old, ok = parseInteger(e.value); !ok {
				return change{}, backplane.ErrNotInteger
			}
			expires = e.expires
		}
		sum = old + by
		if by > 0 && sum < old || by < 0 && sum > old {
			return change{}, backplane.ErrOverflow
		}
		return change{verb: store, value: strconv.AppendInt(nil, sum, 10), expires: expires}, nil
	})
	if err != nil {
		return 0, err
	}
	return sum, nil
}

// CompareAndSet implements backplane.KV.
func (v *values) CompareAndSet(ctx context.Context, namespace, key string, expected, value []byte, w backplane.Write) (swapped bool, current []byte, err error) {
	err = v.update(ctx, name{namespace, key}, w.Limit, func(e *entry) (change, error) {
		swapped, current = false, nil
		switch {
		case e != nil && (expected == nil || !bytes.Equal(e.value, expected)):
			current = e.value
			return change{}, nil
		case e == nil && expected != nil:
			return change{}, nil
		}
		swapped = true
		if value == nil {
			return change{verb: drop}, nil
		}
		return change{verb: store, value: owned(value), expires: v.expiry(w.TTL)}, nil
	})
	return swapped && err == nil, current, err
}

// change is what an update makes of an entry.
type change struct {
	verb    verb
	value   []byte
	expires int64
}

type verb int

const (
	untouched verb = iota
	store
	drop
)

// lazyBatch is how many expired entries a write removes on its way, so that
// they cannot pile up faster than they go.
const lazyBatch = 2

// update does to the entry under a name what decide says, atomically; decide
// gets nil where there is none, and may be asked twice. Where the namespace is
// full of entries that have expired they are removed first.
func (v *values) update(ctx context.Context, n name, limit int64, decide func(*entry) (change, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	place, err := v.attempt(n, limit, decide)
	if errors.Is(err, backplane.ErrFull) {
		v.sweep()
		place, err = v.attempt(n, limit, decide)
	}
	if lost := v.kept(ctx, place); lost != nil {
		return lost
	}
	return err
}

// attempt returns the place in the journal of what it has found, or done.
func (v *values) attempt(n name, limit int64, decide func(*entry) (change, error)) (place int64, err error) {
	s := v.shard(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := v.now()
	v.evict(s, now, lazyBatch)
	e := s.entries[n]
	if e != nil && e.expired(now) {
		v.expire(s, e)
		e = nil
	}
	place = s.deleted
	if e != nil {
		place = e.at
	}
	c, err := decide(e)
	switch {
	case err != nil:
		return place, err
	case c.verb == drop && e != nil:
		v.remove(s, e)
		s.deleted = v.keep(n, nil, 0)
		return s.deleted, nil
	case c.verb == store:
		return v.write(s, e, n, c, limit)
	}
	return place, nil
}

// write puts a value in place if its namespace has room; the shard is locked.
func (v *values) write(s *valueShard, e *entry, n name, c change, limit int64) (place int64, err error) {
	growth := size(n, c.value)
	if e != nil {
		growth -= size(n, e.value)
	}
	sp, err := v.reserve(n.namespace, growth, limit)
	if err != nil {
		return 0, err
	}
	e = s.put(e, n, sp, c.value, c.expires)
	e.at = v.keep(n, c.value, c.expires)
	return e.at, nil
}

// parseInteger reads an integer as JSON writes it.
func parseInteger(text []byte) (int64, bool) {
	var b [20]byte
	if len(text) > len(b) {
		return 0, false
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return 0, false
	}
	return n, bytes.Equal(strconv.AppendInt(b[:0], n, 10), text)
}
