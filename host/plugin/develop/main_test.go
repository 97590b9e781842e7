package develop_test

import (
	"bytes"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mesh-host/mesh-host/host/plugin/develop"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what it expects.
const patience = 90 * time.Second

// kits are those of this checkout.
func kits() develop.KitSource { return develop.KitSource{Path: "../../.."} }

// project makes a project in a folder of the test.
func project(t *testing.T, l develop.Language) string {
	t.Helper()
	dir := t.TempDir() + "/hello"
	if _, err := develop.New(develop.NewOptions{Name: "hello", Language: l, Dir: dir, Kit: kits()}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// build builds a project and returns the module.
func build(t *testing.T, dir string) []byte {
	t.Helper()
	var said output
	built, err := develop.Build(t.Context(), develop.BuildOptions{Dir: dir, Output: &said})
	if err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	if built.Inspection.Refusal != "" {
		t.Fatal(built.Inspection.Refusal)
	}
	module, err := os.ReadFile(built.File)
	if err != nil {
		t.Fatal(err)
	}
	return module
}

// output is a buffer that may be read while it is written.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// waitFor waits until a text has been written so many times.
func (o *output) waitFor(t *testing.T, text string, times int) {
	t.Helper()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(patience); strings.Count(o.String(), text) < times; <-look.C {
		if time.Now().After(end) {
			t.Fatalf("%q was not written %d times:\n%s", text, times, o.String())
		}
	}
}
