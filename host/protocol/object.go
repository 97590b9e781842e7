package protocol

import "slices"

// EachMember calls fn with the key and the value's JSON text of each member
// of a valid JSON object, in order, until fn returns false. It does nothing
// where text is no object. Lone surrogates in a key become U+FFFD.
func EachMember(text []byte, fn func(key, value []byte) bool) {
	EachWritten(text, func(key, value []byte) bool { return fn(stringText(key), value) })
}

// EachWritten is EachMember with the keys as they are written, in their quotes:
// to compare them with SameString, and to write them again as they were.
func EachWritten(text []byte, fn func(key, value []byte) bool) { eachWritten(text, 0, fn) }

// EachMemberWithin is EachMember for text that is valid as ValidWithin has it
// for so many levels, which may be below zero.
func EachMemberWithin(text []byte, levels int, fn func(key, value []byte) bool) {
	eachWritten(text, levels, func(key, value []byte) bool { return fn(stringText(key), value) })
}

func eachWritten(text []byte, levels int, fn func(key, value []byte) bool) {
	if !IsObject(text) {
		return
	}
	i := skipSpace(text, skipSpace(text, 0)+1)
	for i < len(text) && text[i] == '"' {
		key := text[i:skipString(text, i)]
		start := skipColon(text, i+len(key))
		i = skipValue(text, start, levels+1)
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

// Without returns an object without some of its members; the keys of the others
// stay as they are written. What is no object is returned as it is.
func Without(object []byte, keys []string) []byte {
	if !IsObject(object) {
		return object
	}
	kept := []byte{'{'}
	EachWritten(object, func(key, value []byte) bool {
		if slices.Contains(keys, string(Unescape(key[1:len(key)-1]))) {
			return true
		}
		if len(kept) > 1 {
			kept = append(kept, ',')
		}
		kept = append(append(append(kept, key...), ':'), value...)
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
