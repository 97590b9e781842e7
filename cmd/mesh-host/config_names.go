package main

import (
	"slices"
	"strings"
)

// nearest returns the known key that a mistyped one most likely means: the
// one with the fewest typing mistakes between them, at most three, or the only
// one with the same last part in another table. "" if none is near.
func nearest(key string, known []string) string {
	best, least := "", min(len(lastPart(key))/3, 3)+1
	for _, k := range known {
		if d := distance(key, k); d < least {
			best, least = k, d
		}
	}
	if best != "" {
		return best
	}
	last := lastPart(key)
	same := slices.Collect(func(yield func(string) bool) {
		for _, k := range known {
			if lastPart(k) == last && !yield(k) {
				return
			}
		}
	})
	if len(same) == 1 {
		return same[0]
	}
	return ""
}

// didYouMean is nearest as the end of a sentence, or "".
func didYouMean(key string, known []string) string {
	if k := nearest(key, known); k != "" {
		return ", did you mean " + k + "?"
	}
	return ""
}

func lastPart(key string) string { return key[strings.LastIndexByte(key, '.')+1:] }

// distance is the Damerau-Levenshtein distance of a and b in bytes, without
// regard to case: the insertions, deletions, replacements and swaps of
// neighbours between them.
func distance(a, b string) int {
	a, b = strings.ToLower(a), strings.ToLower(b)
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
