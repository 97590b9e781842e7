package engine_test

import (
	"testing"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/engine"
)

// Keys are compared by what they say, and stay as they are written.
func TestAppendWithID(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ value, want string }{
		{`{"a":1,"b":2}`, `{"id":"r\"1","a":1,"b":2}`},
		{`{}`, `{"id":"r\"1"}`},
		{`{"id":7,"a":{"id":8}}`, `{"id":"r\"1","a":{"id":8}}`},
		{`{"a":1,"\u0069d":7,"id":8,"ID":9}`, `{"id":"r\"1","a":1,"ID":9}`},
		{` { "\ud800" : 1 , "\ud801" : 2, "\u0061b":3 } `, `{"id":"r\"1","\ud800":1,"\ud801":2,"\u0061b":3}`},
		{`[1]`, `[1]`},
		{`"id"`, `"id"`},
	} {
		got := engine.AppendWithID([]byte("head"), &backplane.Record{ID: `r"1`, Value: []byte(c.value)})
		if string(got) != "head"+c.want {
			t.Errorf("%s became %s, want %s", c.value, got, c.want)
		}
	}
}
