package engine

import (
	"slices"
	"strings"
)

// entry is a record's place in an order.
type entry struct{ key, id string }

// table holds the first records of an order, and a reserve: when some of them
// go, those that follow are known without asking the store. What is not in it
// comes after what is.
type table struct {
	limit      int // how many the collection has
	descending bool
	entries    []entry // in order, at most room of them
	// over says that there are others behind the last entry, or were.
	over bool
}

// leastRoom is the reserve of a small collection.
const leastRoom = 16

func (t *table) room() int { return t.limit + max(t.limit, leastRoom) }

func (t *table) compare(a, b entry) int {
	order := strings.Compare(a.key, b.key)
	if t.descending {
		order = -order
	}
	if order == 0 {
		return strings.Compare(a.id, b.id)
	}
	return order
}

// insert adds a record, unless it comes after others that are not known. It
// reports whether it is one of the first now, and which record has lost its
// place to it, "" for none.
func (t *table) insert(e entry) (added, first bool, dropped string) {
	i, found := slices.BinarySearchFunc(t.entries, e, t.compare)
	if found {
		return false, i < t.limit, ""
	}
	if i == len(t.entries) && (t.over || i == t.room()) {
		t.over = true
		return false, false, ""
	}
	t.entries = slices.Insert(t.entries, i, e)
	if last := len(t.entries) - 1; last == t.room() {
		dropped = t.entries[last].id
		t.entries[last] = entry{}
		t.entries, t.over = t.entries[:last], true
	}
	return true, i < t.limit, dropped
}

// remove takes a record out. It reports whether it was there, and one of the
// first.
func (t *table) remove(e entry) (removed, first bool) {
	i, found := slices.BinarySearchFunc(t.entries, e, t.compare)
	if found {
		t.entries = slices.Delete(t.entries, i, i+1)
	}
	return found, found && i < t.limit
}

// short reports whether the first records are no longer all known.
func (t *table) short() bool { return t.over && len(t.entries) < t.limit }

// first returns the ids of the first records, in order.
func (t *table) first() []string {
	ids := make([]string, min(t.limit, len(t.entries)))
	for i := range ids {
		ids[i] = t.entries[i].id
	}
	return ids
}
