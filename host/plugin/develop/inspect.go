package develop

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/mesh-host/mesh-host/abi"
)

// Inspection is all that can be known of a plugin's file before a server loads
// it.
type Inspection struct {
	File string `json:"file"`
	Shape
	// Granted are the capabilities that the imports ask for.
	Granted []string `json:"capabilities"`
	// Name is what the plugin would be called; Registration what it registers.
	// Both are empty where Refusal says why a host would not load it.
	Name         string            `json:"name,omitempty"`
	Registration *abi.Registration `json:"registration,omitempty"`
	Refusal      string            `json:"refusal,omitempty"`
}

// Inspect looks at a module and asks it, in a host of its own without a
// network, what it registers; file is its name, config its settings, a JSON
// object or nil. A plugin that no host would load is no error: see
// Inspection.Refusal.
func Inspect(ctx context.Context, file string, module []byte, config json.RawMessage) (*Inspection, error) {
	shape, err := LookAt(ctx, module)
	if err != nil {
		return nil, err
	}
	i := &Inspection{File: filepath.Base(file), Shape: *shape, Granted: shape.Capabilities()}
	s, err := openSandbox(sandboxOptions{file: pluginFile(file), module: module, config: config})
	if err != nil {
		return nil, err
	}
	status := s.status()
	if status.Loaded {
		i.Name, i.Registration = status.Name, s.manager.Registration(s.file)
	} else {
		i.Refusal = printable(status.Error)
	}
	return i, s.close()
}

// pluginFile is the name under which a file can lie in a plugin folder.
func pluginFile(path string) string {
	name := filepath.Base(path)
	name = strings.TrimLeft(strings.TrimSuffix(name, ".wasm"), ".~#")
	if name == "" {
		name = "plugin"
	}
	return name + ".wasm"
}

// Write prints the inspection for people.
func (i *Inspection) Write(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	var lines io.Writer = table // which keeps an error for Flush
	line := func(name, format string, args ...any) {
		fmt.Fprintf(lines, "%s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	line("file", "%s, %s", printable(i.File), byteCount(i.Bytes))
	line("format", "%s", i.formatText())
	if i.Memory != nil {
		line("memory", "%s", i.Memory.text())
	}
	if i.Meterable {
		line("metering", "possible, %s with the meter", byteCount(i.MeteredBytes))
	} else {
		line("metering", "not possible: %s", i.MeterProblem)
	}
	line("capabilities", "%s", orDash(strings.Join(i.Granted, ", ")))
	i.writeImports(line)
	line("exports", "%s", orDash(strings.Join(i.Exports, ", ")))
	for n, s := range i.Sections {
		name := ""
		if n == 0 {
			name = "sections"
		}
		line(name, "%s: %s", s.Name, byteCount(s.Bytes))
	}
	if i.Refusal != "" {
		line("REFUSED", "%s", i.Refusal)
	} else {
		line("plugin", "%s", i.Name)
		for _, entry := range registered(i.Registration) {
			line(entry.kind, "%s", entry.names)
		}
	}
	return table.Flush()
}

func (i *Inspection) writeImports(line func(name, format string, args ...any)) {
	var operations, wasi, other, unknown []string
	for _, m := range i.Imports {
		switch {
		case !m.Known:
			unknown = append(unknown, m.Module+"."+m.Name)
		case m.Operation != "":
			operations = append(operations, m.Operation)
		case m.Module == wasiNamespace:
			wasi = append(wasi, m.Name)
		default:
			other = append(other, m.Module+"."+m.Name)
		}
	}
	for _, kind := range []struct {
		name string
		list []string
	}{{"operations", operations}, {"WASI", wasi}, {"imports", other}, {"UNKNOWN IMPORTS", unknown}} {
		if len(kind.list) > 0 {
			line(kind.name, "%s", strings.Join(kind.list, ", "))
		}
	}
}

func (i *Inspection) formatText() string {
	switch i.Format {
	case FormatMesh:
		return fmt.Sprintf("mesh-host's, ABI %d", i.ABI)
	case FormatExtism:
		return "Extism's, whose kernel needs 1 MiB of memory besides"
	}
	if !i.Meterable {
		return "unknown: no host would look into the module"
	}
	return "unknown: neither " + abi.ExportVersion + " nor an import of Extism's host"
}

func (m *Memory) text() string {
	text := byteCount(int(m.Minimum)) + " at least"
	if m.Maximum > 0 {
		return text + ", at most " + byteCount(int(m.Maximum))
	}
	return text + ", no maximum of its own"
}

// entryList is one kind of what a plugin registers, for people.
type entryList struct{ kind, names string }

// registered lists what a document holds.
func registered(r *abi.Registration) (list []entryList) {
	add := func(kind string, names []string) {
		if len(names) > 0 {
			list = append(list, entryList{kind, printable(strings.Join(names, ", "))})
		}
	}
	if r == nil {
		return nil
	}
	if r.Version != "" {
		add("version", []string{r.Version})
	}
	add("commands", namesOf(r.Commands, func(c abi.CommandRegistration) string { return c.Name }))
	add("middleware", namesOf(r.Middleware, func(m abi.MiddlewareRegistration) string {
		if m.Global {
			return m.Name + " (global)"
		}
		return m.Name
	}))
	add("guards", namesOf(r.Guards, func(g abi.GuardRegistration) string { return g.Name }))
	add("hooks", namesOf(r.Hooks, func(h abi.HookRegistration) string { return h.Event }))
	add("schedules", namesOf(r.Schedules, func(s abi.ScheduleRegistration) string { return s.Name + " " + s.Every + s.Cron }))
	add("channels", namesOf(r.Channels, func(x abi.ChannelExposure) string { return x.Pattern }))
	add("presence", namesOf(r.Presence, func(x abi.PresenceExposure) string { return x.Pattern }))
	add("rooms", namesOf(r.Rooms, func(x abi.RoomExposure) string { return x.Pattern }))
	add("records", namesOf(r.Records, func(x abi.RecordExposure) string { return x.Pattern }))
	add("collections", namesOf(r.Collections, func(x abi.CollectionExposure) string { return x.Pattern }))
	add("states", namesOf(r.Capabilities, func(c abi.Capability) string { return c.Name }))
	return list
}

func namesOf[E any](list []E, name func(E) string) []string {
	names := make([]string, len(list))
	for i, e := range list {
		names[i] = name(e)
	}
	return names
}

// byteCount is a size for people.
func byteCount(n int) string {
	switch {
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 10<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

func orDash(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
