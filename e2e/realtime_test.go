//go:build linux

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// realtimeConfig is what the tests in the folder realtime expect of a host.
const realtimeConfig = `
[metadata]
client_writable = ["nick", "color"]
[liveness]
ping_interval = "200ms"
latency_interval = "100ms"
[[channels]]
pattern = "/^plain:.+$/"
[[channels]]
pattern = "/^kept:.+$/"
history = 1000
[[presence]]
pattern = "/^tracked:.+$/"
[[records]]
pattern = "/^open:.+$/"
writable = true
[[records]]
pattern = "/^read:.+$/"
[[records]]
pattern = "/^short:.+$/"
writable = true
ttl = "1s"
[[collections]]
pattern = "/^board:(.+)$/"
records = "/^(open|read):.+$/"
filter = {board = "$1"}
sort = "rank"
limit = 3
`

// TestRealtimeClient runs the tests of the published client of @prsm/realtime,
// each file against a host of its own.
func TestRealtimeClient(t *testing.T) {
	t.Parallel()
	node, err := realtimeNode()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join("realtime", "*.test.js"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".test.js"), func(t *testing.T) {
			t.Parallel()
			h := start(t, setup{plugins: []string{conformance}, config: realtimeConfig})
			config, empty := filepath.Join(t.TempDir(), "config.toml"), t.TempDir()
			if err := os.WriteFile(config, []byte(realtimeConfig), 0o666); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, node, "--test", "--test-reporter=spec", "--test-force-exit", filepath.Base(file))
			cmd.Dir = "realtime"
			cmd.Env = environment("E2E_URL=ws://"+h.address, "E2E_ADMIN=http://"+h.admin,
				"E2E_BINARY="+built.binary, "E2E_CONFIG="+config, "E2E_PLUGINS="+empty)
			output, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, output)
			}
			eventually(t, patience, "the server has let go of all clients", func() bool { return h.sessions(t) == 0 })
		})
	}
}

// realtimeNode installs what the tests need, if it is not there, and returns
// the path of its Node, which is newer than Debian's.
var realtimeNode = sync.OnceValues(func() (string, error) {
	arch, ok := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
	if !ok {
		return "", fmt.Errorf("there is no package with Node for %s", runtime.GOARCH)
	}
	lock, err := os.Stat(filepath.Join("realtime", "package-lock.json"))
	if err != nil {
		return "", err
	}
	installed, err := os.Stat(filepath.Join("realtime", "node_modules", ".package-lock.json"))
	if err != nil || installed.ModTime().Before(lock.ModTime()) {
		if err := installRealtime(); err != nil {
			return "", err
		}
	}
	return filepath.Abs(filepath.Join("realtime", "node_modules", "node-linux-"+arch, "bin", "node"))
})

func installRealtime() error {
	ctx, cancel := context.WithTimeout(context.Background(), buildTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "ci")
	cmd.Dir = "realtime"
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci (scripts/require npm installs npm): %w\n%s", err, output)
	}
	return nil
}
