package mesh_test

import (
	"testing"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
)

func TestQueryValue(t *testing.T) {
	t.Parallel()
	tests := []struct {
		query, name, want string
		ok                bool
	}{
		{"", "a", "", false}, {"a=1", "a", "1", true}, {"b=2&a=1", "a", "1", true}, {"a", "a", "", true}, {"a=", "a", "", true},
		{"a=1&a=2", "a", "1", true}, {"ab=1", "a", "", false}, {"a=x%20y+z", "a", "x y z", true}, {"%61=1", "a", "1", true},
		{"a=1=2", "a", "1=2", true}, {"&&a=1", "a", "1", true}, {"a=%zz%4", "a", "%zz%4", true}, {"a=%C3%A4", "a", "ä", true},
	}
	for _, test := range tests {
		h := mesh.Handshake{Query: test.query}
		if got, ok := h.QueryValue(test.name); got != test.want || ok != test.ok {
			t.Errorf("%q of %q: got %q, %t, want %q, %t", test.name, test.query, got, ok, test.want, test.ok)
		}
	}
}

func TestHeaderAndCookie(t *testing.T) {
	t.Parallel()
	h := mesh.Handshake{Headers: []string{"host", "example.com", "cookie", "a=1; b=two ;c", "x-a", "first", "x-a", "second", "cookie", "d=4"}}
	for name, want := range map[string]string{"Host": "example.com", "X-A": "first", "missing": "", "example.com": ""} {
		if got := h.Header(name); got != want {
			t.Errorf("header %q is %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]string{"a": "1", "b": "two", "d": "4"} {
		if got, ok := h.Cookie(name); got != want || !ok {
			t.Errorf("cookie %q is %q, %t, want %q", name, got, ok, want)
		}
	}
	if got, ok := h.Cookie("c"); ok {
		t.Errorf("there is a cookie %q", got)
	}
}
