package exposure_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/host/exposure"
)

func TestOrdersAreRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]exposure.Sort{
		"":               {},
		"-":              {Descending: true},
		"updatedAt":      {Path: []string{"updatedAt"}},
		"-updatedAt":     {Path: []string{"updatedAt"}, Descending: true},
		"a.b":            {Path: []string{"a", "b"}},
		`a\.b.c`:         {Path: []string{"a.b", "c"}},
		`\-a`:            {Path: []string{"-a"}},
		`a-b`:            {Path: []string{"a-b"}},
		`-\-\\\..é $1 /`: {Path: []string{`-\.`, "é $1 /"}, Descending: true},
	} {
		got, err := exposure.ParseSort(text)
		if err != nil || got.Descending != want.Descending || !slices.Equal(got.Path, want.Path) {
			t.Errorf("%q is %+v (%v), want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{".", "a.", ".a", "a..b", "-.", `a\`, `a\b`, strings.Repeat("a", exposure.MaxPath+1)} {
		if got, err := exposure.ParseSort(text); err == nil {
			t.Errorf("%.20q is read as %+v", text, got)
		}
	}
}

func TestConditionsAreRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		`"open"`:             {`"open"`},
		` 1.50 `:             {`1.50`},
		`null`:               {`null`},
		`[true, "a" ,-0]`:    {`true`, `"a"`, `-0`},
		`["$1","${team}"]`:   {`"$1"`, `"${team}"`},
		many(`1`, 100):       slices.Repeat([]string{"1"}, 100),
		`"` + long(1022, ""): {`"` + long(1022, "")},
	} {
		got, err := exposure.ParseCondition(`place.of\.it`, []byte(text))
		if err != nil || !slices.Equal(got.Path, []string{"place", "of.it"}) || !slices.Equal(strs(got.Values), want) {
			t.Errorf("%.40s is %.40q (%v)", text, got, err)
		}
	}
	for _, text := range []string{``, `open`, `{}`, `[]`, `[[1]]`, `[1,{}]`, `1 2`, many(`1`, 101), `"` + long(1023, "")} {
		if got, err := exposure.ParseCondition("a", []byte(text)); err == nil {
			t.Errorf("%.40s is read as %.40q", text, got)
		}
	}
	for _, path := range []string{"", ".", "a."} {
		if _, err := exposure.ParseCondition(path, []byte("1")); err == nil {
			t.Errorf("%q is a path", path)
		}
	}
}

// many is an array of n equal elements.
func many(element string, n int) string {
	return "[" + strings.Join(slices.Repeat([]string{element}, n), ",") + "]"
}

// long is n letters and the end of a string.
func long(n int, more string) string { return strings.Repeat("x", n) + more + `"` }

func strs(texts [][]byte) (all []string) {
	for _, t := range texts {
		all = append(all, string(t))
	}
	return all
}

func TestCollectionsAreChecked(t *testing.T) {
	t.Parallel()
	condition := func(value string) exposure.Condition {
		c, err := exposure.ParseCondition("team", []byte(value))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	p := parse(t, `/^boards:(\w+)(?::(?P<kind>\w+))?$/`)
	for i, test := range []struct {
		x  exposure.Collection
		ok bool
	}{
		{exposure.Collection{Pattern: p, Limit: 1}, true},
		{exposure.Collection{Pattern: p, Limit: exposure.MaxCollection, Filter: []exposure.Condition{condition(`["$1","${kind}","$$5",7]`)}}, true},
		{exposure.Collection{Pattern: p, Resolver: "p.0", Limit: 1}, true},
		{exposure.Collection{Pattern: p}, false},
		{exposure.Collection{Pattern: p, Limit: exposure.MaxCollection + 1}, false},
		{exposure.Collection{Pattern: p, Limit: 1, Filter: []exposure.Condition{condition(`["a","$3"]`)}}, false},
		{exposure.Collection{Pattern: p, Limit: 1, Filter: []exposure.Condition{condition(`"5 $"`)}}, false},
		{exposure.Collection{Pattern: parse(t, "boards"), Limit: 1, Filter: []exposure.Condition{condition(`"$1"`)}}, false},
		{exposure.Collection{Pattern: p, Limit: 1, Filter: slices.Repeat([]exposure.Condition{condition(`1`)}, 17)}, false},
		{exposure.Collection{Pattern: p, Limit: 1, Resolver: "p.0", Filter: []exposure.Condition{condition(`1`)}}, false},
	} {
		if err := test.x.Check(); (err == nil) != test.ok {
			t.Errorf("%d: %v", i, err)
		}
	}
}

func TestCapturesAreExpanded(t *testing.T) {
	t.Parallel()
	p := parse(t, `/^boards:([^:]+)(?::(?P<kind>\w+))?$/`)
	for text, want := range map[string]string{
		"":                 "",
		"all":              "all",
		"$1":               "a.b",
		"${1}st":           "a.bst",
		"$kind.$1":         "open.a.b",
		"${kind}_$$1 $$$1": "open_$1 $a.b",
		"$0":               "boards:a.b:open",
		"$2":               "open",
		"é$2é":             "éopené",
	} {
		template, err := p.Template(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		groups, ok := p.Captures("boards:a.b:open")
		if got := template.Expand(groups); !ok || got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
		if constant := text == "" || text == "all"; template.Constant() != constant {
			t.Errorf("%q is constant: %v", text, !constant)
		}
	}
	for _, text := range []string{"$", "a$ b", "$3", "$-1", "$01", "$1st", "$kinds", "${1", "${}", "${ki nd}", "$é", "$$$"} {
		if _, err := p.Template(text); err == nil {
			t.Errorf("%q is a template", text)
		}
	}
}

func TestCapturesOfNames(t *testing.T) {
	t.Parallel()
	expression, name := parse(t, `/^(a)|(b)$/`), parse(t, "ab")
	for _, test := range []struct {
		p    exposure.Pattern
		name string
		want []string
	}{
		{expression, "a", []string{"a", "a", ""}},
		{expression, "b", []string{"b", "", "b"}},
		{expression, "ab", nil},
		{name, "ab", []string{"ab"}},
		{name, "a", nil},
		{exposure.Pattern{}, "", nil},
	} {
		got, ok := test.p.Captures(test.name)
		if ok != (test.want != nil) || ok && !slices.Equal(got, test.want) {
			t.Errorf("%s captures %q of %q (%v)", test.p, got, test.name, ok)
		}
	}
	template, err := name.Template("$0!")
	if err != nil || template.Expand(nil) != "!" || template.Expand([]string{"ab"}) != "ab!" {
		t.Errorf("a name has groups: %v", err)
	}
}

func ExampleTemplate() {
	p, _ := exposure.Parse(`/^boards:(?P<team>.+)$/`)
	template, _ := p.Template("team ${team}")
	groups, _ := p.Captures("boards:red")
	fmt.Println(template.Expand(groups))
	// Output: team red
}
