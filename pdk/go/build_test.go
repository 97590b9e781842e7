package mesh_test

import (
	"math"
	"strings"
	"testing"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
)

func TestObject(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		got  mesh.JSON
		want string
	}{
		"empty":  {mesh.Object().JSON(), `{}`},
		"int":    {mesh.Object().Int("a", math.MinInt64).JSON(), `{"a":-9223372036854775808}`},
		"float":  {mesh.Object().Float("a", 1.5).Float("b", 1e21).Float("c", math.NaN()).Float("d", 1e-7).JSON(), `{"a":1.5,"b":1e+21,"c":null,"d":1e-07}`},
		"text":   {mesh.Object().Text("a", "x\"y").Text("b\n", "").JSON(), `{"a":"x\"y","b\n":""}`},
		"bool":   {mesh.Object().Bool("a", true).Bool("b", false).JSON(), `{"a":true,"b":false}`},
		"texts":  {mesh.Object().Texts("a", nil).Texts("b", []string{"x", "y"}).JSON(), `{"a":[],"b":["x","y"]}`},
		"raw":    {mesh.Object().Raw("a", mesh.JSON(`[1]`)).Raw("b", nil).JSON(), `{"a":[1],"b":null}`},
		"nested": {mesh.Object().Raw("a", mesh.Object().Int("b", 1).JSON()).JSON(), `{"a":{"b":1}}`},
	}
	for name, test := range tests {
		if string(test.got) != test.want {
			t.Errorf("%s: got %s, want %s", name, test.got, test.want)
		}
	}
}

func TestArray(t *testing.T) {
	t.Parallel()
	if got := mesh.Array().JSON(); string(got) != `[]` {
		t.Errorf("got %s", got)
	}
	got := mesh.Array().Int(1).Float(0.5).Text("a").Bool(true).Raw(nil).Raw(mesh.Int(-3)).JSON()
	if want := `[1,0.5,"a",true,null,-3]`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]mesh.JSON{
		`"a\u0001b"`: mesh.Text("a\x01b"), `-5`: mesh.Int(-5), `0.25`: mesh.Float(0.25), `null`: mesh.Float(math.Inf(1)),
		`true`: mesh.Bool(true), `100000`: mesh.Float(1e5),
	} {
		if string(got) != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := mesh.Text(strings.Repeat("a", 100) + "\xff"); string(got) != `"`+strings.Repeat("a", 100)+"\uFFFD\"" {
		t.Errorf("got %s", got)
	}
}
