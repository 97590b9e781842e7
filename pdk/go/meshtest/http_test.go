package meshtest_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
	"github.com/mesh-host/mesh-host/pdk/go/meshtest"
)

// fetcher fetches the request that its caller has left in *q.
func fetcher(q *mesh.HTTPRequest) func(*mesh.Plugin) error {
	return func(p *mesh.Plugin) error {
		p.Name("fetcher")
		p.Command("fetch", func(*mesh.Call) (mesh.JSON, error) {
			r, err := mesh.HTTP.Fetch(*q)
			if err != nil {
				return nil, err
			}
			return mesh.Text(fmt.Sprintf("%d %s %q %s", r.Status, r.Header("X-A"), r.Headers, r.Body)), nil
		})
		return nil
	}
}

func TestFetch(t *testing.T) {
	t.Parallel()
	var q mesh.HTTPRequest
	var asked []string
	host := meshtest.New(t, fetcher(&q), meshtest.WithHTTP(func(q mesh.HTTPRequest) (mesh.HTTPResponse, error) {
		asked = append(asked, fmt.Sprintf("%s %s %q %q %d", q.Method, q.URL, q.Headers, q.Body, q.Timeout))
		switch q.URL {
		case "https://a.example/gone":
			return mesh.HTTPResponse{}, errors.New("no route")
		case "https://a.example/large":
			return mesh.HTTPResponse{}, mesh.NewError(mesh.CodeTooLarge, "too large")
		}
		return mesh.HTTPResponse{Status: 404, Headers: []string{"X-A", "1"}, Body: []byte("none")}, nil
	}))
	if err := host.Connect(meshtest.Connection{ID: "c1"}); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		request mesh.HTTPRequest
		want    string
	}{
		{mesh.HTTPRequest{URL: "https://a.example/"}, `"404 1 [\"x-a\" \"1\"] none"`},
		{mesh.HTTPRequest{URL: "http://a.example/", Method: "POST", Headers: []string{"a", "b"}, Body: []byte{0}, Timeout: mesh.Second}, `"404 1 [\"x-a\" \"1\"] none"`},
		{mesh.HTTPRequest{URL: "https://a.example/gone"}, "EUNAVAILABLE"},
		{mesh.HTTPRequest{URL: "https://a.example/large"}, "ETOOLARGE"},
		{mesh.HTTPRequest{URL: "ftp://a.example/"}, "EPAYLOAD"},
		{mesh.HTTPRequest{URL: "https://" + strings.Repeat("x", 8192)}, "EPAYLOAD"},
		{mesh.HTTPRequest{URL: "https://a.example/", Method: "get"}, "EPAYLOAD"},
		{mesh.HTTPRequest{URL: "https://a.example/", Headers: []string{"a"}}, "EPAYLOAD"},
		{mesh.HTTPRequest{URL: "https://a.example/", Timeout: -1}, "EPAYLOAD"},
	} {
		q = step.request
		reply, err := host.Call("c1", "fetch", ``)
		var e *mesh.Error
		got := string(reply)
		if errors.As(err, &e) {
			got = e.Code
		}
		if got != step.want {
			t.Errorf("%+v: got %s, %v, want %s", step.request, reply, err, step.want)
		}
	}
	want := `["GET https://a.example/ [] \"\" 0" "POST http://a.example/ [\"a\" \"b\"] \"\\x00\" 1000" "GET https://a.example/gone [] \"\" 0" "GET https://a.example/large [] \"\" 0"]`
	if got := fmt.Sprintf("%q", asked); got != want {
		t.Errorf("asked were %s, want %s", got, want)
	}
}

// TestFetchNothing: as with an operator that allows no host.
func TestFetchNothing(t *testing.T) {
	t.Parallel()
	q := mesh.HTTPRequest{URL: "https://a.example/"}
	host := meshtest.New(t, fetcher(&q))
	if err := host.Connect(meshtest.Connection{ID: "c1"}); err != nil {
		t.Fatal(err)
	}
	var e *mesh.Error
	if _, err := host.Call("c1", "fetch", ``); !errors.As(err, &e) || e.Code != mesh.CodeDenied {
		t.Errorf("got %v", err)
	}
}
