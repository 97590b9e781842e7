//go:build linux

package e2e

import (
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The first command of the quick start.
func TestScriptsRun(t *testing.T) {
	cmd := exec.Command(filepath.Join(built.root, "scripts", "run"), "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
	cmd.Dir = t.TempDir() // it finds its way from anywhere
	cmd.Env = environment("MESH_LOG_FORMAT=json", "MESH_PLUGINS_CACHE_DIR="+built.cache)
	p := launch(t, cmd)
	h := &host{process: p}
	h.address, h.admin = p.ready(t)
	if status, body := get(t, "http://"+h.address+"/"); status != http.StatusOK || !strings.Contains(body, "<title>mesh-host</title>") {
		t.Errorf("the page: %d %.100s", status, body)
	}
	if status, _ := get(t, "http://"+h.address+"/readyz"); status != http.StatusOK {
		t.Errorf("/readyz: %d", status)
	}
	h.dial(t, dialing{}).echoes(t)
	if reply := h.dial(t, dialing{query: "token=let-me-in"}).call(t, "secret.whoami", ""); !strings.Contains(reply, `"ann"`) {
		t.Errorf("secret.whoami: %s", reply)
	}
	p.signal(t, syscall.SIGTERM)
	if state := p.wait(t, patience); state.ExitCode() != 0 {
		t.Errorf("ended with %v:\n%s", state, p.tail(20))
	}
	if lines := p.lines(); !readyLine.MatchString(lines[len(lines)-1]) {
		t.Errorf("stdout ends with %q", lines[len(lines)-1])
	}
}
