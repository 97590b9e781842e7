package record_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"github.com/mesh-host/mesh-host/host/record"
)

// step is an operation of a patch as a client reads it.
type step struct {
	Op    string          `json:"op"`
	Path  *string         `json:"path"`
	Value json.RawMessage `json:"value"`
}

func stepsOf(t *testing.T, patch []byte) []step {
	t.Helper()
	if !json.Valid(patch) || !utf8.Valid(patch) {
		t.Fatalf("the patch is no JSON: %.2000q", patch)
	}
	var steps []step
	d := json.NewDecoder(bytes.NewReader(patch))
	d.DisallowUnknownFields()
	if err := d.Decode(&steps); err != nil || steps == nil {
		t.Fatalf("the patch is %.2000q: %v", patch, err)
	}
	for _, s := range steps {
		wellFormed := s.Path != nil && (*s.Path == "" || (*s.Path)[0] == '/')
		if !wellFormed || !slices.Contains([]string{"add", "remove", "replace"}, s.Op) || (s.Op == "remove") != (s.Value == nil) {
			t.Fatalf("the patch has %+v: %.2000q", s, patch)
		}
	}
	return steps
}

// apply applies a patch with a library that has nothing to do with the one
// that made it. What the library cannot do, it does not get: primitives as
// documents, which are replaced as a whole, and paths through a key that is
// empty, which it takes for the object itself.
func apply(t *testing.T, doc, patch []byte) []byte {
	t.Helper()
	switch steps := stepsOf(t, patch); {
	case len(steps) == 0:
		return doc
	case len(steps) == 1 && *steps[0].Path == "":
		return steps[0].Value
	case hasEmptyKey(steps):
		next, err := follow(decode(t, doc), steps)
		if err != nil {
			t.Fatalf("%v\nfrom  %.2000s\npatch %.2000s", err, doc, patch)
		}
		return encode(t, next)
	}
	next, err := foreign(t, doc, patch)
	if err != nil {
		t.Fatalf("%v\nfrom  %.2000s\npatch %.2000s", err, doc, patch)
	}
	return next
}

func hasEmptyKey(steps []step) bool {
	return slices.ContainsFunc(steps, func(s step) bool { return strings.Contains(*s.Path+"/", "//") })
}

// foreign applies a patch with the library. Of a member that is there twice it
// would remove one.
func foreign(t *testing.T, doc, patch []byte) ([]byte, error) {
	t.Helper()
	if twice(doc) {
		doc = encode(t, decode(t, doc))
	}
	p, err := jsonpatch.DecodePatch(patch)
	if err != nil {
		return nil, err
	}
	options := jsonpatch.NewApplyOptions()
	options.SupportNegativeIndices, options.EscapeHTML = false, false
	options.AccumulatedCopySizeLimit = 1 << 16
	return p.ApplyWithOptions(bytes.TrimSpace(doc), options)
}

// twice reports whether an object in JSON text has a member twice.
func twice(text []byte) bool {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	type object struct {
		seen map[string]bool // nil for an array
		key  bool            // comes next
	}
	var open []object
	for {
		token, err := d.Token()
		if err != nil {
			return false
		}
		if n := len(open); n > 0 && open[n-1].key {
			if key, ok := token.(string); ok {
				if open[n-1].seen[key] {
					return true
				}
				open[n-1].seen[key], open[n-1].key = true, false
				continue
			}
		}
		switch token {
		case json.Delim('{'):
			open = append(open, object{make(map[string]bool), true})
			continue
		case json.Delim('['):
			open = append(open, object{})
			continue
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
		if n := len(open); n > 0 {
			open[n-1].key = open[n-1].seen != nil
		}
	}
}

// check holds a patch against everything that it must be.
func check(t *testing.T, from, to []byte) []byte {
	t.Helper()
	patch := record.Diff(from, to)
	if most := record.Replacement(to); len(patch) > len(most) {
		t.Errorf("the patch is longer than the value\nfrom  %.2000s\nto    %.2000s\npatch %.2000s", from, to, patch)
	}
	if equal := record.Equal(from, to); equal != (string(patch) == "[]") {
		t.Errorf("equal is %v\nfrom  %.2000s\nto    %.2000s\npatch %.2000s", equal, from, to, patch)
	}
	steps := stepsOf(t, patch)
	if lone(from) || lone(to) { // the libraries make one character of them all
		return patch
	}
	if got := apply(t, from, patch); !record.Equal(got, to) || !same(decode(t, got), decode(t, to)) {
		t.Errorf("the patch makes something else\nfrom  %.2000s\nto    %.2000s\npatch %.2000s\nmakes %.2000s", from, to, patch, got)
	}
	if got, err := follow(decode(t, from), steps); err != nil || !same(got, decode(t, to)) {
		t.Errorf("step by step the patch makes %.2000v (%v)\nfrom  %.2000s\nto    %.2000s\npatch %.2000s", got, err, from, to, patch)
	}
	return patch
}

// lone reports whether JSON text may have a surrogate without its other half.
func lone(text []byte) bool {
	lower := bytes.ToLower(text)
	return bytes.Contains(lower, []byte(`\ud`))
}

// follow applies a patch to a decoded value, as RFC 6902 says, strictly.
func follow(doc any, steps []step) (any, error) {
	for _, s := range steps {
		var value any
		if s.Value != nil {
			d := json.NewDecoder(bytes.NewReader(s.Value))
			d.UseNumber()
			if err := d.Decode(&value); err != nil {
				return nil, err
			}
		}
		if *s.Path == "" {
			doc = value
			continue
		}
		tokens := strings.Split(*s.Path, "/")[1:]
		for i, token := range tokens {
			tokens[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		}
		var err error
		if doc, err = operate(doc, s.Op, tokens, value); err != nil {
			return nil, err
		}
	}
	return doc, nil
}

var errPath = errors.New("there is no such path")

func operate(doc any, op string, tokens []string, value any) (any, error) {
	switch doc := doc.(type) {
	case map[string]any:
		return operateObject(doc, op, tokens, value)
	case []any:
		return operateArray(doc, op, tokens, value)
	}
	return nil, errPath
}

func operateObject(doc map[string]any, op string, tokens []string, value any) (_ any, err error) {
	key := tokens[0]
	child, ok := doc[key]
	switch last := len(tokens) == 1; {
	case !ok && (!last || op != "add"):
		return nil, errPath
	case !last:
		doc[key], err = operate(child, op, tokens[1:], value)
	case op == "remove":
		delete(doc, key)
	default:
		doc[key] = value
	}
	return doc, err
}

func operateArray(doc []any, op string, tokens []string, value any) (_ any, err error) {
	index, err := strconv.Atoi(tokens[0])
	last := len(tokens) == 1
	end := len(doc)
	if last && op == "add" {
		end++
	}
	if err != nil || index < 0 || index >= end || strconv.Itoa(index) != tokens[0] {
		return nil, errPath
	}
	switch {
	case !last:
		doc[index], err = operate(doc[index], op, tokens[1:], value)
	case op == "remove":
		return slices.Delete(doc, index, index+1), nil
	case op == "add":
		return slices.Insert(doc, index, value), nil
	default:
		doc[index] = value
	}
	return doc, err
}
