package extism_test

import (
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/plugin/extism"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
	"github.com/mesh-host/mesh-host/host/plugin/wasm/meter"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// FuzzRedirect: what imports are rewritten in stays the module that it was. It
// is valid where it was, has as many imports of the same names, and none of
// those that the host does itself is Extism's any more; nothing comes from
// the host's own module that was there before.
func FuzzRedirect(f *testing.F) {
	for _, name := range plugintest.Fixtures(f) {
		f.Add(plugintest.Fixture(f, name))
	}
	w := wazero.NewRuntimeWithConfig(f.Context(), wazero.NewRuntimeConfigInterpreter())
	f.Cleanup(func() { _ = w.Close(f.Context()) })
	r := extism.New(extism.Config{Log: slog.New(slog.DiscardHandler)})
	f.Fuzz(func(t *testing.T, module []byte) {
		extism.Detect(module)
		_, _ = r.CheckImports(module)
		made, _, err := extism.Redirect(module)
		// A module that would take minutes to compile the host refuses before.
		if _, unbounded := meter.Instrument(module, meter.Options{}); unbounded != nil {
			return
		}
		before, invalid := w.CompileModule(t.Context(), module)
		if invalid != nil {
			return
		}
		defer func() { _ = before.Close(t.Context()) }()
		own := false
		for _, f := range before.ImportedFunctions() {
			from, _, _ := f.Import()
			own = own || from == extism.OwnModule
		}
		if err != nil {
			if !own && !strings.Contains(err.Error(), extism.OwnModule) {
				t.Fatalf("a valid module is refused: %v", err)
			}
			return
		}
		after, err := w.CompileModule(t.Context(), made)
		if err != nil {
			t.Fatalf("a valid module becomes an invalid one: %v", err)
		}
		defer func() { _ = after.Close(t.Context()) }()
		if own {
			t.Fatal("it imports from the host's own module")
		}
		compareImports(t, before, after)
	})
}

func compareImports(t *testing.T, before, after wazero.CompiledModule) {
	t.Helper()
	was, is := before.ImportedFunctions(), after.ImportedFunctions()
	if len(was) != len(is) || len(before.ExportedFunctions()) != len(after.ExportedFunctions()) {
		t.Fatal("it imports or exports another number of functions")
	}
	for i := range was {
		from, name, _ := was[i].Import()
		now, kept, _ := is[i].Import()
		want := from
		if from == extism.EnvModule && slices.Contains(extism.OwnFunctions, name) {
			want = extism.OwnModule
		}
		if now != want || kept != name {
			t.Fatalf("%s.%s becomes %s.%s", from, name, now, kept)
		}
	}
}

// FuzzResponse: an output either is refused or makes a response that holds valid
// JSON only, as the manager takes it for granted.
func FuzzResponse(f *testing.F) {
	for _, text := range []string{
		``, `{}`, `{"status":"continue"}`, `{"status":"reply","body":{"sum":3}}`, `{"status":"continue","body":1,"locals":{"a":1}}`,
		`{"status":"error","error":{"code":"EDENIED","name":"N","message":"no\ud83c\udf89","data":[1],"http":403}}`,
		`{"status":"refuse","error":{"http":-1}}`, `{"status":"refuse"}`, `{"status":"reply","status":"reply"}`, `{"\u0073tatus":"reply"}`, "{\"status\":\"reply\",\"body\":\"\xff\"}",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, output []byte) {
		response, err := extism.DecodeResponse(output)
		if err != nil {
			return
		}
		var told struct{ Status string }
		if err := json.Unmarshal(output, &told); err != nil {
			t.Fatalf("%q is no JSON: %v", output, err)
		}
		for what, text := range map[string][]byte{"body": response.Body, "locals": response.Locals} {
			failed := response.Status == abi.StatusError || response.Status == abi.StatusRefuse
			if text != nil && !(failed && what == "body") && !json.Valid(text) {
				t.Fatalf("the %s %q is no JSON", what, text)
			}
		}
		if response.Status != abi.StatusError && (response.Status != abi.StatusRefuse || response.Body == nil) {
			return
		}
		var e abi.Error
		if err := e.Decode(response.Body); err != nil {
			t.Fatalf("the error does not decode: %v", err)
		}
		if e.Data != nil && !json.Valid(e.Data) {
			t.Fatalf("the data %q is no JSON", e.Data)
		}
	})
}

// FuzzRegistration: what handlers are translated in stays a JSON object, and has
// no handler that is no number.
func FuzzRegistration(f *testing.F) {
	callable := map[string]bool{"a": true, "b": true, "c": false}
	for _, text := range []string{
		`{"commands":[{"name":"x","handler":"a"},{"name":"y","handler":"b"}]}`, `{"Hooks":[{"HANDLER":"a"},1]}`,
		`{"guards":[{"handler":"c"}]}`, `{"commands":null}`, `[]`, `{"commands":[{"handler":{}}]}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		native, functions, err := extism.Translate(document, callable)
		if err != nil {
			return
		}
		if protocol.Valid(document) && protocol.IsObject(document) && !(protocol.Valid(native) && protocol.IsObject(native)) {
			t.Fatalf("%q becomes %q", document, native)
		}
		for _, name := range functions {
			if !callable[name] {
				t.Fatalf("%q is no handler", name)
			}
		}
		extism.SettingsOf(document)
	})
}
