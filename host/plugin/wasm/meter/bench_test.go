package meter_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/mesh-host/mesh-host/host/plugin/wasm/meter"
)

// benchSlice is a slice of fuel as a server gives it: about a millisecond.
const benchSlice = 1 << 20

const request = `{"room":"lobby","users":[{"id":1,"name":"ada","tags":["a","b"]},{"id":2,"name":"bob","tags":[]}],"limit":50,"ratio":0.25}`

// goGuest builds testdata/guest.
func goGuest(tb testing.TB) []byte {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "guest.wasm")
	build := exec.CommandContext(tb.Context(), "go", "build", "-buildmode=c-shared", "-o", file, "./testdata/guest")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		tb.Fatalf("%v: %s", err, out)
	}
	return readFile(tb, file)
}

func readFile(tb testing.TB, path ...string) []byte {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func fixture(tb testing.TB, name string) []byte {
	tb.Helper()
	return readFile(tb, "testdata", "modules", name+".wasm")
}

// bench calls one function of a guest in three forms: as it was, metered, and
// with wazero's own check for deadlines, which metering takes the place of.
func bench(b *testing.B, binary []byte, prepare func(api.Module), name string, args ...uint64) {
	b.Helper()
	for _, form := range []struct {
		name string
		make func() *engine
	}{
		{"plain", func() *engine { return unmetered(b) }},
		{"metered", func() *engine { return metered(b, benchSlice) }},
		{"deadline", func() *engine { return &engine{Runtime: newRuntime(b, true)} }},
	} {
		b.Run(form.name, func(b *testing.B) {
			e := form.make()
			wasi_snapshot_preview1.MustInstantiate(b.Context(), e)
			compiled, err := e.compile(b.Context(), binary)
			if err != nil {
				b.Fatal(err)
			}
			m, err := e.InstantiateModule(b.Context(), compiled, wazero.NewModuleConfig().WithStartFunctions("_initialize"))
			if err != nil {
				b.Fatal(err)
			}
			if prepare != nil {
				prepare(m)
			}
			f := m.ExportedFunction(name)
			stack := make([]uint64, len(args)+4)
			b.ReportAllocs()
			for b.Loop() {
				copy(stack, args)
				if err := f.CallWithStack(b.Context(), stack); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkLoop(b *testing.B) { bench(b, fixture(b, "loop"), nil, "run", 100_000) }

func BenchmarkWalk(b *testing.B) { bench(b, fixture(b, "walk"), nil, "run", 4<<16) }

func BenchmarkFib(b *testing.B) { bench(b, fixture(b, "fib"), nil, "run", 20) }

func BenchmarkGo(b *testing.B) {
	binary := goGuest(b)
	prepare := func(m api.Module) {
		at, err := m.ExportedFunction("buffer").Call(b.Context())
		if err != nil || !m.Memory().WriteString(uint32(at[0]), request) {
			b.Fatal(err)
		}
	}
	for _, name := range []string{"echo", "json"} {
		b.Run(name, func(b *testing.B) { bench(b, binary, prepare, name, uint64(len(request))) })
	}
}

func BenchmarkInstrument(b *testing.B) {
	binary := goGuest(b)
	b.SetBytes(int64(len(binary)))
	b.ReportAllocs()
	for b.Loop() {
		metered, err := meter.Instrument(binary, meter.Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(metered))/float64(len(binary)), "size")
	}
}
