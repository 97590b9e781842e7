package protocol

import (
	"bytes"
	"slices"
)

// EachMember calls fn with the key and the value's JSON text of each member
// of a valid JSON object, in order, until fn returns false. It does nothing
// where text is no object.
func EachMember(text []byte, fn func(key, value []byte) bool) {
	if !IsObject(text) {
		return
	}
	i := skipSpace(text, skipSpace(text, 0)+1)
	for i < len(text) && text[i] == '"' {
		start := i
		i = skipKeyIf(text, i, true)
		key := memberKey(text[start:i])
		start = i
		i = skipValue(text, i, 1)
		if !fn(key, text[start:i]) {
			return
		}
		if i = skipSpace(text, i); text[i] == '}' {
			return
		}
		i = skipSpace(text, i+1)
	}
}

// Member returns the JSON text of an object's member, nil where it is missing
// or text is no object. Of a member that is there twice the last one counts.
func Member(text []byte, name string) []byte {
	var found []byte
	EachMember(text, func(key, value []byte) bool {
		if string(key) == name {
			found = value
		}
		return true
	})
	return found
}

// Merge lays the members of patch over those of base: shallowly, or, with
// deep, object into object (arrays and everything else replace). Key order is
// base's, then patch's. Both are valid JSON; where either is no object the
// result is patch. The result shares no memory with its arguments.
func Merge(base, patch []byte, deep bool) []byte {
	if !IsObject(base) || !IsObject(patch) {
		return bytes.Clone(patch)
	}
	return appendMerged(make([]byte, 0, len(base)+len(patch)), base, patch, deep)
}

func appendMerged(dst, base, patch []byte, deep bool) []byte {
	under, over := membersOf(base), membersOf(patch)
	dst = append(dst, '{')
	for _, key := range under.keys {
		value := under.values[key]
		if next, ok := over.values[key]; ok && deep {
			value = Merge(value, next, true)
		} else if ok {
			value = next
		}
		dst = appendMember(dst, key, value)
	}
	for _, key := range over.keys {
		if _, ok := under.values[key]; !ok {
			dst = appendMember(dst, key, over.values[key])
		}
	}
	return append(dst, '}')
}

func appendMember(dst []byte, key string, value []byte) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	dst = append(AppendString(dst, key), ':')
	return append(dst, value...)
}

// members is an object with the keys in the order of their first appearance.
type members struct {
	keys   []string
	values map[string][]byte
}

func membersOf(object []byte) members {
	m := members{values: make(map[string][]byte)}
	EachMember(object, func(key, value []byte) bool {
		k := string(key)
		if _, ok := m.values[k]; !ok {
			m.keys = append(m.keys, k)
		}
		m.values[k] = value
		return true
	})
	return m
}

// Without returns an object without some of its members; what is no object is
// returned as it is.
func Without(object []byte, keys []string) []byte {
	if !IsObject(object) {
		return object
	}
	kept := []byte{'{'}
	EachMember(object, func(key, value []byte) bool {
		if k := string(key); !slices.Contains(keys, k) {
			kept = appendMember(kept, k, value)
		}
		return true
	})
	return append(kept, '}')
}

// IsArray reports whether valid JSON text is an array.
func IsArray(text []byte) bool {
	i := skipSpace(text, 0)
	return i < len(text) && text[i] == '['
}

// EachElement calls fn with the JSON text of each element of a valid JSON
// array, in order, until fn returns false. It does nothing where text is no
// array.
func EachElement(text []byte, fn func(element []byte) bool) {
	if !IsArray(text) {
		return
	}
	i := skipSpace(text, skipSpace(text, 0)+1)
	for i < len(text) && text[i] != ']' {
		start := i
		i = skipValue(text, i, 1)
		if !fn(text[start:i]) {
			return
		}
		if i = skipSpace(text, i); text[i] == ']' {
			return
		}
		i = skipSpace(text, i+1)
	}
}
