package abi_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/abi"
)

// TestDocumentExamples compares the bytes in ABI.md with the vectors that they
// are said to be.
func TestDocumentExamples(t *testing.T) {
	t.Parallel()
	text := readDocument(t)
	blocks := regexp.MustCompile("(?s)```text vector: (\\S+) ([^\n]+)\n(.*?)```").FindAllStringSubmatch(text, -1)
	if len(blocks) < 10 {
		t.Errorf("there are only %d examples", len(blocks))
	}
	for _, block := range blocks {
		file, name, lines := block[1], block[2], block[3]
		var digits strings.Builder
		for line := range strings.Lines(lines) {
			hex, _, _ := strings.Cut(line, ";")
			digits.WriteString(strings.Join(strings.Fields(hex), ""))
		}
		found := false
		for _, v := range readVectors(t, file) {
			if v.Name == name {
				found = true
				if digits.String() != v.Hex {
					t.Errorf("%s: the document says %s, the vector %s", name, digits.String(), v.Hex)
				}
			}
		}
		if !found {
			t.Errorf("%s has no vector %q", file, name)
		}
	}
}

func TestDocumentRegistrationExample(t *testing.T) {
	t.Parallel()
	blocks := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(readDocument(t), -1)
	if len(blocks) != 1 {
		t.Fatalf("there are %d examples of a registration document", len(blocks))
	}
	d := json.NewDecoder(strings.NewReader(blocks[0][1]))
	d.DisallowUnknownFields()
	var r abi.Registration
	if err := d.Decode(&r); err != nil || len(r.Commands) != 1 || len(r.Middleware) != 1 || len(r.Guards) != 1 || len(r.Channels) != 1 || len(r.Hooks) != 1 {
		t.Errorf("got %+v, %v", r, err)
	}
}

// TestDocumentLinks checks the links into the document and to files beside it.
func TestDocumentLinks(t *testing.T) {
	t.Parallel()
	text := readDocument(t)
	headings := map[string]bool{}
	for _, h := range regexp.MustCompile("(?m)^#+ (.+)$").FindAllStringSubmatch(text, -1) {
		headings[strings.ReplaceAll(strings.ToLower(strings.Trim(h[1], "`")), " ", "-")] = true
	}
	for _, link := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(text, -1) {
		if anchor, ok := strings.CutPrefix(link[1], "#"); ok {
			if !headings[anchor] {
				t.Errorf("there is no heading for %s", link[1])
			}
		} else if _, err := os.Stat(link[1]); err != nil {
			t.Error(err)
		}
	}
}

func readDocument(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("ABI.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
