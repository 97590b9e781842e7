package plugin

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// extension is how the names of plugin files end.
const extension = ".wasm"

// languages are the suffixes by which builds of one plugin in several
// languages are told apart; they are no part of its name.
var languages = []string{"go", "tinygo", "rust", "assemblyscript", "c", "cpp", "zig", "js", "ts", "python", "kotlin", "csharp"}

// nameOfFile returns the name of a plugin that registers none: its file's,
// without extension and language ("echo-go.wasm", "echo-extism-js.wasm").
func nameOfFile(file string) string {
	name := strings.TrimSuffix(file, extension)
	base, language, ok := cutLast(name, "-")
	if !ok || base == "" || !slices.Contains(languages, language) {
		return name
	}
	if short := strings.TrimSuffix(base, "-extism"); short != "" {
		return short
	}
	return base
}

func cutLast(s, separator string) (before, after string, ok bool) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(separator):], true
}

// maxPluginName bounds the name of a plugin, in bytes.
const maxPluginName = 64

// reservedNames are keys of the table in the configuration whose other keys
// are the names of plugins.
var reservedNames = []string{"dir", "cache_dir", "settle", "defaults"}

var errPluginName = fmt.Errorf("a plugin's name is 1 to %d letters, digits, '-' and '_'", maxPluginName)

func checkPluginName(name string) error {
	valid := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
	}
	if name == "" || len(name) > maxPluginName || strings.ContainsFunc(name, func(r rune) bool { return !valid(r) }) {
		return errPluginName
	}
	if slices.Contains(reservedNames, name) {
		return errors.New("the name is a key of the configuration")
	}
	return nil
}
