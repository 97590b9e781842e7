//go:build unix

package static_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/host/static"
)

func TestClient(t *testing.T) {
	t.Parallel()
	h := static.Client(http.NotFoundHandler())
	r := get(h, http.MethodGet, static.ClientPath)
	code, headers := r.Body.String(), r.Header()
	if r.Code != http.StatusOK || headers.Get("Content-Type") != "text/javascript; charset=utf-8" || headers.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%d %v", r.Code, headers)
	}
	if !strings.HasPrefix(code, "/*! @mesh-host/client, Apache-2.0.") || !strings.Contains(code, "MeshClient") || strings.Contains(code, "import") {
		t.Errorf("%d bytes that begin %.100q", len(code), code)
	}
	tag := headers.Get("ETag")
	if len(tag) < 34 || headers.Get("Cache-Control") != "no-cache" {
		t.Errorf("headers %v", headers)
	}
	if r := get(h, http.MethodGet, static.ClientPath, "If-None-Match", tag); r.Code != http.StatusNotModified || r.Body.Len() > 0 {
		t.Errorf("unchanged: %d, %d bytes", r.Code, r.Body.Len())
	}
	if r := get(h, http.MethodGet, static.ClientPath, "If-None-Match", `"another"`); r.Code != http.StatusOK {
		t.Errorf("changed: %d", r.Code)
	}
	if r := get(h, http.MethodHead, static.ClientPath); r.Code != http.StatusOK || r.Body.Len() > 0 || r.Header().Get("ETag") != tag {
		t.Errorf("HEAD: %d %v", r.Code, r.Header())
	}
}

// All else is another's, and so is the client itself where a folder has one.
func TestClientLeavesTheRest(t *testing.T) {
	t.Parallel()
	other := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "other "+r.URL.Path) })
	h := static.Client(other)
	for _, path := range []string{"/", "/mesh-host/", "/mesh-host/client.js/", "/client.js", "/MESH-HOST/client.js"} {
		if got := get(h, http.MethodGet, path).Body.String(); got != "other "+path {
			t.Errorf("%s: %.100q", path, got)
		}
	}
	if got := get(h, http.MethodPost, static.ClientPath).Body.String(); got != "other "+static.ClientPath {
		t.Errorf("POST: %.100q", got)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	if got := static.Pages(site(t)); !slices.Equal(got, []string{"/sub/"}) {
		t.Errorf("got %q", got)
	}
	if got := static.Pages("/nothing/here"); got != nil {
		t.Errorf("of no folder: %q", got)
	}
}
