package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/mesh-host/mesh-host/host"
)

// envPrefix is how every variable that mesh-host reads begins.
const envPrefix = "MESH_"

// envName is the variable that overrides key. A variable that is empty counts
// as not set, so that an unset one in a compose file changes nothing.
func envName(key string) string {
	return envPrefix + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(key))
}

// pluginVariables finds the variables MESH_PLUGINS_<NAME>_<KEY> and returns
// the names of those that hold settings, MESH_PLUGINS_<NAME>_CONFIG, by
// plugin. A name that has no section yet gets one, in lower case. Variables
// that mean nothing become warnings: an orchestrator may inject some, as
// Kubernetes does for a service called mesh-host.
func (l *loader) pluginVariables(sections map[string]section, keys []string) (config map[string]string) {
	config = map[string]string{}
	known := make([]string, len(keys))
	for i, key := range keys {
		known[i] = envName(key)
	}
	byName := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(sections)) {
		byName[envName(name)] = append(byName[envName(name)], name)
	}
	for _, variable := range environment() {
		if slices.Contains(known, variable) {
			continue
		}
		plugin, key, ok := splitPluginVariable(variable)
		if !ok {
			l.warnings = append(l.warnings, variable+" sets nothing"+didYouMean(variable, known))
			continue
		}
		names := byName[envPrefix+plugin]
		if len(names) > 1 {
			l.problems = append(l.problems, fmt.Errorf("%s: it could be for any of the plugins %s: set it in the file", variable, strings.Join(names, ", ")))
			continue
		}
		if len(names) == 0 {
			names = []string{strings.ToLower(plugin)}
			byName[envPrefix+plugin] = names
			sections[names[0]] = section{}
			l.sources["plugins."+names[0]] = variable
		}
		if key == "config" {
			config[names[0]] = variable
		}
	}
	return config
}

// environment lists the names of the non-empty variables with our prefix.
func environment() []string {
	var names []string
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, envPrefix) && value != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// splitPluginVariable takes MESH_PLUGINS_<NAME>_<KEY> apart: NAME as it
// stands, and the key. No key ends with another, so the end decides, whatever
// the plugin is called.
func splitPluginVariable(variable string) (plugin, key string, ok bool) {
	rest, ok := strings.CutPrefix(variable, envPrefix+"PLUGINS_")
	if !ok {
		return "", "", false
	}
	fields, _ := fieldsOf(&host.PluginConfig{})
	for _, key := range append(keysOf(fields), "config") {
		plugin, ok := strings.CutSuffix(rest, "_"+strings.ToUpper(key))
		if ok && plugin != "" && !slices.Contains([]string{"DEFAULTS", "DIR", "CACHE_DIR", "SETTLE"}, plugin) {
			return plugin, key, true
		}
	}
	return "", "", false
}
