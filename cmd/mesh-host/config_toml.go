package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// quoteKey writes one part of a TOML key, quoted where it must be.
func quoteKey(key string) string {
	for i := range len(key) {
		c := key[i]
		if c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return quoteString(key)
		}
	}
	if key == "" {
		return `""`
	}
	return key
}

// quoteString writes a TOML basic string.
func quoteString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// writeTable writes the members of a decoded JSON object as the TOML table
// called name: plain values first, as TOML wants it, then a table each for the
// objects among them. The source, if any, becomes a comment.
func writeTable(b *strings.Builder, source, name string, object map[string]any) {
	fmt.Fprintf(b, "\n[%s]%s\n", name, comment(source))
	keys := slices.Sorted(maps.Keys(object))
	for _, key := range keys {
		if _, ok := object[key].(map[string]any); !ok {
			fmt.Fprintf(b, "%s = %s\n", quoteKey(key), inline(object[key]))
		}
	}
	for _, key := range keys {
		if table, ok := object[key].(map[string]any); ok {
			writeTable(b, "", name+"."+quoteKey(key), table)
		}
	}
}

// inline writes a decoded JSON value on one line.
func inline(value any) string {
	switch v := value.(type) {
	case string:
		return quoteString(v)
	case json.Number:
		return v.String()
	case []any:
		elements := make([]string, len(v))
		for i, element := range v {
			elements[i] = inline(element)
		}
		return "[" + strings.Join(elements, ", ") + "]"
	case map[string]any:
		members := make([]string, 0, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			members = append(members, quoteKey(key)+" = "+inline(v[key]))
		}
		return "{" + strings.Join(members, ", ") + "}"
	default:
		return fmt.Sprint(v)
	}
}

// comment is text as a comment behind a value, or "".
func comment(text string) string {
	if text == "" {
		return ""
	}
	return " # " + text
}
