package examples_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

// A host can live with the leaderboard. What it does is tested beside it, and with
// the real host in e2e.
func TestLeaderboard(t *testing.T) {
	t.Parallel()
	module, err := os.ReadFile(filepath.Join(built, "leaderboard-assemblyscript.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	for name, config := range map[string]string{"best": `{"submits":100000}`, "sum": `{"submits":100000,"count":"sum","season":"never","games":""}`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plugintest.Run(t, module, plugintest.WithConfig(config))
		})
	}
	p := compile(t, "leaderboard-assemblyscript.wasm", true, configured(`{}`))
	checkCapabilities(t, p, p.instantiate(t).registration(t))
}
