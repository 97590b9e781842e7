package develop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
)

// wildcard, as a value, stands for any value; as a member of an object, for any
// further members; as the last item of an array, for any further items.
const wildcard = "…"

// maxDifferences bounds what is told of one value.
const maxDifferences = 20

// compare returns where a value differs from what is expected, a line each;
// at is what the value is called. Numbers are equal by what they amount to,
// objects whatever the order of their members.
func compare(at string, want, got json.RawMessage) []string {
	w, err := tree(want)
	if err != nil {
		return []string{at + ": the expected value is no JSON: " + err.Error()}
	}
	g, err := tree(got)
	if err != nil {
		return []string{at + ": it is no JSON: " + err.Error()}
	}
	d := new(differences)
	d.compare(at, w, g)
	return d.lines
}

// tree reads JSON, with its numbers as they are written.
func tree(text json.RawMessage) (v any, err error) {
	if len(text) == 0 {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

type differences struct{ lines []string }

func (d *differences) add(format string, args ...any) {
	if len(d.lines) < maxDifferences {
		d.lines = append(d.lines, fmt.Sprintf(format, args...))
	} else if len(d.lines) == maxDifferences {
		d.lines = append(d.lines, "and more")
	}
}

func (d *differences) compare(at string, want, got any) {
	switch w := want.(type) {
	case string:
		if w == wildcard {
			return
		}
		if g, ok := got.(string); ok && g == w {
			return
		}
	case map[string]any:
		if g, ok := got.(map[string]any); ok {
			d.objects(at, w, g)
			return
		}
	case []any:
		if g, ok := got.([]any); ok {
			d.arrays(at, w, g)
			return
		}
	case json.Number:
		if g, ok := got.(json.Number); ok && sameNumber(w.String(), g.String()) {
			return
		}
	default: // null, true, false
		if want == got {
			return
		}
	}
	d.add("%s: want %s, got %s", at, brief(want), brief(got))
}

func (d *differences) objects(at string, want, got map[string]any) {
	_, open := want[wildcard]
	for _, name := range sortedKeys(want) {
		if name == wildcard {
			continue
		}
		if v, there := got[name]; there {
			d.compare(at+"."+name, want[name], v)
		} else {
			d.add("%s.%s: want %s, and it is not there", at, name, brief(want[name]))
		}
	}
	for _, name := range sortedKeys(got) {
		if _, expected := want[name]; !expected && !open {
			d.add("%s.%s: got %s, which is not expected", at, name, brief(got[name]))
		}
	}
}

func (d *differences) arrays(at string, want, got []any) {
	open := len(want) > 0 && want[len(want)-1] == any(wildcard)
	if open && len(got) >= len(want)-1 {
		want = want[:len(want)-1]
		got = got[:len(want)]
	}
	for i := range max(len(want), len(got)) {
		place := at + "[" + strconv.Itoa(i) + "]"
		switch {
		case i >= len(got):
			d.add("%s: want %s, and it is not there", place, brief(want[i]))
		case i >= len(want):
			d.add("%s: got %s, which is not expected", place, brief(got[i]))
		default:
			d.compare(place, want[i], got[i])
		}
	}
}

// sameNumber compares what two numbers amount to. Exponents beyond any use are
// compared by their text: they would cost memory without bound.
func sameNumber(a, b string) bool {
	if a == b {
		return true
	}
	x, err := strconv.ParseFloat(a, 64)
	if err != nil {
		return false
	}
	y, err := strconv.ParseFloat(b, 64)
	if err != nil || x != y {
		return false
	}
	r, ok := new(big.Rat).SetString(a)
	s, ok2 := new(big.Rat).SetString(b)
	return ok && ok2 && r.Cmp(s) == 0
}

// maxShownValue bounds a value in a line, in characters.
const maxShownValue = 200

// brief is a value on one line.
func brief(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return shorten(string(text))
}

func shorten(text string) string {
	if runes := []rune(text); len(runes) > maxShownValue {
		return printable(string(runes[:maxShownValue])) + "…"
	}
	return printable(text)
}
