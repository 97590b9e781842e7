// Command gen writes everything that follows from errors.json and
// operations.json, the one place where an error code, a close code or a host
// operation is defined: abi's Go files, the tables in ABI.md, and the raw
// layers of pdk/go, pdk/rust and pdk/assemblyscript. Run it with go generate
// ./abi.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/format"
	"log"
	"maps"
	"os"
	"path/filepath"
)

func main() {
	log.SetFlags(0)
	files, err := generate(".")
	if err != nil {
		log.Fatal(err)
	}
	for path, text := range files {
		if err := os.WriteFile(path, text, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

// generate returns the text of every generated file by its path, given the
// path of the abi folder.
func generate(abi string) (map[string][]byte, error) {
	t, err := readTables(abi)
	if err != nil {
		return nil, err
	}
	kit := filepath.Join(abi, "..", "pdk", "go")
	sources := map[string][]byte{
		filepath.Join(abi, "zz_generated_errors.go"):                    errorsSource(t),
		filepath.Join(abi, "zz_generated_operations.go"):                operationsSource(t.operations),
		filepath.Join(kit, "zz_generated_codes.go"):                     kitCodesSource(t),
		filepath.Join(kit, "zz_generated_operations.go"):                kitOperationsSource(forPlugins(t.operations)),
		filepath.Join(kit, "internal", "env", "zz_generated_wasm.go"):   kitWasmSource(forPlugins(t.operations)),
		filepath.Join(kit, "internal", "env", "zz_generated_native.go"): kitNativeSource(forPlugins(t.operations)),
	}
	files := make(map[string][]byte, len(sources)+1)
	for path, source := range sources {
		formatted, err := format.Source(source)
		if err != nil {
			return nil, fmt.Errorf("%s: %w\n%s", path, err, source)
		}
		files[path] = formatted
	}
	maps.Copy(files, assemblyScriptFiles(filepath.Join(abi, "..", "pdk", "assemblyscript"), t))
	document := filepath.Join(abi, "ABI.md")
	files[document], err = fillDocument(document, t)
	for name, source := range rustSources(t) {
		files[filepath.Join(abi, "..", "pdk", "rust", "src", "generated", name)] = source
	}
	return files, err
}

// readTables reads both JSON files; a member that no structure knows is an
// error, so that a typing mistake cannot pass for an absent value.
func readTables(abi string) (tables, error) {
	var codes struct {
		Errors []errorCode `json:"errors"`
		Close  []closeCode `json:"close"`
	}
	var t tables
	if err := read(filepath.Join(abi, "errors.json"), &codes); err != nil {
		return t, err
	}
	if err := read(filepath.Join(abi, "operations.json"), &t.operations); err != nil {
		return t, err
	}
	t.errors, t.closes = codes.Errors, codes.Close
	return t, t.check()
}

func read(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
