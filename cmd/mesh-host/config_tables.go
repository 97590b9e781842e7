package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
)

// isTables tells whether the field is a list of tables, [[channels]].
func (f field) isTables() bool {
	return f.value.Kind() == reflect.Slice && f.value.Type().Elem().Kind() == reflect.Struct
}

// resolveTables is resolve for the lists of tables. They are taken out of
// file: viper would lower-case the keys of their elements, known or not.
func (l *loader) resolveTables(fields []field, file map[string]any) {
	for _, f := range fields {
		if !f.isTables() {
			continue
		}
		raw, ok := file[f.key]
		delete(file, f.key)
		source := l.file
		if variable := envName(f.key); os.Getenv(variable) != "" {
			var err error
			if raw, err = tablesFromJSON(os.Getenv(variable)); err != nil {
				l.problem(variable, f.key, "%s", err)
				continue
			}
			source, ok = variable, true
		}
		if ok {
			l.sources[f.key] = source
			l.setTables(f, raw, source)
		}
	}
}

// tablesFromJSON turns a variable's text into what the file would hold.
func tablesFromJSON(text string) (any, error) {
	value, err := decodeJSON(json.RawMessage(text))
	if _, ok := value.([]any); err != nil || !ok || !json.Valid([]byte(text)) {
		return nil, errors.New(`it is not a JSON list such as [{"pattern": "news", "history": 10}]`)
	}
	return valuesFromJSON(value), nil
}

// valuesFromJSON replaces the numbers in a decoded JSON value by those of
// TOML; what is no number there stays, and is refused as no field's type.
func valuesFromJSON(value any) any {
	switch v := value.(type) {
	case json.Number:
		if n, err := numberFromJSON(v); err == nil {
			return n
		}
	case []any:
		for i, element := range v {
			v[i] = valuesFromJSON(element)
		}
	case map[string]any:
		for key, member := range v {
			v[key] = valuesFromJSON(member)
		}
	}
	return value
}

// setTables stores the elements of a list, each in a struct of its own.
func (l *loader) setTables(f field, raw any, source string) {
	elements, ok := raw.([]any)
	if !ok {
		l.problem(source, f.key, "%s", wrongType(raw, "a list of tables: write [["+f.key+"]]"))
		return
	}
	list := reflect.Zero(f.value.Type())
	for i, element := range elements {
		key := fmt.Sprintf("%s[%d]", f.key, i)
		target := reflect.New(f.value.Type().Elem())
		if table, ok := element.(map[string]any); ok {
			l.setTable(key, target.Interface(), table, source)
		} else {
			l.problem(source, key, "%s", wrongType(element, "a table"))
		}
		list = reflect.Append(list, target.Elem())
	}
	f.value.Set(list)
}

// setTable stores the members of one element, whose key is key.
func (l *loader) setTable(key string, target any, table map[string]any, source string) {
	fields, _ := fieldsOf(target)
	for _, name := range slices.Sorted(maps.Keys(table)) {
		i := slices.IndexFunc(fields, func(f field) bool { return f.key == name })
		if i < 0 {
			l.problem(source, key+"."+quoteKey(name), "unknown key%s", didYouMean(name, keysOf(fields)))
		} else if err := fields[i].assign(table[name]); err != nil {
			l.problem(source, key+"."+name, "%s", err)
		}
	}
}

// listOf is the key of the list that key is an element of, or key itself.
func listOf(key string) string {
	list, _, _ := strings.Cut(key, "[")
	return list
}

// printTables writes the elements as [[key]], without what is as it is where
// nothing is said.
func (f field) printTables(b *strings.Builder, source string) {
	for i := range f.value.Len() {
		fmt.Fprintf(b, "\n[[%s]]%s\n", f.key, comment(source))
		for _, member := range f.members(i) {
			fmt.Fprintf(b, "%s = %s\n", member.key, member.text())
		}
	}
}

// members lists what is set of a list's element.
func (f field) members(i int) []field {
	all, _ := fieldsOf(f.value.Index(i).Addr().Interface())
	return slices.DeleteFunc(all, func(m field) bool { return m.value.IsZero() })
}

// tablesText writes the list as a value.
func (f field) tablesText() string {
	elements := make([]string, f.value.Len())
	for i := range elements {
		members := f.members(i)
		texts := make([]string, len(members))
		for j, m := range members {
			texts[j] = m.key + " = " + m.text()
		}
		elements[i] = "{" + strings.Join(texts, ", ") + "}"
	}
	return "[" + strings.Join(elements, ", ") + "]"
}
