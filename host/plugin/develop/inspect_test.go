package develop_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/host/plugin/develop"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

func TestInspect(t *testing.T) {
	t.Parallel()
	module := plugintest.Fixture(t, "puppet")
	config := []byte(`{"commands":[{"name":"store","handler":30}]}`)
	i, err := develop.Inspect(t.Context(), "puppet.wasm", module, config)
	if err != nil {
		t.Fatal(err)
	}
	if i.Format != develop.FormatMesh || i.ABI != 1 || i.Refusal != "" || !i.Meterable || i.Memory == nil || i.Memory.Minimum == 0 {
		t.Errorf("%+v", i)
	}
	if i.MeteredBytes <= i.Bytes {
		t.Errorf("%d bytes with the meter, %d without", i.MeteredBytes, i.Bytes)
	}
	if !slices.Contains(i.Granted, "kv") || i.Registration == nil || i.Registration.Commands[0].Name != "store" {
		t.Errorf("capabilities %v, registration %+v", i.Granted, i.Registration)
	}
	total := 8
	for _, s := range i.Sections {
		total += s.Bytes
	}
	if total != len(module) {
		t.Errorf("the sections have %d bytes together, the module %d", total, len(module))
	}
	var text bytes.Buffer
	if err := i.Write(&text); err != nil || !strings.Contains(text.String(), "commands") {
		t.Error(err, text.String())
	}
}

func TestInspectExtism(t *testing.T) {
	t.Parallel()
	config := []byte(`{"registration":{"commands":[{"name":"store","handler":"ask"}],"capabilities":[{"name":"kv"},{"name":"http:https://a.example"}]}}`)
	i, err := develop.Inspect(t.Context(), "puppet.wasm", plugintest.Fixture(t, "extism-puppet"), config)
	if err != nil {
		t.Fatal(err)
	}
	if i.Format != develop.FormatExtism || i.ABI != 0 || i.Refusal != "" || !i.Meterable || !slices.Equal(i.Granted, []string{"kv"}) {
		t.Errorf("%+v", i)
	}
	if i.Registration == nil || i.Registration.Commands[0].Name != "store" {
		t.Errorf("registration %+v", i.Registration)
	}
	var text bytes.Buffer
	if err := i.Write(&text); err != nil || !strings.Contains(text.String(), "config.get, kv.get") || strings.Contains(text.String(), "UNKNOWN") {
		t.Error(err, text.String())
	}
	shape, err := develop.LookAt(t.Context(), plugintest.Fixture(t, "extism-unknown-import"))
	if err != nil || !slices.ContainsFunc(shape.Imports, func(i develop.Import) bool { return !i.Known }) {
		t.Errorf("%+v, %v", shape, err)
	}
}

func TestInspectShowsRefusals(t *testing.T) {
	t.Parallel()
	i, err := develop.Inspect(t.Context(), "puppet.wasm", plugintest.Fixture(t, "puppet"), []byte(`{"error":"no settings"}`))
	if err != nil || !strings.Contains(i.Refusal, "no settings") || i.Registration != nil {
		t.Errorf("%+v, %v", i, err)
	}
}

// extismModule is a plugin in Extism's format, as small as one can be: it
// imports a function of every host's and two of this one's, of which one is
// none, and exports a function and a memory.
var extismModule = slices.Concat([]byte("\x00asm\x01\x00\x00\x00"),
	section(1, 3, "\x60\x00\x01\x7E", "\x60\x01\x7E\x01\x7E", "\x60\x00\x01\x7F"), // () → i64, i64 → i64, () → i32
	section(2, 3, "\x0Fextism:host/env\x0Cinput_length\x00\x00",
		"\x10extism:host/user\x06kv_get\x00\x01", "\x10extism:host/user\x04boom\x00\x01"),
	section(3, 1, "\x02"),
	section(5, 1, "\x00\x01"),
	section(7, 2, "\x05hello\x00\x03", "\x06memory\x02\x00"),
	section(10, 1, "\x04\x00\x41\x00\x0B")) // i32.const 0

// section is one of a module, with so many entries, shorter than 128 bytes.
func section(id, count byte, entries ...string) []byte {
	content := strings.Join(entries, "")
	return append([]byte{id, byte(len(content) + 1), count}, content...)
}

func TestExtismIsKnown(t *testing.T) {
	t.Parallel()
	shape, err := develop.LookAt(t.Context(), extismModule)
	if err != nil {
		t.Fatal(err)
	}
	if shape.Format != develop.FormatExtism || shape.ABI != 0 || !slices.Equal(shape.Capabilities(), []string{"kv"}) {
		t.Errorf("%+v", shape)
	}
	for _, i := range shape.Imports {
		if i.Known != (i.Name != "boom") {
			t.Errorf("%+v", i)
		}
	}
	i, err := develop.Inspect(t.Context(), "hello.wasm", extismModule, nil)
	if err != nil || !i.Meterable || i.MeteredBytes <= i.Bytes {
		t.Errorf("%+v, %v", i, err)
	}
	native, err := develop.LookAt(t.Context(), plugintest.Fixture(t, "no-version"))
	if err != nil || native.Format != develop.FormatUnknown {
		t.Errorf("what has the native format's exports and no version is %q, %v", native.Format, err)
	}
}

func TestRubbishIsNamed(t *testing.T) {
	t.Parallel()
	module := plugintest.Fixture(t, "echo")
	for _, test := range []struct{ name, content, want string }{
		{"empty", "", "is empty"},
		{"text", "hello, world", "no WebAssembly module"},
		{"wat", "  (module)", "wat2wasm"},
		{"cut in the head", "\x00asm\x01", "cut off"},
		{"component", "\x00asm\x0d\x00\x01\x00", "component"},
		{"version 2", "\x00asm\x02\x00\x00\x00", "version"},
	} {
		path := filepath.Join(t.TempDir(), "x.wasm")
		if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := develop.ReadModule(path); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
	}
	if _, err := develop.LookAt(t.Context(), module[:len(module)/2]); err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("half a module: %v", err)
	}
	if _, err := develop.ReadModule(t.TempDir()); err == nil || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("a folder: %v", err)
	}
}

// What a server refuses at once is not worth memory without bound here.
func TestHostileModulesAreNotLookedInto(t *testing.T) {
	t.Parallel()
	const head = "\x00asm\x01\x00\x00\x00"
	types := head + "\x01\x04\x01\x60\x00\x00"
	for name, module := range map[string]string{
		"imports": types + "\x02\x05\xff\xff\xff\xff\x07",
		"locals":  types + "\x03\x02\x01\x00" + "\x0a\x0a\x01\x08\x01\xff\xff\xff\xff\x0f\x7f\x0b",
	} {
		i, err := develop.Inspect(t.Context(), "x.wasm", []byte(module), nil)
		if err != nil || i.Meterable || i.MeterProblem == "" || i.Refusal == "" {
			t.Errorf("%s: %+v, %v", name, i, err)
		}
	}
	if _, err := develop.LookAt(t.Context(), []byte(head+strings.Repeat("\x00\x01\x00", 1<<20))); err == nil || !strings.Contains(err.Error(), "sections") {
		t.Errorf("a million sections: %v", err)
	}
}

// Looking at a module takes memory and time in proportion to its file.
func TestLargeCodeIsNotCompiledToBeLookedAt(t *testing.T) {
	body := []byte{0}
	for range 1 << 20 {
		body = append(body, 0x41, 0x00, 0x1A) // i32.const 0, drop
	}
	body = append(body, 0x0B)
	section := append(append([]byte{1}, uvarint(len(body))...), body...)
	module := append([]byte("\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x0a"), append(uvarint(len(section)), section...)...)
	took := testing.Benchmark(func(b *testing.B) {
		b.Helper()
		b.ReportAllocs()
		for b.Loop() {
			if shape, err := develop.LookAt(t.Context(), module); err != nil || !shape.Meterable {
				b.Fatalf("%+v, %v", shape, err)
			}
		}
	})
	if most := int64(20 * len(module)); took.AllocedBytesPerOp() > most {
		t.Errorf("%d bytes for a module of %d, more than %d", took.AllocedBytesPerOp(), len(module), most)
	}
}

func uvarint(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }

func FuzzLookAt(f *testing.F) {
	f.Add([]byte("\x00asm\x01\x00\x00\x00"))
	f.Add([]byte("\x00asm\x01\x00\x00\x00\x00\x05\x04name"))
	f.Fuzz(func(t *testing.T, module []byte) {
		shape, err := develop.LookAt(t.Context(), module)
		if err == nil && shape.Bytes != len(module) {
			t.Errorf("%d bytes, not %d", shape.Bytes, len(module))
		}
	})
}
