//go:build linux

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

// page is a tab of Debian's Chromium.
type page struct {
	ctx     context.Context
	console journal[chromedp.ConsoleMessage]
}

// browse starts a browser with a profile of its own. It ends with the test,
// and what the page complains of by then is a failure.
func browse(t *testing.T) *page {
	t.Helper()
	ctx, end := context.WithTimeout(context.Background(), 2*time.Minute)
	ctx, stop := chromedp.NewExecAllocator(ctx,
		chromedp.ExecPath("/usr/bin/chromium"), chromedp.UserDataDir(t.TempDir()),
		chromedp.NoInheritEnv, chromedp.Env(environment("HOME="+t.TempDir())...),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.WindowSize(900, 1000))
	ctx, closeTab := chromedp.NewContext(ctx)
	p := &page{ctx: ctx}
	messages := chromedp.Console(ctx)
	listened := make(chan struct{})
	go func() {
		defer close(listened)
		for message, err := range messages {
			if err == nil {
				p.console.add(message)
			}
		}
	}()
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Errorf("the browser does not end well: %v", err)
		}
		closeTab()
		stop()
		end()
		<-listened
		said, _ := p.console.from(0)
		for _, message := range said {
			if strings.Contains(fmt.Sprint(message), "net::ERR_CONNECTION_REFUSED") {
				continue // the browser's own words, where a test has stopped the server
			}
			t.Errorf("the page's console says: %s", message)
		}
	})
	return p
}

// do runs steps in the page.
func (p *page) do(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ask(t, p, chromedp.Steps(steps...))
}

// ask runs an action in the page and returns what it finds.
func ask[T any](t *testing.T, p *page, action chromedp.Action[T]) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, time.Minute)
	defer cancel()
	found, err := chromedp.Run(ctx, action)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// shows waits until the text of the first such element has a match.
func (p *page) shows(t *testing.T, selector chromedp.CSS, pattern string) (text string) {
	t.Helper()
	expression := regexp.MustCompile(pattern)
	if !polled(patience, func() bool {
		text = ask(t, p, chromedp.Text(selector))
		return expression.MatchString(text)
	}) {
		t.Fatalf("%s shows %q, not %s", selector, text, pattern)
	}
	return text
}

// lists waits until the page offers exactly these commands.
func (p *page) lists(t *testing.T, commands string) {
	t.Helper()
	const names = `Array.from(document.querySelectorAll("#command option"), o => o.value).join(" ")`
	offered := ""
	if !polled(patience, func() bool {
		offered = ask(t, p, chromedp.Evaluate[string](names))
		return offered == commands
	}) {
		t.Fatalf("the page lists %q, not %q", offered, commands)
	}
}

// commands are those of all plugins, sorted, with spaces between them.
func (h *host) commands(t *testing.T) string {
	t.Helper()
	var list struct{ Plugins []struct{ Commands []string } }
	if err := json.Unmarshal([]byte(h.op(t, "plugins.list", "{}")), &list); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, p := range list.Plugins {
		all = append(all, p.Commands...)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// call fills the form in and sends it.
func (p *page) call(t *testing.T, command, payload string) {
	t.Helper()
	const fill = `document.getElementById("command").value = %q; document.getElementById("payload").value = %q; true`
	ask(t, p, chromedp.Evaluate[bool](fmt.Sprintf(fill, command, payload)))
	p.do(t, chromedp.Click(chromedp.CSS("#send")))
}

func TestDemoPage(t *testing.T) {
	h := start(t, setup{plugins: []string{conformance, auth}, config: "[demo]\nenabled = true\n" + tokens})
	p := browse(t)
	p.do(t, chromedp.Navigate("http://"+h.address+"/"), chromedp.WaitEnabled(chromedp.CSS("#send")))
	p.shows(t, "#state", `^connected$`)
	p.shows(t, "#who", `^as \S{22,}$`)
	p.lists(t, h.commands(t))

	// The reply and the time of the round trip.
	p.call(t, "echo", `{"hello": ["wörld", 1.5]}`)
	if entry := p.shows(t, "#log", `echo`); !strings.Contains(entry, `"wörld"`) {
		t.Errorf("the reply reads %q", entry)
	}
	p.shows(t, "#log li.reply .time", `^\d+\.\d\d ms$`)
	p.call(t, "secret.whoami", "")
	p.shows(t, "#log li.error pre", `EDENIED`)
	p.call(t, "broadcast", `{"command": "news", "payload": 1}`)
	p.shows(t, "#log li.push", `push news`)
	p.call(t, "echo", `{"not": JSON`)
	p.shows(t, "#problem", `The payload is not JSON`)
	p.call(t, "echo", "")
	p.shows(t, "#log li.reply pre", `^null$`)

	// A token makes the session someone's.
	who := p.shows(t, "#who", `^as `)
	p.do(t, chromedp.SendKeys(chromedp.CSS("#token"), "right\r"))
	eventually(t, patience, "another session", func() bool { return p.shows(t, "#who", ``) != who })
	p.shows(t, "#who", `^as \S{22,}$`)
	p.call(t, "secret.whoami", "")
	p.shows(t, "#log li.reply pre", `"ann"`)

	// A new plugin shows after "Refresh".
	h.install(t, "which.wasm", plugintest.Fixture(t, "one"))
	h.awaitLog(t, 0, map[string]string{"msg": "plugin loaded", "file": "which.wasm"})
	p.do(t, chromedp.Click(chromedp.CSS("#refresh")))
	p.lists(t, h.commands(t))
	p.call(t, "which", "")
	p.shows(t, "#log li.reply pre", `^"one"$`)

	p.screenshot(t, "demo.png")
}

// screenshot keeps what the page looks like in the folder $E2E_SCREENSHOTS,
// where that is set.
func (p *page) screenshot(t *testing.T, name string) {
	t.Helper()
	folder := os.Getenv("E2E_SCREENSHOTS")
	if folder == "" {
		folder = t.TempDir()
	}
	png := ask(t, p, chromedp.FullScreenshot(100))
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, png, 0o666); err != nil {
		t.Fatal(err)
	}
	if len(png) < 10_000 {
		t.Errorf("the screenshot has %d bytes", len(png))
	}
	t.Logf("screenshot: %s, %d bytes", path, len(png))
}

// Without demo.enabled nothing is told to anyone.
func TestDemoPageIsOffByDefault(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance}})
	for _, path := range []string{"/", "/index.html", "/demo/commands"} {
		if status, body := get(t, "http://"+h.address+path); status != http.StatusNotFound {
			t.Errorf("%s: %d %.100s", path, status, body)
		}
	}
	on := start(t, setup{plugins: []string{conformance}, env: []string{"MESH_DEMO_ENABLED=true"}})
	if status, body := get(t, "http://"+on.address+"/"); status != http.StatusOK || !strings.Contains(body, "<title>mesh-host</title>") {
		t.Errorf("/: %d %.100s", status, body)
	}
	if status, body := get(t, "http://"+on.address+"/demo/commands"); status != http.StatusOK || !strings.HasPrefix(body, `["add","broadcast",`) {
		t.Errorf("/demo/commands: %d %.100s", status, body)
	}
	if status, _ := get(t, "http://"+on.address+"/nothing"); status != http.StatusNotFound {
		t.Errorf("/nothing: %d", status)
	}
}
