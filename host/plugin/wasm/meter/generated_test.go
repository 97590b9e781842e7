package meter_test

import (
	"encoding/binary"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero/api"

	"github.com/mesh-host/mesh-host/host/plugin/wasm/meter"
)

var generated = flag.String("modules", filepath.Join("testdata", "generated"),
	"a folder of modules that run metered and unmetered; scripts/fuzz-meter generates them")

const (
	minGenerated   = 30
	callsPerExport = 3
	budget         = 3_000_000 // units for a module; one that takes more counts as not finished
	smallSlice     = 50
)

// TestGenerated runs modules that a generator made: what they export, called
// with the same arguments, returns the same in both forms and leaves the same
// memory and globals behind.
func TestGenerated(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(*generated, "*.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < minGenerated {
		t.Fatalf("%d modules in %s, want at least %d", len(files), *generated, minGenerated)
	}
	var finished, calls, traps int
	for _, file := range files {
		c := comparison{file: file}
		c.run(t)
		if c.finished {
			finished++
		}
		calls += c.calls
		traps += c.traps
	}
	t.Logf("%d modules, %d of them to their end, %d calls, %d of them trapped", len(files), finished, calls, traps)
	if finished < len(files)/2 {
		t.Errorf("%d of %d modules ran to their end, want half of them", finished, len(files))
	}
}

// comparison runs one module in both forms. The metered one runs first: it has
// a bound, and where it reaches that there is nothing to compare with.
type comparison struct {
	file         string
	calls, traps int
	finished     bool
}

func (c *comparison) run(t *testing.T) {
	t.Helper()
	module := readFile(t, c.file)
	t.Run(filepath.Base(c.file), func(t *testing.T) {
		m, u := metered(t, smallSlice), unmetered(t)
		m.host.budget = budget
		mm, errM := m.instantiate(t.Context(), module, "")
		if unfinished(errM) {
			return
		}
		um, errU := u.instantiate(t.Context(), module, "")
		if a, b := outcome(nil, nil, errM), outcome(nil, nil, errU); a != b {
			t.Fatalf("instantiated metered: %s, unmetered: %s", a, b)
		}
		if errM != nil {
			c.traps++
			c.finished = true
			return
		}
		random := rand.New(rand.NewPCG(uint64(len(module)), 1))
		definitions := um.ExportedFunctionDefinitions()
		for _, name := range slices.Sorted(maps.Keys(definitions)) {
			for range callsPerExport {
				if !c.call(t, mm, um, name, arguments(random, definitions[name].ParamTypes())) {
					return
				}
			}
		}
		c.finished = true
		compareGlobals(t, mm, um, module)
	})
}

func unfinished(err error) bool {
	return err != nil && (strings.Contains(err.Error(), errOutOfFuel.Error()) || outcome(nil, nil, err) == "too deep" ||
		strings.Contains(err.Error(), errTooDeep.Error()))
}

// call reports whether both forms came to an end.
func (c *comparison) call(t *testing.T, mm, um api.Module, name string, args []uint64) bool {
	t.Helper()
	f := mm.ExportedFunction(name)
	results, err := f.Call(t.Context(), args...)
	if unfinished(err) {
		return false
	}
	c.calls++
	if err != nil {
		c.traps++
		reset(mm, meter.DefaultDepth)
	}
	types := f.Definition().ResultTypes()
	got := outcome(results, types, err) + state(mm)
	results, err = um.ExportedFunction(name).Call(t.Context(), args...)
	if want := outcome(results, types, err) + state(um); got != want {
		t.Fatalf("%q%v metered: %s, unmetered: %s", name, args, got, want)
	}
	return true
}

func arguments(random *rand.Rand, types []api.ValueType) (args []uint64) {
	for _, t := range types {
		v := random.Uint64() >> random.IntN(64)
		switch t {
		case api.ValueTypeI32, api.ValueTypeF32:
			v = uint64(uint32(v))
		case 0x70, api.ValueTypeExternref:
			v = 0
		case 0x7B:
			args = append(args, random.Uint64())
		}
		args = append(args, v)
	}
	return args
}

func compareGlobals(t *testing.T, mm, um api.Module, module []byte) {
	t.Helper()
	for _, name := range exportedGlobals(t, module) {
		g := um.ExportedGlobal(name)
		if g.Type() == 0x70 {
			continue // a function reference differs from engine to engine
		}
		if got, want := mm.ExportedGlobal(name).Get(), g.Get(); got != want {
			t.Errorf("global %q metered: %#x, unmetered: %#x", name, got, want)
		}
	}
}

// exportedGlobals reads the names in a valid module, which wazero does not list.
func exportedGlobals(t *testing.T, module []byte) (names []string) {
	t.Helper()
	next := func(b []byte) (uint64, []byte) {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			t.Fatal("malformed number")
		}
		return v, b[n:]
	}
	for rest := module[8:]; len(rest) > 0; {
		id := rest[0]
		size, content := next(rest[1:])
		rest = content[size:]
		if id != 7 {
			continue
		}
		var count, length uint64
		for count, content = next(content); count > 0; count-- {
			length, content = next(content)
			if content[length] == 3 {
				names = append(names, string(content[:length]))
			}
			_, content = next(content[length+1:])
		}
	}
	return names
}

// FuzzInstrument: whatever the bytes are, Instrument does not panic, and what it
// returns compiles exactly if the module did. What it refuses is not compiled:
// wazero allocates by counts that nothing backs.
func FuzzInstrument(f *testing.F) {
	for _, pattern := range []string{"testdata/generated/*.wasm", "testdata/modules/*.wasm"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatal(err, pattern)
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Add([]byte("\x00asm\x01\x00\x00\x00\x00\x02\x00\x00\x00\x01\x00"))
	runtime := newRuntime(f, false)
	f.Fuzz(func(t *testing.T, module []byte) {
		compiles := func(b []byte) error {
			compiled, err := runtime.CompileModule(t.Context(), b)
			if err != nil {
				return fmt.Errorf("does not compile: %w", err)
			}
			return compiled.Close(t.Context())
		}
		out, err := meter.Instrument(module, meter.Options{})
		if err != nil {
			return
		}
		err = compiles(out)
		plain := compiles(module)
		if plain != nil && strings.Contains(plain.Error(), "custom section") {
			return // wazero reads those, which mean nothing, and metered there are none
		}
		if (err == nil) != (plain == nil) {
			t.Errorf("metered: %v, unmetered: %v", err, plain)
		}
	})
}
