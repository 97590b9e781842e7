//go:build linux

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The files of the built plugins.
const (
	conformance = "conformance-go.wasm"
	auth        = "auth-go.wasm"
)

// setup is what a host is started with.
type setup struct {
	config  string   // TOML
	env     []string // KEY=value
	args    []string // after "serve" and the usual flags
	plugins []string // built ones, in the folder before the start
	// content are further files in the folder before the start.
	content map[string][]byte
	// exit is the code that the host is expected to end with, 0 as a rule.
	exit int
}

// process is a started command: its output, line by line, and its end.
type process struct {
	cmd    *exec.Cmd
	stdout journal[string]
	log    *journal[record] // of all nodes of a host
	ended  chan struct{}
}

// record is a line of the log; one that is no JSON object has only "raw".
type record map[string]any

// has reports whether the record's fields contain these texts.
func (r record) has(fields map[string]string) bool {
	for key, text := range fields {
		if value, ok := r[key]; !ok || !strings.Contains(fmt.Sprint(value), text) {
			return false
		}
	}
	return true
}

// host is a running mesh-host.
type host struct {
	*process
	address, admin string // host:port
	folder         string // of its plugins
	exit           int
	others         []*host // its further nodes; see spread
}

// start starts a host and waits until it is ready. It ends with the test.
func start(t *testing.T, s setup) *host {
	t.Helper()
	nodes := nodesOfHost(t)
	if nodes == 1 {
		return startOne(t, s)
	}
	s = s.onRedis(t)
	h := startOne(t, s.named(0))
	h.spread(t, nodes, s)
	return h
}

// startOne starts a host that is one node.
func startOne(t *testing.T, s setup) *host {
	t.Helper()
	h := &host{folder: filepath.Join(t.TempDir(), "plugins"), exit: s.exit}
	if err := os.Mkdir(h.folder, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, name := range s.plugins {
		h.install(t, name, builtPlugin(t, name))
	}
	for name, content := range s.content {
		h.install(t, name, content)
	}
	h.process = launch(t, serveCommand(t, h.folder, s))
	t.Cleanup(func() { h.finish(t) })
	h.address, h.admin = h.ready(t)
	return h
}

// serveCommand is how a host with this setup is started.
func serveCommand(t *testing.T, folder string, s setup) *exec.Cmd {
	t.Helper()
	config := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(config, []byte(s.config), 0o666); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"serve", "--config", config, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--plugins", folder}, s.args...)
	cmd := exec.Command(built.binary, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = environment(append([]string{"MESH_LOG_FORMAT=json", "MESH_PLUGINS_CACHE_DIR=" + built.cache, "GOTRACEBACK=all"}, s.env...)...)
	if !strings.Contains(s.config, "http =") {
		cmd.Env = append(cmd.Env, nowhere)
	}
	return cmd
}

// nowhere lets the conformance plugin load, which needs an origin to ask, where
// a test says nothing of it: one that nobody answers at.
const nowhere = "MESH_PLUGINS_CONFORMANCE_HTTP=http://127.0.0.1:1"

// launch starts a command and collects what it prints.
func launch(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	return launchInto(t, cmd, new(journal[record]))
}

// launchInto collects the log in a journal that there is.
func launchInto(t *testing.T, cmd *exec.Cmd, log *journal[record]) *process {
	t.Helper()
	p := &process{cmd: cmd, log: log, ended: make(chan struct{})}
	cmd.Stdout = &lineWriter{take: func(line string) { p.stdout.add(line) }}
	cmd.Stderr = &lineWriter{take: func(line string) { p.log.add(parseRecord(line)) }}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // fails where it has ended, as it should have
		<-p.ended
	})
	return p
}

func parseRecord(line string) record {
	r := record{}
	if json.Unmarshal([]byte(line), &r) != nil {
		return record{"raw": line}
	}
	return r
}

// lineWriter hands over what is written, line by line.
type lineWriter struct {
	take func(line string)
	mu   sync.Mutex
	rest []byte
}

// Write implements io.Writer.
func (w *lineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rest = append(w.rest, p...)
	for {
		line, rest, ok := bytes.Cut(w.rest, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		w.take(string(line))
		w.rest = bytes.Clone(rest)
	}
}

var readyLine = regexp.MustCompile(`^mesh-host ready listen=(\S+) admin=(\S+)$`)

// ready waits for the line that says where the host listens.
func (p *process) ready(t *testing.T) (listen, admin string) {
	t.Helper()
	var found []string
	_, ok := p.stdout.find(0, time.Minute, func(line string) bool {
		found = readyLine.FindStringSubmatch(line)
		return found != nil
	})
	if !ok {
		t.Fatalf("no ready line; stdout %q, log:\n%s", p.lines(), p.tail(40))
	}
	return found[1], found[2]
}

// lines returns what the process has printed on stdout.
func (p *process) lines() []string {
	lines, _ := p.stdout.from(0)
	return lines
}

// tail returns the last n lines of the log.
func (p *process) tail(n int) string {
	records, _ := p.log.from(0)
	var b strings.Builder
	for _, r := range records[max(0, len(records)-n):] {
		if raw, ok := r["raw"]; ok {
			fmt.Fprintln(&b, raw)
			continue
		}
		fmt.Fprint(&b, r["level"], " ", r["msg"])
		for _, key := range slices.Sorted(maps.Keys(r)) {
			if key != "time" && key != "level" && key != "msg" {
				fmt.Fprintf(&b, " %s=%v", key, r[key])
			}
		}
		fmt.Fprintln(&b)
	}
	return b.String()
}

func (p *process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// wait waits for the end and returns how it ended.
func (p *process) wait(t *testing.T, within time.Duration) *os.ProcessState {
	t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState
	case <-time.After(within):
		t.Fatalf("still running after %v", within)
		return nil
	}
}

// finish stops the host, if the test has not, and looks at how it went.
func (h *host) finish(t *testing.T) {
	t.Helper()
	_ = h.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-h.ended:
	case <-time.After(patience):
		_ = h.cmd.Process.Signal(syscall.SIGQUIT) // says where it hangs
		select {
		case <-h.ended:
		case <-time.After(patience):
			_ = h.cmd.Process.Kill()
			<-h.ended
		}
		t.Errorf("the host did not stop")
	}
	if code := h.cmd.ProcessState.ExitCode(); code != h.exit {
		t.Errorf("the host ended with %v, not with code %d", h.cmd.ProcessState, h.exit)
	}
	records, _ := h.log.from(0)
	for _, r := range records {
		if r["raw"] != nil || r["panic"] != nil {
			t.Errorf("unexpected on stderr: %v", r)
			break
		}
	}
	if t.Failed() {
		t.Logf("the end of the host's log:\n%s", h.tail(60))
	}
}

func (h *host) pid() int { return h.cmd.Process.Pid }

// awaitLog waits for a line of the log whose fields contain these texts, among
// those after the first n.
func (h *host) awaitLog(t *testing.T, n int, fields map[string]string) record {
	t.Helper()
	r, ok := h.log.find(n, patience, func(r record) bool { return r.has(fields) })
	if !ok {
		t.Fatalf("nothing in the log has %v:\n%s", fields, h.tail(40))
	}
	return r
}

// builtPlugin returns the content of a built plugin's file. With
// MESH_E2E_CONFORMANCE=<file> the conformance plugin is that of another language.
func builtPlugin(t *testing.T, name string) []byte {
	t.Helper()
	file := filepath.Join(built.plugins, name)
	if other := os.Getenv("MESH_E2E_CONFORMANCE"); other != "" && name == conformance {
		file = other
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// install puts a file into the plugin folder in one step, as careful tools do.
func (h *host) install(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := h.tryInstall(name, content); err != nil {
		t.Fatal(err)
	}
}

func (h *host) tryInstall(name string, content []byte) error {
	hidden := filepath.Join(h.folder, "."+name+".part")
	if err := os.WriteFile(hidden, content, 0o666); err != nil {
		return err
	}
	return os.Rename(hidden, filepath.Join(h.folder, name))
}

// overwrite writes a plugin file in place, piece by piece, as cp and scp do.
func (h *host) overwrite(name string, content []byte, pieces int, pause time.Duration) (err error) {
	f, err := os.Create(filepath.Join(h.folder, name))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for piece := range slices.Chunk(content, len(content)/pieces+1) {
		if _, err := f.Write(piece); err != nil {
			return err
		}
		<-tick.C
	}
	return nil
}

func (h *host) remove(t *testing.T, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(h.folder, name)); err != nil {
		t.Fatal(err)
	}
}

// web asks over HTTP, one connection a request.
var web = &http.Client{
	Timeout:       patience,
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// get returns what an HTTP server answers.
func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := web.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(content)
}

// metric returns the value of a metric, given as /metrics shows it, over all
// nodes.
func (h *host) metric(t *testing.T, name string) (sum float64) {
	t.Helper()
	for _, node := range h.all() {
		sum += node.metricOfNode(t, name)
	}
	return sum
}

func (h *host) metricOfNode(t *testing.T, name string) float64 {
	t.Helper()
	_, body := get(t, "http://"+h.admin+"/metrics")
	for line := range strings.Lines(body) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no metric %s in:\n%s", name, body)
	return 0
}

func (h *host) sessions(t *testing.T) int {
	t.Helper()
	return int(h.metric(t, "mesh_host_sessions"))
}
