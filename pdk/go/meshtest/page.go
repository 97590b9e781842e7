package meshtest

import (
	"maps"
	"slices"

	"github.com/mesh-host/mesh-host/pdk/go/internal/codec"
)

// The bounds of a page.
const (
	defaultPage = 100
	maxPage     = 1000
)

// page reads a cursor and a limit and returns that part of a sorted list, and
// the cursor of the next one. A cursor is the last name before it.
func page(names []string, f *codec.Fields) (part []string, next string) {
	cursor := f.String()
	limit := readLimit(f, defaultPage, maxPage)
	if cursor != "" {
		at, found := slices.BinarySearch(names, cursor)
		if found {
			at++
		}
		names = names[at:]
	}
	if len(names) <= limit {
		return names, ""
	}
	return names[:limit], names[limit-1]
}

// readLimit reads how much is wanted at most.
func readLimit(f *codec.Fields, usual, greatest int64) int {
	limit, _ := f.Int()
	if limit <= 0 {
		limit = usual
	}
	return int(min(limit, greatest))
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// encodeNames begins a response with a list, an empty one too.
func encodeNames(names []string) []byte {
	if names == nil {
		names = []string{}
	}
	return codec.AppendStrings(nil, names)
}
