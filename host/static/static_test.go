//go:build unix

package static_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/mesh-host/mesh-host/host/static"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is a folder with what may be served, what may not, and ways out.
func site(t *testing.T) string {
	t.Helper()
	base := t.TempDir()
	dir := filepath.Join(base, "site")
	for name, content := range map[string]string{
		"index.html": "the page", "app.JS": "code", "data": "bytes", "a b.txt": "spaced", "ä.svg": "<svg/>",
		"sub/index.html": "below", "empty/x.css": "", ".env": "secret", ".git/config": "secret", "sub/.hidden": "secret",
		"../outside.txt": "secret", "../outside/index.html": "secret", "inside/deep/file.txt": "deep",
	} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{
		"link.txt": "../outside.txt", "absolute.txt": filepath.Join(base, "outside.txt"), "way": "../outside",
		"kept.txt": "inside/deep/file.txt", "short": "inside/deep", "loop": "loop", "gone": "nothing",
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}

func handler(t *testing.T, dir string, other http.Handler) http.Handler {
	t.Helper()
	h, err := static.Handler(dir, other)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func get(h http.Handler, method, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/", nil)
	r.URL.Path, r.URL.RawQuery = path, "q=1"
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestFiles(t *testing.T) {
	t.Parallel()
	h := handler(t, site(t), nil)
	const html, text = "text/html; charset=utf-8", "text/plain; charset=utf-8"
	for _, test := range []struct{ path, body, kind string }{
		{"/", "the page", html},
		{"/index.html", "the page", html},
		{"/app.JS", "code", "text/javascript; charset=utf-8"},
		{"/data", "bytes", "application/octet-stream"},
		{"/a b.txt", "spaced", text},
		{"/ä.svg", "<svg/>", "image/svg+xml"},
		{"/sub/", "below", html},
		{"/kept.txt", "deep", text},
		{"/short/file.txt", "deep", text},
	} {
		r := get(h, http.MethodGet, test.path)
		got, headers := r.Body.String(), r.Header()
		if r.Code != http.StatusOK || got != test.body || headers.Get("Content-Type") != test.kind {
			t.Errorf("%s: %d %q %q", test.path, r.Code, got, headers.Get("Content-Type"))
		}
		if headers.Get("X-Content-Type-Options") != "nosniff" || headers.Get("Last-Modified") == "" || headers.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: headers %v", test.path, headers)
		}
		r = get(h, http.MethodHead, test.path)
		if r.Code != http.StatusOK || r.Body.Len() > 0 || r.Header().Get("Content-Type") != test.kind {
			t.Errorf("HEAD %s: %d %v", test.path, r.Code, r.Header())
		}
	}
}

func TestNothingElse(t *testing.T) {
	t.Parallel()
	h := handler(t, site(t), nil)
	for _, path := range []string{
		"", "index.html", "*", "/missing", "/missing/", "/index.html/", "/index.html/x", "/empty", "/empty/", "/inside/",
		"/.env", "/.git/config", "/sub/.hidden", "/.", "/..", "/./", "/../", "/sub/../index.html", "/../outside.txt", "/sub/../../outside.txt",
		"//", "//index.html", "/sub//index.html", "/sub//", `/..\outside.txt`, `/sub\index.html`, "/index.html\x00", "/index.html:stream", "/C:/x", "/\xff",
		"/link.txt", "/absolute.txt", "/way", "/way/", "/way/index.html", "/loop", "/loop/", "/gone", "/pipe", "/pipe/",
	} {
		if r := get(h, http.MethodGet, path); r.Code != http.StatusNotFound || strings.Contains(r.Body.String(), "secret") {
			t.Errorf("%q: %d", path, r.Code)
		}
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	h := handler(t, site(t), nil)
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, "get"} {
		for _, path := range []string{"/", "/missing"} {
			if r := get(h, method, path); r.Code != http.StatusMethodNotAllowed || r.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %d %v", method, path, r.Code, r.Header())
			}
		}
	}
}

// A folder's page finds the files beside it only if the browser knows that it
// is in a folder.
func TestRedirectToFolder(t *testing.T) {
	t.Parallel()
	dir := site(t)
	if err := os.MkdirAll(filepath.Join(dir, "odd ?name", "b"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "odd ?name", "b", "index.html"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	h := handler(t, dir, nil)
	for path, want := range map[string]string{"/sub": "/sub/?q=1", "/odd ?name/b": "/odd%20%3Fname/b/?q=1"} {
		if r := get(h, http.MethodGet, path); r.Code != http.StatusMovedPermanently || r.Header().Get("Location") != want {
			t.Errorf("%s: %d %q", path, r.Code, r.Header().Get("Location"))
		}
	}
}

func TestConditionsAndRanges(t *testing.T) {
	t.Parallel()
	h := handler(t, site(t), nil)
	modified := get(h, http.MethodGet, "/index.html").Header().Get("Last-Modified")
	if r := get(h, http.MethodGet, "/index.html", "If-Modified-Since", modified); r.Code != http.StatusNotModified {
		t.Errorf("unchanged: %d", r.Code)
	}
	r := get(h, http.MethodGet, "/index.html", "Range", "bytes=4-")
	if got := r.Body.String(); r.Code != http.StatusPartialContent || got != "page" {
		t.Errorf("range: %d %q", r.Code, got)
	}
}

func TestOther(t *testing.T) {
	t.Parallel()
	other := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "other "+r.URL.Path) })
	h := handler(t, t.TempDir(), other)
	for _, path := range []string{"/", "/demo/commands", "/.env"} {
		if got := get(h, http.MethodGet, path).Body.String(); got != "other "+path {
			t.Errorf("%s: %q", path, got)
		}
	}
}

func TestFolderIsReplaced(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	current := filepath.Join(base, "current")
	for _, release := range []string{"one", "two"} {
		if err := os.Mkdir(filepath.Join(base, release), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(base, release, "index.html"), []byte(release), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	point := func(release string) {
		_ = os.Remove(current)
		if err := os.Symlink(release, current); err != nil {
			t.Fatal(err)
		}
	}
	point("one")
	h := handler(t, current, nil)
	for _, release := range []string{"one", "two"} {
		point(release)
		if got := get(h, http.MethodGet, "/").Body.String(); got != release {
			t.Errorf("got %q, want %q", got, release)
		}
	}
	if err := os.Remove(current); err != nil {
		t.Fatal(err)
	}
	if r := get(h, http.MethodGet, "/"); r.Code != http.StatusServiceUnavailable {
		t.Errorf("without the folder: %d", r.Code)
	}
}

func TestFolderMustBeThere(t *testing.T) {
	t.Parallel()
	dir := site(t)
	for _, name := range []string{"missing", "index.html", "index.html/x"} {
		if _, err := static.Handler(filepath.Join(dir, name), nil); err == nil {
			t.Errorf("%s is taken for a folder", name)
		}
	}
}
