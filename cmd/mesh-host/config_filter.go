package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/mesh-host/mesh-host/host"
)

// assignPatterns takes one pattern, or a list.
func assignPatterns(target *host.PatternList, raw any) error {
	if pattern, ok := raw.(string); ok {
		*target = host.PatternList{pattern}
		return nil
	}
	if _, ok := raw.([]any); !ok {
		return wrongType(raw, "a pattern, or a list of patterns")
	}
	return assignList((*[]string)(target), raw)
}

// assignFilter takes a table whose tables are parts of paths: a.b = 1 and
// "a.b" = 1 say the same.
func assignFilter(target *host.Filter, raw any) error {
	table, ok := raw.(map[string]any)
	if !ok {
		return wrongType(raw, `a table such as {open = true, "owner.team" = "$1"}`)
	}
	filter := host.Filter{}
	if err := addConditions(filter, "", table); err != nil {
		return err
	}
	*target = nil
	if len(filter) > 0 {
		*target = filter
	}
	return nil
}

// addConditions adds what a table says below prefix.
func addConditions(filter host.Filter, prefix string, table map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(table)) {
		path := prefix + name
		if inner, ok := table[name].(map[string]any); ok {
			if len(inner) == 0 {
				return fmt.Errorf("%q: the table is empty", path)
			}
			if err := addConditions(filter, path+".", inner); err != nil {
				return err
			}
			continue
		}
		if _, ok := filter[path]; ok {
			return fmt.Errorf("%q: it is there twice", path)
		}
		text, err := filterText(table[name])
		if err != nil {
			return fmt.Errorf("%q: %w", path, err)
		}
		filter[path] = text
	}
	return nil
}

// filterText is a value, or a list of those allowed, as JSON.
func filterText(value any) (json.RawMessage, error) {
	values, isList := value.([]any)
	if !isList {
		return filterValue(value, "a string, a number, true or false, or a list of these")
	}
	texts := make([]json.RawMessage, len(values))
	for i, v := range values {
		var err error
		if texts[i], err = filterValue(v, "a string, a number, true or false, as every element"); err != nil {
			return nil, err
		}
	}
	return encodeJSON(texts)
}

func filterValue(value any, allowed string) (json.RawMessage, error) {
	switch v := value.(type) {
	case string, bool, int64:
		return encodeJSON(v)
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return nil, errors.New("JSON, and so a record, knows no inf and no nan")
		}
		return json.RawMessage(floatText(v)), nil
	}
	return nil, wrongType(value, allowed)
}

// filterTOML writes a filter as an inline table.
func filterTOML(filter host.Filter) string {
	object := make(map[string]any, len(filter))
	for path, text := range filter {
		value, err := decodeJSON(text)
		if err != nil {
			value = string(text)
		}
		object[path] = value
	}
	return inline(object)
}
