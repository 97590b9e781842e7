package mesh_test

import (
	"errors"
	"reflect"
	"testing"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
)

const everyKind = `{"text":"a\n","int":-3,"float":1.5,"bool":true,"texts":["x","y"],"object":{"a":1},"null":null}`

func TestFieldsOfEveryKind(t *testing.T) {
	t.Parallel()
	in := mesh.JSON(everyKind).Fields()
	if v := in.Text("text"); v != "a\n" {
		t.Errorf("text is %q", v)
	}
	if v := in.Int("int"); v != -3 {
		t.Errorf("int is %d", v)
	}
	if v := in.Float("float"); v != 1.5 {
		t.Errorf("float is %v", v)
	}
	if !in.Bool("bool") {
		t.Error("bool is false")
	}
	if v := in.Texts("texts"); !reflect.DeepEqual(v, []string{"x", "y"}) {
		t.Errorf("texts are %q", v)
	}
	if v := in.Object("object"); string(v) != `{"a":1}` {
		t.Errorf("object is %s", v)
	}
	if v := in.Value("null"); string(v) != `null` {
		t.Errorf("null is %s", v)
	}
	if in.Has("null") || in.Has("missing") || !in.Has("text") {
		t.Error("Has is wrong about null, missing or text")
	}
	if err := in.Err(); err != nil {
		t.Error(err)
	}
}

func TestFieldsNameWhatIsWrong(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		payload string
		read    func(*mesh.Fields)
		want    string
	}{
		"missing":       {everyKind, func(in *mesh.Fields) { in.Int("x") }, `field "x" is missing`},
		"text":          {everyKind, func(in *mesh.Fields) { in.Text("int") }, `field "int" must be text`},
		"int":           {everyKind, func(in *mesh.Fields) { in.Int("float") }, `field "float" must be an integer`},
		"float":         {everyKind, func(in *mesh.Fields) { in.Float("text") }, `field "text" must be a number`},
		"bool":          {everyKind, func(in *mesh.Fields) { in.Bool("null") }, `field "null" must be true or false`},
		"texts":         {everyKind, func(in *mesh.Fields) { in.Texts("text") }, `field "text" must be a list of text`},
		"object":        {everyKind, func(in *mesh.Fields) { in.Object("texts") }, `field "texts" must be an object`},
		"the first one": {everyKind, func(in *mesh.Fields) { in.Text("int"); in.Int("text"); in.Value("x") }, `field "int" must be text`},
		"no object":     {`[1]`, func(in *mesh.Fields) { in.Text("a") }, `payload must be an object`},
		"no payload":    {``, func(in *mesh.Fields) { in.Text("a") }, `payload must be an object`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := mesh.JSON(test.payload).Fields()
			test.read(in)
			var e *mesh.Error
			if !errors.As(in.Err(), &e) {
				t.Fatalf("got %v", in.Err())
			}
			if e.Code != mesh.CodePayload || e.Name != "PayloadError" || e.Message != test.want {
				t.Errorf("got %+v, want %q", e, test.want)
			}
		})
	}
}
