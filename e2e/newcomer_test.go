//go:build linux

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// newcomer is what someone who begins with a language has in hands.
type newcomer struct {
	lang, source string // the language, and the file with the greeting
	// tests are the commands that the project's README gives for its tests.
	tests [][]string
	// swap is what the best of several swaps must stay below; 0: no more than
	// the usual patience.
	swap time.Duration
}

// swapGoal is how soon after the save a change is to serve, on a machine at
// rest.
const swapGoal = 2 * time.Second

// newcomers are those of all languages; TinyGo's where it is installed.
func newcomers(t *testing.T) []newcomer {
	t.Helper()
	all := []newcomer{
		{lang: "go", source: "main.go", tests: [][]string{{"go", "test", "./..."}}, swap: swapGoal},
		{lang: "rust", source: "src/lib.rs", tests: [][]string{{"cargo", "test", "--offline"}}, swap: swapGoal},
		{lang: "assemblyscript", source: "assembly/index.ts", tests: [][]string{npmInstall, {"npm", "test"}}, swap: swapGoal},
	}
	if _, err := exec.LookPath("tinygo"); err != nil {
		t.Log("LEFT OUT: the projects of TinyGo, since tinygo is not on the path")
		return all
	}
	return append(all, newcomer{lang: "tinygo", source: "main.go", tests: [][]string{{"go", "test", "./..."}}})
}

// npmInstall fetches AssemblyScript's compiler. It is the one step that needs
// a network.
var npmInstall = []string{"npm", "install", "--no-audit", "--no-fund"}

// toolTime bounds what a newcomer runs, the first build of a kit included.
const toolTime = 3 * time.Minute

// newProject makes a project with the kits of this checkout.
func newProject(t *testing.T, lang string) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "hello")
	code, _, stderr := meshHost(t, "", "plugin", "new", "--lang", lang, "--kit", built.root, "--dir", dir, "hello")
	if code != 0 {
		t.Fatalf("plugin new: code %d, %s", code, stderr)
	}
	return dir
}

// runTool runs a language's tool in a project.
func runTool(t *testing.T, dir string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), toolTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = dir, environment(), patience
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", args, err, output)
	}
}

// A newcomer makes a plugin, tests it, builds it, looks at it, copies it into a
// server's folder, and a client calls it.
func TestNewcomer(t *testing.T) {
	t.Parallel()
	for _, n := range newcomers(t) {
		t.Run(n.lang, func(t *testing.T) {
			t.Parallel()
			dir := newProject(t, n.lang)
			for _, command := range n.tests {
				runTool(t, dir, command...)
			}
			file := filepath.Join(dir, "build", "hello.wasm")
			cases := filepath.Join(dir, "cases.json")
			for _, step := range []struct {
				args []string
				want string
			}{
				{[]string{"build", dir}, "hello/greet"},
				{[]string{"inspect", file}, "metering"},
				{[]string{"test", file, cases}, "ok     and hear of the second greeting"},
				{[]string{"bench", file, "--duration", "50ms", "--payload", `{"name":"Ann"}`}, "fuel"},
			} {
				code, stdout, stderr := meshHost(t, "", append([]string{"plugin"}, step.args...)...)
				if code != 0 || !strings.Contains(stdout, step.want) {
					t.Fatalf("plugin %s: code %d, %s%s", step.args[0], code, stdout, stderr)
				}
			}
			serveToNewcomer(t, file)
		})
	}
}

// serveToNewcomer copies a plugin into a running server's folder and calls it.
func serveToNewcomer(t *testing.T, file string) {
	t.Helper()
	module, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	h := start(t, setup{})
	h.install(t, "hello.wasm", module)
	h.awaitLog(t, 1, map[string]string{"msg": "plugin loaded", "plugin": "hello"})
	c := h.dial(t, v1)
	if got := c.call(t, "hello/greet", `{"name":"Ann"}`); got != `{"greeting":"Hello, Ann!","times":1}` {
		t.Errorf("got %s", got)
	}
	if code, stdout, stderr := meshHost(t, "", "plugin", "list", "--address", h.admin); code != 0 || !strings.Contains(stdout, "hello/greet") {
		t.Errorf("plugin list: code %d, %s%s", code, stdout, stderr)
	}
}

// swapPatience bounds the time from a save to the swap however busy the
// machine is.
const swapPatience = 30 * time.Second

// Dev swaps what is saved, under a client that stays connected, and keeps what
// served where a build fails. Nothing else runs meanwhile, since it measures.
func TestDevSwaps(t *testing.T) {
	for _, n := range newcomers(t) {
		t.Run(n.lang, func(t *testing.T) {
			d := startDev(t, n)
			best, before := swapPatience, share(t)
			for edit := range 8 {
				best = min(best, d.edit(t, fmt.Sprintf("Salut%c", 'a'+edit)))
				if edit >= 2 && best <= swapGoal {
					break
				}
			}
			most := allowed(n.swap, before, share(t))
			t.Logf("the best swap came %v after the save, of at most %v", best, most)
			if n.swap > 0 && best > most {
				t.Errorf("the best swap came %v after the save, want %v", best, most)
			}
			d.breakIt(t)
		})
	}
}

// development is a project that mesh-host plugin dev serves.
type development struct {
	*host
	path, source string // the file with the greeting
	client       *client
	greeting     string
}

func startDev(t *testing.T, n newcomer) *development {
	t.Helper()
	dir := newProject(t, n.lang)
	if n.lang == "assemblyscript" {
		runTool(t, dir, npmInstall...)
	}
	cmd := exec.Command(built.binary, "plugin", "dev", dir, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
	cmd.Dir = t.TempDir()
	cmd.Env = environment("MESH_LOG_FORMAT=json", "MESH_PLUGINS_CACHE_DIR="+built.cache)
	h := &host{process: launch(t, cmd)}
	t.Cleanup(func() { h.finish(t) })
	h.address, h.admin = h.ready(t)
	d := &development{host: h, path: filepath.Join(dir, filepath.FromSlash(n.source)), client: h.dial(t, v1), greeting: "Hello"}
	source, err := os.ReadFile(d.path)
	if err != nil {
		t.Fatal(err)
	}
	d.source = string(source)
	d.awaitGreeting(t)
	return d
}

func (d *development) awaitGreeting(t *testing.T) {
	t.Helper()
	if !polled(swapPatience, func() bool {
		return strings.Contains(d.client.call(t, "hello/greet", `{"name":"Ann"}`), `"`+d.greeting+`, Ann!"`)
	}) {
		t.Fatalf("%q is not served: %q", d.greeting, d.lines())
	}
}

func (d *development) save(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(d.path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

var swapLine = regexp.MustCompile(`^swapped (\S+) after the change`)

// edit changes the greeting and returns how long the swap took by the tool's
// own account.
func (d *development) edit(t *testing.T, greeting string) (took time.Duration) {
	t.Helper()
	seen := len(d.lines())
	d.save(t, strings.ReplaceAll(d.source, `"Hello"`, `"`+greeting+`"`))
	line, ok := d.stdout.find(seen, swapPatience, swapLine.MatchString)
	if !ok {
		t.Fatalf("no word of a swap: %q", d.lines())
	}
	took, err := time.ParseDuration(swapLine.FindStringSubmatch(line)[1])
	if err != nil {
		t.Fatal(err)
	}
	d.greeting = greeting
	d.awaitGreeting(t)
	return took
}

// breakIt saves what does not compile.
func (d *development) breakIt(t *testing.T) {
	t.Helper()
	d.save(t, d.source+"\n%%%")
	if _, ok := d.stdout.find(0, swapPatience, func(line string) bool { return strings.HasPrefix(line, "NOT BUILT") }); !ok {
		t.Errorf("no word of the failed build: %q", d.lines())
	}
	d.awaitGreeting(t)
}
