package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/mesh-host/mesh-host/host"
)

// readFile decodes the file that --config names, or the default one if there
// is one. It is decoded here and not by viper, which would lower-case the keys
// of the plugins' own settings and split them at dots.
func (l *loader) readFile() map[string]any {
	path, err := l.flags.GetString("config")
	if err != nil || path == "" {
		return map[string]any{}
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !l.flags.Changed("config") {
		return map[string]any{}
	}
	l.file = path
	tree := map[string]any{}
	if err == nil {
		err = toml.Unmarshal(data, &tree)
	}
	if err != nil {
		l.problems = append(l.problems, fileError(path, err))
		return map[string]any{}
	}
	return tree
}

// fileError names the file and, for a syntax error, line and column.
func fileError(path string, err error) error {
	var syntax *toml.DecodeError
	if errors.As(err, &syntax) {
		line, column := syntax.Position()
		return fmt.Errorf("%s:%d:%d: %s", path, line, column, strings.TrimPrefix(syntax.Error(), "toml: "))
	}
	var file *fs.PathError
	if errors.As(err, &file) {
		return fmt.Errorf("%s: %w", path, file.Err)
	}
	return fmt.Errorf("%s: %w", path, err)
}

// checkKeys reports the keys of tree that are none and takes them out, so
// that what follows sees known keys only.
func (l *loader) checkKeys(prefix string, tree map[string]any, keys, tables []string) {
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		key := prefix + name
		switch dotted := strings.Contains(name, "."); {
		case !dotted && slices.Contains(keys, key):
			continue
		case !dotted && slices.Contains(tables, key):
			if table, ok := tree[name].(map[string]any); ok {
				l.checkKeys(key+".", table, keys, tables)
				continue
			}
			l.problem(l.file, key, "%s", wrongType(tree[name], "a table"))
		default:
			l.problem(l.file, prefix+quoteKey(name), "unknown key%s", didYouMean(key, slices.Concat(keys, tables)))
		}
		delete(tree, name)
	}
}

// section is what the file says of one plugin.
type section struct {
	limits map[string]any
	config map[string]any
}

// takeSections takes the [plugins.<name>] tables out of tree: their names and
// the keys of their settings are the operator's, with case and dots.
func (l *loader) takeSections(tree map[string]any) map[string]section {
	sections := map[string]section{}
	plugins, _ := tree["plugins"].(map[string]any)
	fields, tables := fieldsOf(&host.PluginsConfig{})
	keys := keysOf(fields)
	for _, name := range slices.Sorted(maps.Keys(plugins)) {
		table, isTable := plugins[name].(map[string]any)
		switch {
		case name == "defaults" && isTable:
			l.refuseDefaultConfig(table)
			continue
		case slices.Contains(keys, name) || slices.Contains(tables, name):
			if !isTable {
				continue
			}
			l.problem(l.file, "plugins."+name, "it is a table and must be a string; a plugin cannot be called %q", name)
		case isTable:
			sections[name] = l.takeSection(name, table)
		default:
			l.problem(l.file, "plugins."+quoteKey(name), "unknown key%s",
				didYouMean("plugins."+name, []string{"plugins.dir", "plugins.cache_dir", "plugins.settle"}))
		}
		delete(plugins, name)
	}
	return sections
}

func (l *loader) takeSection(name string, table map[string]any) section {
	prefix := "plugins." + quoteKey(name) + "."
	l.sources["plugins."+name] = l.file
	if name == "default" {
		l.warnings = append(l.warnings, l.file+`: [plugins.default] is for a plugin called "default"; what holds for all plugins is [plugins.defaults]`)
	}
	var own map[string]any
	if raw, ok := table["config"]; ok {
		if own, ok = raw.(map[string]any); !ok {
			l.problem(l.file, prefix+"config", "%s", wrongType(raw, "a table"))
		}
		delete(table, "config")
	}
	fields, _ := fieldsOf(&host.PluginConfig{})
	keys := keysOf(fields)
	for _, key := range slices.Sorted(maps.Keys(table)) {
		if slices.Contains(keys, key) {
			continue
		}
		hint := didYouMean(key, append(keys, "config"))
		if hint == "" {
			hint = ": a plugin's own settings stand in [" + prefix + "config]"
		}
		l.problem(l.file, prefix+quoteKey(key), "unknown key%s", hint)
		delete(table, key)
	}
	return section{limits: table, config: own}
}

func (l *loader) refuseDefaultConfig(table map[string]any) {
	if _, ok := table["config"]; ok {
		l.problem(l.file, "plugins.defaults.config", "settings belong to one plugin: write [plugins.<name>.config]")
		delete(table, "config")
	}
}
