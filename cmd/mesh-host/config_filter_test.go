package main

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"github.com/mesh-host/mesh-host/host"
)

// filterOf returns the filter of the only collection, as text by path.
func filterOf(t *testing.T, l *loaded) map[string]string {
	t.Helper()
	if len(l.Collections) != 1 {
		t.Fatalf("there are %d collections, want 1", len(l.Collections))
	}
	got := map[string]string{}
	for path, value := range l.Collections[0].Filter {
		got[path] = string(value)
	}
	return got
}

var wantFilter = map[string]string{
	"createdBy":      `"$1"`,
	"Place.boardID":  `["A","b"]`,
	"place.boardId":  `9007199254740993`,
	"place.Of.It":    `1.0`,
	"UPPER.lower":    `[true,false,-0.5,7,"<é>"]`,
	`dotted\.Name.é`: `""`,
}

// Names of members are the clients': with case, with what stands in them.
func TestFilterIsKept(t *testing.T) {
	t.Parallel()
	l := mustLoad(t, `
		[[collections]]
		pattern = "/^cards:(.+)$/"
		records = "/^card:.+$/"
		[collections.filter]
		createdBy = "$1"
		"Place.boardID" = ["A", "b"]
		place.boardId = 9007199254740993
		"place.Of".It = 1.0
		'dotted\.Name'."é" = ""
		[collections.filter.UPPER]
		lower = [true, false, -0.5, 7, "<é>"]`)
	if got := filterOf(t, l); !maps.Equal(got, wantFilter) {
		t.Errorf("the filter is %v, want %v", got, wantFilter)
	}
	again := mustLoad(t, l.print())
	if got := filterOf(t, again); !maps.Equal(got, wantFilter) {
		t.Errorf("printed and loaded again it is %v, want %v", got, wantFilter)
	}
}

func TestFilterOfAVariableIsKept(t *testing.T) {
	t.Setenv("MESH_COLLECTIONS", `[{"pattern": "/^cards:(.+)$/", "records": ["/^card:.+$/"], "filter": {
		"createdBy": "$1", "Place": {"boardID": ["A", "b"]}, "place": {"boardId": 9007199254740993, "Of.It": 1.00},
		"UPPER.lower": [true, false, -5e-1, 7, "<é>"], "dotted\\.Name.é": ""}}]`)
	l := mustLoad(t, "[[collections]]\npattern = \"other\"\nrecords = \"other\"\nfilter.createdby = 1\n")
	if got := filterOf(t, l); !maps.Equal(got, wantFilter) {
		t.Errorf("the filter is %v, want %v", got, wantFilter)
	}
	if !strings.Contains(l.print(), "\n[[collections]] # MESH_COLLECTIONS\n") {
		t.Errorf("print does not name the variable:\n%s", l.print())
	}
}

func TestPatternsAreOneOrMore(t *testing.T) {
	t.Parallel()
	l := mustLoad(t, `
		collections = [{pattern = "a", records = "x"}, {pattern = "b", records = ["x", "/y/"]}]`)
	if got := []host.PatternList{l.Collections[0].Records, l.Collections[1].Records}; !slices.EqualFunc(
		got, []host.PatternList{{"x"}, {"x", "/y/"}}, slices.Equal[host.PatternList]) {
		t.Errorf("the records are %q", got)
	}
}

func TestRecordsFromVariables(t *testing.T) {
	t.Setenv("MESH_RECORDS", `[{"pattern": "/^Card:.+$/", "writable": true, "write_guard": "p.Guard", "slow_consumer": "conflate"}]`)
	t.Setenv("MESH_LIMITS_RECORDS_SIZE", "2GiB") // not of the list
	l := mustLoad(t, "[[records]]\npattern = \"other\"\n")
	want := []host.RecordConfig{{Pattern: "/^Card:.+$/", Writable: true, WriteGuard: "p.Guard", SlowConsumer: host.SlowConflate}}
	if !slices.Equal(l.Records, want) || l.Limits.RecordsSize != 2*host.GiB || len(l.warnings) > 0 {
		t.Errorf("%+v, %s, %q", l.Records, l.Limits.RecordsSize, l.warnings)
	}
}

// FuzzFilter takes a filter through a variable, print and the file.
func FuzzFilter(f *testing.F) {
	f.Add(`{"a":{"b.C":["$1",1.5,true]},"É \u0000\"\\":-0,"e":1E5}`)
	f.Add(`{"a":{},"b":[null],"":{"":[]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		raw, err := decodeJSON(json.RawMessage(text))
		var first, again host.Filter
		if err != nil || assignFilter(&first, valuesFromJSON(raw)) != nil {
			return
		}
		var tree map[string]any
		if err := toml.Unmarshal([]byte("x = "+filterTOML(first)), &tree); err != nil {
			t.Fatalf("%v in\n%s", err, filterTOML(first))
		}
		if err := assignFilter(&again, tree["x"]); err != nil || !reflect.DeepEqual(again, first) {
			t.Errorf("%s became %s, %v", first, again, err)
		}
	})
}
