package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mesh-host/mesh-host/host"
)

// mask stands where a secret was.
const mask = "***"

// secretWords make a key secret, wherever in it they stand.
var secretWords = []string{"token", "secret", "pass", "key", "credential", "dsn"}

// isSecret tells by its name whether a key's value is nobody's business. It
// rather hides too much: "max_tokens" is hidden too.
func isSecret(key string) bool {
	key = strings.ToLower(key)
	return slices.ContainsFunc(secretWords, func(word string) bool { return strings.Contains(key, word) })
}

// masked returns a decoded JSON value without its secrets.
func masked(value any) any {
	switch v := value.(type) {
	case map[string]any:
		object := make(map[string]any, len(v))
		for key, member := range v {
			if isSecret(key) {
				object[key] = hidden(member)
			} else {
				object[key] = masked(member)
			}
		}
		return object
	case []any:
		array := make([]any, len(v))
		for i, element := range v {
			array[i] = masked(element)
		}
		return array
	case string:
		return host.URL(v).String()
	default:
		return v
	}
}

// hidden returns what is shown of the value of a secret key. Of a table not
// even the keys: in tokens = {"<token>" = "<user>"} they are the secret.
func hidden(value any) any {
	object, ok := value.(map[string]any)
	if !ok {
		return mask
	}
	shown := make(map[string]any, len(object))
	for i, key := range slices.Sorted(maps.Keys(object)) {
		shown[fmt.Sprint(mask, i+1)] = hidden(object[key])
	}
	return shown
}
