package plugintest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRun(t *testing.T) {
	t.Parallel()
	t.Run("echo", func(t *testing.T) {
		t.Parallel()
		plugintest.Run(t, plugintest.Fixture(t, "echo"))
	})
	t.Run("puppet", func(t *testing.T) {
		t.Parallel()
		plugintest.Run(t, plugintest.Fixture(t, "puppet"), plugintest.Except("trap"), plugintest.WithConfig(`{
			"commands": [
				{"name": "echo", "handler": 1}, {"name": "own", "handler": 15}, {"name": "trap", "handler": 4},
				{"name": "refuse", "handler": 16}, {"name": "store", "handler": 30}],
			"hooks": [{"event": "authenticate", "handler": 19}, {"event": "connect", "handler": 22}, {"event": "disconnect", "handler": 22}]}`))
	})
}

// TestFixturesAreFresh rebuilds the fixtures and compares.
func TestFixturesAreFresh(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if out, err := exec.Command("sh", "testdata/build.sh", dir).CombinedOutput(); err != nil {
		t.Fatalf("wat2wasm (package wabt) is needed: %v\n%s", err, out)
	}
	for _, name := range plugintest.Fixtures(t) {
		built, err := os.ReadFile(filepath.Join(dir, name+".wasm"))
		if err != nil {
			t.Fatal(err)
		}
		if string(built) != string(plugintest.Fixture(t, name)) {
			t.Errorf("%s.wasm is not built from %s.wat: go generate ./host/plugin/plugintest", name, name)
		}
	}
}
