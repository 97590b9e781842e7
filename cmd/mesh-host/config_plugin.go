package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mesh-host/mesh-host/host"
)

// resolvePlugin makes the limits and settings of one plugin: what neither its
// section nor its variables state is as in [plugins.defaults].
func (l *loader) resolvePlugin(name string, s section, configVariable string) {
	p := l.Plugins.Defaults
	fields, _ := fieldsOf(&p)
	l.resolve("plugins."+name+".", fields, s.limits)

	key := "plugins." + quoteKey(name) + ".config"
	settings, err := settingsFromFile(s.config)
	if err != nil {
		l.problem(l.file, key, "%s", err)
	}
	if configVariable != "" {
		if settings, err = mergeSettings(settings, os.Getenv(configVariable)); err != nil {
			l.problem(configVariable, key, "%s", err)
		}
		l.sources["plugins."+name+".config"] = configVariable
	}
	if settings != nil {
		p.Config, err = encodeJSON(settings)
		if err != nil {
			l.problem(l.file, key, "%s", err)
		}
	}
	if l.Plugins.Named == nil {
		l.Plugins.Named = map[string]host.PluginConfig{}
	}
	l.Plugins.Named[name] = p
}

// settingsFromFile turns a decoded TOML table into JSON texts by key, nil if
// there is no table.
func settingsFromFile(table map[string]any) (map[string]json.RawMessage, error) {
	if table == nil {
		return nil, nil
	}
	settings := make(map[string]json.RawMessage, len(table))
	for _, key := range slices.Sorted(maps.Keys(table)) {
		value, err := jsonFromTOML(table[key])
		if err == nil {
			settings[key], err = encodeJSON(value)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", quoteKey(key), err)
		}
	}
	return settings, nil
}

// jsonFromTOML replaces what JSON has no words for: dates and times become
// strings. Floats keep a point or an exponent, so that a plugin sees which
// numbers were written as floats.
func jsonFromTOML(value any) (any, error) {
	switch v := value.(type) {
	case map[string]any:
		object := make(map[string]any, len(v))
		for key, element := range v {
			converted, err := jsonFromTOML(element)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", quoteKey(key), err)
			}
			object[key] = converted
		}
		return object, nil
	case []any:
		array := make([]any, len(v))
		for i, element := range v {
			converted, err := jsonFromTOML(element)
			if err != nil {
				return nil, err
			}
			array[i] = converted
		}
		return array, nil
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return nil, errors.New("JSON, and so a plugin, knows no inf and no nan")
		}
		return json.Number(floatText(v)), nil
	case time.Time:
		return v.Format(time.RFC3339Nano), nil
	case fmt.Stringer: // toml.LocalDate, LocalTime, LocalDateTime
		return v.String(), nil
	default:
		return v, nil
	}
}

// mergeSettings puts the members of the JSON object text in the place of
// those of the same name; null takes a member away.
func mergeSettings(settings map[string]json.RawMessage, text string) (map[string]json.RawMessage, error) {
	var over map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &over); err != nil || over == nil {
		return settings, errors.New(`it is not a JSON object such as {"greeting": "hello"}`)
	}
	merged := maps.Clone(settings)
	if merged == nil {
		merged = map[string]json.RawMessage{}
	}
	for _, key := range slices.Sorted(maps.Keys(over)) {
		if string(over[key]) == "null" {
			delete(merged, key)
			continue
		}
		if err := checkTOML(over[key]); err != nil {
			return settings, fmt.Errorf("%s: %w", quoteKey(key), err)
		}
		merged[key] = over[key]
	}
	return merged, nil
}

// checkTOML refuses JSON that the file could not say: variables override the
// file, and config print shows them as its text.
func checkTOML(text json.RawMessage) error {
	value, err := decodeJSON(text)
	if err != nil {
		return err
	}
	return checkTOMLValue(value)
}

func checkTOMLValue(value any) error {
	var elements []any
	switch v := value.(type) {
	case nil:
		return errors.New("TOML, and so a plugin's settings, knows no null inside: leave the member out")
	case json.Number:
		if _, err := numberFromJSON(v); err != nil {
			return fmt.Errorf("%s is neither a 64-bit integer nor a 64-bit float", v)
		}
	case []any:
		elements = v
	case map[string]any:
		elements = slices.Collect(maps.Values(v))
	}
	for _, element := range elements {
		if err := checkTOMLValue(element); err != nil {
			return err
		}
	}
	return nil
}

// numberFromJSON returns an int64 for a number without point and exponent,
// else a float64.
func numberFromJSON(n json.Number) (any, error) {
	if strings.ContainsAny(string(n), ".eE") {
		return n.Float64()
	}
	return n.Int64()
}

// floatText writes f, which must be finite, so that JSON and TOML both read a
// float again.
func floatText(f float64) string {
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	text := strconv.FormatFloat(f, format, -1, 64)
	if format == 'f' && !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// encodeJSON is json.Marshal without the escapes that are for HTML.
func encodeJSON(value any) (json.RawMessage, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// decodeJSON keeps numbers as they are written.
func decodeJSON(text json.RawMessage) (any, error) {
	var value any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	err := decoder.Decode(&value)
	return value, err
}
