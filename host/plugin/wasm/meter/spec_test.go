package meter_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero/api"

	"github.com/mesh-host/mesh-host/host/plugin/wasm/meter"
)

// The modules and commands of the WebAssembly 2.0 core test suite come with
// wazero's module. Every command runs on the unmetered form and on metered
// ones, which must do the same.

const (
	minSpecCommands = 52_900
	rareTicks       = 1 << 40
	allTicks        = 3
)

type specCommand struct {
	Type       string `json:"type"`
	Line       int    `json:"line"`
	Name       string `json:"name"`
	Filename   string `json:"filename"`
	As         string `json:"as"`
	ModuleType string `json:"module_type"`
	Action     struct {
		Type   string      `json:"type"`
		Module string      `json:"module"`
		Field  string      `json:"field"`
		Args   []specValue `json:"args"`
	} `json:"action"`
}

type specValue struct {
	Type  string          `json:"type"`
	Lane  string          `json:"lane_type"`
	Value json.RawMessage `json:"value"`
}

// encode returns the value as wazero takes it.
func (v specValue) encode() ([]uint64, error) {
	if v.Type != "v128" {
		var text string
		if err := json.Unmarshal(v.Value, &text); err != nil {
			return nil, err
		}
		if text == "null" {
			return []uint64{0}, nil
		}
		n, err := parseBits(text)
		if v.Type == "externref" {
			n++ // 0 is null to wazero
		}
		return []uint64{n}, err
	}
	var lanes []string
	if err := json.Unmarshal(v.Value, &lanes); err != nil {
		return nil, err
	}
	var bits [2]uint64
	width := 128 / len(lanes)
	for i, lane := range lanes {
		n, err := parseBits(lane)
		if err != nil {
			return nil, err
		}
		if width < 64 {
			n &= 1<<width - 1
		}
		bits[i*width/64] |= n << (i * width % 64)
	}
	return bits[:], nil
}

func parseBits(text string) (uint64, error) {
	if strings.HasPrefix(text, "-") {
		n, err := strconv.ParseInt(text, 10, 64)
		return uint64(n), err
	}
	return strconv.ParseUint(text, 10, 64)
}

// specRun runs one file's commands on one engine.
type specRun struct {
	*engine
	dir     string
	modules map[string]api.Module
	all     []api.Module
	last    api.Module
}

func (s *specRun) module(t *testing.T, c specCommand, name string) string {
	t.Helper()
	binary, err := os.ReadFile(filepath.Join(s.dir, c.Filename))
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.instantiate(t.Context(), binary, name)
	if err != nil {
		if strings.HasPrefix(c.Type, "assert_invalid") || strings.HasPrefix(c.Type, "assert_malformed") {
			return "refused"
		}
		return "error " + outcome(nil, nil, err)
	}
	s.all, s.last = append(s.all, m), m
	if c.Name != "" {
		s.modules[c.Name] = m
	}
	return "instantiated"
}

func (s *specRun) action(t *testing.T, c specCommand) string {
	t.Helper()
	m := s.last
	if c.Action.Module != "" {
		m = s.modules[c.Action.Module]
	}
	if c.Action.Type == "get" {
		return fmt.Sprintf("%#x", m.ExportedGlobal(c.Action.Field).Get())
	}
	var args []uint64
	for _, a := range c.Action.Args {
		bits, err := a.encode()
		if err != nil {
			t.Fatalf("line %d: %v", c.Line, err)
		}
		args = append(args, bits...)
	}
	f := m.ExportedFunction(c.Action.Field)
	results, err := f.Call(t.Context(), args...)
	if err != nil {
		for _, m := range s.all {
			reset(m, meter.DefaultDepth)
		}
	}
	how := outcome(results, f.Definition().ResultTypes(), err)
	if failed := err != nil; failed != (c.Type == "assert_trap" || c.Type == "assert_exhaustion") {
		t.Errorf("line %d: %s ended as %s", c.Line, c.Type, how)
	}
	return how + " " + state(m)
}

// command returns what happened, and whether the next command is done with.
func (s *specRun) command(t *testing.T, c specCommand, next *specCommand) string {
	t.Helper()
	switch c.Type {
	case "module", "assert_unlinkable", "assert_uninstantiable", "assert_invalid", "assert_malformed":
		name := ""
		if next != nil && c.Type == "module" && next.Type == "register" {
			name = next.As
		}
		how := s.module(t, c, name)
		if (how == "instantiated") != (c.Type == "module") {
			return how + ", which is not " + c.Type
		}
		return how
	case "register":
		return "registered"
	}
	return s.action(t, c)
}

func TestSpec(t *testing.T) {
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(strings.TrimSpace(string(dir)), "internal", "integration_test", "spectest")
	files, err := filepath.Glob(filepath.Join(root, "v2", "testdata", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	support, err := os.ReadFile(filepath.Join(root, "testdata", "spectest.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	commands := 0
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			commands += runSpecFile(t, file, support)
		})
	}
	t.Logf("%d commands of %d files ran on three engines", commands, len(files))
	if commands < minSpecCommands {
		t.Errorf("%d commands ran; the suite has at least %d", commands, minSpecCommands)
	}
}

func runSpecFile(t *testing.T, file string, support []byte) (commands int) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var script struct {
		Commands []specCommand `json:"commands"`
	}
	if err := json.Unmarshal(text, &script); err != nil {
		t.Fatal(err)
	}
	var runs []*specRun
	for _, e := range []*engine{unmetered(t), metered(t, rareTicks), metered(t, allTicks)} {
		if _, err := e.Instantiate(t.Context(), support); err != nil {
			t.Fatal(err)
		}
		runs = append(runs, &specRun{engine: e, dir: filepath.Dir(file), modules: map[string]api.Module{}})
	}
	for i, c := range script.Commands {
		if strings.HasSuffix(c.Filename, ".wat") {
			continue // says how text is malformed
		}
		var next *specCommand
		if i+1 < len(script.Commands) {
			next = &script.Commands[i+1]
		}
		want := runs[0].command(t, c, next)
		for _, s := range runs[1:] {
			if got := s.command(t, c, next); got != want {
				t.Errorf("line %d: %s, %s: metered %s, unmetered %s", c.Line, c.Type, c.Filename, got, want)
			}
		}
		commands++
	}
	return commands
}
