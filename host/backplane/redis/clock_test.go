package redis

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What nodes write and compare is by the server's clock, or by how much time has
// passed here: a node whose clock is set wrong, or set right, does nothing wrong.
// The date of this machine is read only to be shown: when a connection was made,
// and when a message without a time came. scripts/clock tries it.
func TestNodesGoByNoClockOfTheirOwn(t *testing.T) {
	t.Parallel()
	shown := map[string]int{"connections.go": 1, "restore.go": 1, "channel_handler.go": 1}
	date := regexp.MustCompile(`\.Unix(Milli|Micro|Nano)?\(\)|\.Round\(0\)`)
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if found := len(date.FindAll(text, -1)); !strings.HasSuffix(file, "_test.go") && found != shown[file] {
			t.Errorf("%s reads the date %d times, want %d", file, found, shown[file])
		}
	}
}
