//go:build !wasm

package mesh

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/pdk/go/internal/codec"
	"github.com/mesh-host/mesh-host/pdk/go/internal/env"
)

func TestRecordsOfAPage(t *testing.T) {
	t.Parallel()
	page := RecordPage{List: JSON(`[{"recordId":"a\"b","version":3,"epoch":"e","value":{"recordId":"x"}},{"recordId":"n","version":1,"epoch":"e"}]`)}
	var got []Record
	for r := range page.Records() {
		got = append(got, r)
	}
	want := []Record{{`a"b`, JSON(`{"recordId":"x"}`), 3, "e"}, {"n", nil, 1, "e"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for range page.Records() {
		break // the range function must stop
	}
}

func TestConflicts(t *testing.T) {
	t.Parallel()
	conflict := NewError(CodeConflict, "late").WithData(JSON(`{"version":4}`))
	for _, test := range []struct {
		err  error
		want Conflict
		ok   bool
	}{
		{nil, Conflict{}, false},
		{errors.New("late"), Conflict{}, false},
		{conflict, Conflict{Version: 4}, true},
		{fmt.Errorf("save: %w", conflict), Conflict{Version: 4}, true},
		{NewError(CodeConflict, "late").WithData(JSON(`{"recordId":"a","version":0}`)), Conflict{RecordID: "a"}, true},
		{NewError(CodeConflict, "no integer"), Conflict{}, false},
		{NewError(CodeDenied, "no").WithData(JSON(`{"version":4}`)), Conflict{}, false},
	} {
		if got, ok := AsConflict(test.err); got != test.want || ok != test.ok {
			t.Errorf("%v: got %+v, %t", test.err, got, ok)
		}
	}
}

func TestTransactionsAreWrittenDown(t *testing.T) {
	t.Parallel()
	tx := Records.Transaction().
		Set("a", Int(5), ExpectVersion(0)).
		Set(`b"`, nil, TTL(Second), Strategy(DeepMerge)).
		Merge("c", JSON(`{"n":1}`), ExpectVersion(7)).
		Merge("d", JSON(`{}`), Strategy(DeepMerge)).
		Delete("e").
		Delete("f", ExpectVersion(2))
	want := `[{"op":"write","recordId":"a","value":5,"options":{"expectVersion":0}},` +
		`{"op":"write","recordId":"b\"","value":null,"options":{"strategy":"deepMerge","ttl":1000}},` +
		`{"op":"write","recordId":"c","value":{"n":1},"options":{"strategy":"merge","expectVersion":7}},` +
		`{"op":"write","recordId":"d","value":{},"options":{"strategy":"deepMerge"}},` +
		`{"op":"delete","recordId":"e"},{"op":"delete","recordId":"f","options":{"expectVersion":2}}]`
	if got := tx.operations.JSON(); string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	done := Committed{JSON(`[{"op":"write","recordId":"a","success":true,"version":1},{"op":"delete","recordId":"e","success":true,"version":9}]`)}
	if a, e, other := done.Version("a"), done.Version("e"), done.Version("x"); a != 1 || e != 9 || other != 0 {
		t.Errorf("got %d, %d, %d", a, e, other)
	}
}

// rival is a record that others write three times, each time between a reading
// and a writing. It answers as a host does.
type rival struct {
	version, writes int64
}

func (r *rival) answer(operation string, arguments []byte) (number uint32, result []byte) {
	if operation == "records.get" {
		return 0, codec.AppendString(codec.AppendInt(codec.AppendBytes(nil, Int(r.version*10)), r.version), "e")
	}
	if r.writes++; r.writes <= 3 {
		r.version++
	}
	f := codec.Decode(arguments)
	f.Bytes()
	value := JSON(f.Bytes())
	f.Bytes()
	expect, _ := JSON(f.Bytes()).AsInt()
	if expect != r.version {
		e := NewError(CodeConflict, "late").WithData(Object().Int("version", r.version).JSON())
		return 8, e.append(nil)
	}
	if v, _ := value.AsInt(); v != r.version*10+1 {
		return 1, NewError(CodeServer, "it was made of another value: "+value.String()).append(nil)
	}
	r.version++
	return 0, codec.AppendBool(codec.AppendString(codec.AppendInt(nil, r.version), "e"), true)
}

// TestUpdateLosesNoWrite is not parallel: it stands in for the host.
func TestUpdateLosesNoWrite(t *testing.T) {
	defer func() { env.Host = nil }()
	r := &rival{version: 5}
	env.Host = r.answer
	more := func(r Record) (JSON, error) {
		n, _ := r.Value.AsInt()
		return Int(n + 1), nil
	}
	options := append(make([]WriteOption, 0, 4), TTL(Minute))
	if w, err := Records.Update("x", more, options...); err != nil || w != (Written{9, "e", true}) || r.writes != 4 {
		t.Errorf("got %+v after %d writes, %v", w, r.writes, err)
	}
	if behind := options[:2][1]; behind != nil {
		t.Errorf("it has written %v behind the caller's options", behind)
	}
	if _, err := Records.Update("x", func(Record) (JSON, error) { return nil, Denied("no") }); err == nil || err.Error() != "no" || r.writes != 4 {
		t.Errorf("got %v after %d writes", err, r.writes)
	}
	env.Host = func(string, []byte) (uint32, []byte) { return 1, NewError(CodeUnavailable, "gone").append(nil) }
	if _, err := Records.Update("x", more); err == nil || err.Error() != "gone" {
		t.Errorf("got %v", err)
	}
}

func TestResolversReply(t *testing.T) {
	t.Parallel()
	many := make([]string, 300)
	for i := range many {
		many[i] = "record"
	}
	for want, ids := range map[string][]string{
		`[]`:                                    nil,
		`["a","b\"c"]`:                          {"a", `b"c`},
		`["boards:c1"]`:                         {"boards:c1"},
		`["` + strings.Join(many, `","`) + `"]`: many,
	} {
		g := &guest{setup: func(p *Plugin) error {
			p.Collection("x", func(c *Call) ([]string, error) {
				if len(ids) == 1 {
					return []string{"boards:" + c.ConnectionID()}, nil
				}
				return ids, nil
			})
			return nil
		}}
		g.Register()
		for range 3 {
			if a := ask(t, g, 0, `1`); a.status != statusReply || string(a.body) != want {
				t.Errorf("got %d, %.100q, want %.100q", a.status, a.body, want)
			}
		}
	}
}

func TestValuesOfGuardsAndHooks(t *testing.T) {
	t.Parallel()
	var guarded, changed JSON
	g := &guest{setup: func(p *Plugin) error {
		p.Guard("g", func(c *GuardCall) error { guarded = c.Value().Copy(); return nil })
		p.OnRecordUpdate(func(c *RecordChange) error { changed = c.Value().Copy(); return nil })
		return nil
	}}
	g.Register()
	ask(t, g, 0, `{"x":1}`)
	ask(t, g, 1, `[2]`)
	if string(guarded) != `{"x":1}` || string(changed) != `[2]` {
		t.Errorf("got %s, %s", guarded, changed)
	}
	g.Call(0, detailed(3, nil))
	if guarded != nil {
		t.Errorf("without a value: got %s", guarded)
	}
}
