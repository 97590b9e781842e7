package examples_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/abi"
)

const panicking = `
mesh_pdk::plugin!(setup);

fn setup(p: &mut mesh_pdk::Plugin) -> mesh_pdk::Result<()> {
    p.command("boom", |c| panic!("at {}", c.connection_id()));
    Ok(())
}
`

// TestRustPanic: a panic traps, and its message is in the host's log.
func TestRustPanic(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	manifest := "[package]\nname = \"panicking\"\nversion = \"1.0.0\"\nedition = \"2021\"\n\n[lib]\ncrate-type = [\"cdylib\"]\n\n" +
		"[dependencies]\nmesh-pdk = { path = \"" + filepath.Join(root, "pdk", "rust") + "\" }\n"
	for name, text := range map[string]string{"Cargo.toml": manifest, "src/lib.rs": panicking} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cargo := exec.CommandContext(t.Context(), filepath.Join(root, "scripts", "cargo-wasm"), "build", "--offline", "--target", "wasm32-unknown-unknown", "--target-dir", "target")
	cargo.Dir = folder
	if out, err := cargo.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	file, err := filepath.Rel(built, filepath.Join(folder, "target", "wasm32-unknown-unknown", "debug", "panicking.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	var logged []string
	g := compile(t, file, true, &host{operations: map[string]func([]byte) ([]byte, *abi.Error){
		abi.OpLog: func(arguments []byte) ([]byte, *abi.Error) {
			var q abi.LogRequest
			if err := q.Decode(arguments); err != nil {
				t.Error(err)
			}
			logged = append(logged, q.Level+": "+q.Message)
			return nil, nil
		},
	}}).instantiate(t)
	g.registration(t)
	_, err = g.send(context.Background(), g.commands["boom"], &abi.Request{Kind: abi.KindCommand, Name: "boom", ConnectionID: "c1"})
	if err == nil || !strings.Contains(err.Error(), "unreachable") {
		t.Errorf("got %v, want a trap", err)
	}
	if got := strings.Join(logged, "\n"); !strings.HasPrefix(got, "error: panicked at ") || !strings.Contains(got, "at c1") {
		t.Errorf("the log is %q", got)
	}
}
