//go:build linux

package e2e

import (
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"
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
	for path, title := range map[string]string{"/chat/": "Chat", "/whiteboard/": "Whiteboard"} {
		if status, body := get(t, "http://"+h.address+path); status != http.StatusOK || !strings.Contains(body, "<title>"+title+"</title>") {
			t.Errorf("%s: %d %.100s", path, status, body)
		}
	}
	if status, body := get(t, "http://"+h.address+"/demo/pages"); status != http.StatusOK || strings.TrimSpace(body) != `["/chat/","/whiteboard/"]` {
		t.Errorf("the page's links: %d %s", status, body)
	}
	if status, body := get(t, "http://"+h.address+"/mesh-host/client.js"); status != http.StatusOK || !strings.Contains(body, "MeshClient") {
		t.Errorf("the client: %d %.100s", status, body)
	}
	if status, _ := get(t, "http://"+h.address+"/readyz"); status != http.StatusOK {
		t.Errorf("/readyz: %d", status)
	}
	h.dial(t, dialing{}).echoes(t)
	if reply := h.dial(t, dialing{query: "token=let-me-in"}).call(t, "secret.whoami", ""); !strings.Contains(reply, `"ann"`) {
		t.Errorf("secret.whoami: %s", reply)
	}
	triesPages(t, h)
	p.signal(t, syscall.SIGTERM)
	if state := p.wait(t, patience); state.ExitCode() != 0 {
		t.Errorf("ended with %v:\n%s", state, p.tail(20))
	}
	if lines := p.lines(); !readyLine.MatchString(lines[len(lines)-1]) {
		t.Errorf("stdout ends with %q", lines[len(lines)-1])
	}
}

// triesPages finds the links of the page at / to the others, and tries these, in a browser.
func triesPages(t *testing.T, h *host) {
	t.Helper()
	p := browse(t)
	p.do(t, chromedp.Navigate("http://"+h.address+"/"), chromedp.WaitEnabled(chromedp.CSS("#send")))
	p.shows(t, `#pages a[href="/chat/"]`, "^chat$")
	p.do(t, chromedp.Navigate("http://"+h.address+"/chat/"), chromedp.WaitVisible(chromedp.CSS("#knock"))) // its code has run then
	p.knock(t, "Ann")
	p.sees(t, "Ann (you)")
	p.says(t, "hello\r")
	p.shows(t, "#log", "Ann.*hello")
	p.do(t, chromedp.Navigate("http://"+h.address+"/"), chromedp.WaitEnabled(chromedp.CSS("#send")))
	p.shows(t, `#pages a[href="/whiteboard/"]`, "^whiteboard$")
	p.do(t, chromedp.Navigate("http://"+h.address+"/whiteboard/"), chromedp.WaitVisible(chromedp.CSS("#knock"))) // its code has run then
	p.goes(t, "Ann", "garden")
	p.pointer(t, [2]float64{200, 200}, [2]float64{400, 200})
	p.inked(t, 300, 200, true)
	p.offers(t, h, "garden")
}
