package main

import (
	"encoding"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mesh-host/mesh-host/host"
)

func configCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "config",
		Short: "Show the configuration",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	command.AddCommand(configPrintCommand())
	return command
}

func configPrintCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "print",
		Short: "Print the effective configuration as TOML, secrets masked",
		Long: `Print the configuration that serve would use with the same flags, environment
and file, as TOML. A value set by a flag or a variable says so behind it.
Values of keys that name a token, secret, password or key are masked, and so
are the keys of such tables.`,
		Example: `  mesh-host config print
  mesh-host config print --config /etc/mesh-host/config.toml
  MESH_LOG_LEVEL=debug mesh-host config print`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			l, err := load(c.Flags())
			if err != nil {
				return err
			}
			for _, warning := range l.warnings {
				fmt.Fprintln(c.ErrOrStderr(), "mesh-host:", warning)
			}
			_, err = io.WriteString(c.OutOrStdout(), l.print())
			return err
		},
	}
	addConfigFlags(command.Flags())
	return command
}

// print writes the configuration the way config.toml is laid out.
func (l *loaded) print() string {
	var b strings.Builder
	from := "no file"
	if l.file != "" {
		from = l.file
	}
	fmt.Fprintf(&b, "# The effective configuration: flags, then MESH_ variables, then %s, then defaults.\n\n", from)
	fields, _ := fieldsOf(&l.Config)
	l.printFields(&b, "", fields)
	for _, name := range slices.Sorted(maps.Keys(l.Plugins.Named)) {
		l.printPlugin(&b, name)
	}
	return b.String()
}

// printFields writes key = value lines, with a table's header before its
// first.
func (l *loaded) printFields(b *strings.Builder, prefix string, fields []field) {
	table := ""
	for _, f := range fields {
		if f.isTables() {
			table = f.key
			f.printTables(b, l.override(prefix+f.key))
			continue
		}
		at := max(strings.LastIndexByte(f.key, '.'), 0)
		if f.key[:at] != table {
			table = f.key[:at]
			fmt.Fprintf(b, "\n[%s]\n", table)
		}
		if f.value.Kind() == reflect.Pointer && f.value.IsNil() {
			continue
		}
		fmt.Fprintf(b, "%s = %s%s\n", lastPart(f.key), f.text(), comment(l.override(prefix+f.key)))
	}
}

// override names the flag or variable that sets key, or "".
func (l *loaded) override(key string) string {
	if source := l.sources[key]; source != l.file {
		return source
	}
	return ""
}

// printPlugin writes [plugins.<name>] and its settings.
func (l *loaded) printPlugin(b *strings.Builder, name string) {
	p, key := l.Plugins.Named[name], "plugins."+name
	fmt.Fprintf(b, "\n[plugins.%s]\n", quoteKey(name))
	fields, _ := fieldsOf(&p)
	l.printFields(b, key+".", fields)
	if p.Config == nil {
		return
	}
	settings, err := decodeJSON(p.Config)
	if object, ok := settings.(map[string]any); ok && err == nil {
		shown, _ := masked(object).(map[string]any)
		writeTable(b, l.override(key+".config"), "plugins."+quoteKey(name)+".config", shown)
	}
}

// text writes the field's value as TOML, masked if its name says so.
func (f field) text() string {
	value := reflect.Indirect(f.value)
	if f.isSecret() && !value.IsZero() {
		return quoteString(mask)
	}
	if f.isTables() {
		return f.tablesText()
	}
	switch v := value.Interface().(type) {
	case time.Duration:
		return quoteString(durationText(v))
	case encoding.TextMarshaler:
		text, err := v.MarshalText()
		if err != nil {
			panic(err)
		}
		return quoteString(string(text))
	case []string:
		return listText(v)
	case host.PatternList:
		return listText(v)
	case host.Filter:
		return filterTOML(v)
	}
	if value.Kind() == reflect.String {
		return quoteString(value.String())
	}
	return fmt.Sprint(value.Interface())
}

// listText writes a list of strings.
func listText(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = quoteString(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// durationText is d.String() without the units that say nothing: 1h0m0s is 1h.
func durationText(d time.Duration) string {
	text := d.String()
	if trimmed, ok := strings.CutSuffix(text, "m0s"); ok {
		text = trimmed + "m"
	}
	if trimmed, ok := strings.CutSuffix(text, "h0m"); ok {
		text = trimmed + "h"
	}
	return text
}
