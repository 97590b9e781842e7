package host_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/host"
)

// fetch returns the status and the body of a page of the clients' port.
func fetch(t *testing.T, server *host.Server, path string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+server.Addr().String()+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func TestServerServesFiles(t *testing.T) {
	t.Parallel()
	c := embedded(t)
	c.Static.Dir, c.Demo.Enabled = t.TempDir(), true
	server, _ := serve(t, c)
	if status, body := fetch(t, server, "/"); status != http.StatusOK || !strings.Contains(body, "<title>mesh-host</title>") {
		t.Errorf("without an index.html: %d %.100s", status, body)
	}
	for name, content := range map[string]string{"index.html": "the page", "healthz": "a file", ".env": "secret"} {
		if err := os.WriteFile(filepath.Join(c.Static.Dir, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{"/": "the page", "/index.html": "the page", "/healthz": "ok", "/demo/commands": "[", "/.env": "404"} {
		if _, body := fetch(t, server, path); !strings.HasPrefix(body, want) {
			t.Errorf("%s: %.100q", path, body)
		}
	}
	if replies := talk(t, server, `{"id":1,"command":"noop"}`); !strings.Contains(replies[0], "true") {
		t.Errorf("beside the files: %s", replies[0])
	}
}

// Pages get the client from the server that they talk to, where there are pages.
func TestServerServesItsClient(t *testing.T) {
	t.Parallel()
	for name, configure := range map[string]func(c *host.Config){
		"with files":    func(c *host.Config) { c.Static.Dir = t.TempDir() },
		"with the demo": func(c *host.Config) { c.Demo.Enabled = true },
	} {
		c := embedded(t)
		configure(&c)
		server, _ := serve(t, c)
		if status, body := fetch(t, server, "/mesh-host/client.js"); status != http.StatusOK || !strings.HasPrefix(body, "/*! @mesh-host/client") {
			t.Errorf("%s: %d %.100s", name, status, body)
		}
		if c.Static.Dir == "" {
			continue
		}
		if err := os.Mkdir(filepath.Join(c.Static.Dir, "mesh-host"), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(c.Static.Dir, "mesh-host", "client.js"), []byte("its own"), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, body := fetch(t, server, "/mesh-host/client.js"); body != "its own" {
			t.Errorf("the folder's own: %.100s", body)
		}
	}
	server, _ := serve(t, embedded(t))
	if status, _ := fetch(t, server, "/mesh-host/client.js"); status != http.StatusNotFound {
		t.Errorf("without pages: %d", status)
	}
}

func TestServerNeedsItsStaticFolder(t *testing.T) {
	t.Parallel()
	c := embedded(t)
	c.Static.Dir = filepath.Join(t.TempDir(), "missing")
	_, err := host.New(c, slog.New(slog.DiscardHandler))
	var wrong *host.KeyError
	if !errors.As(err, &wrong) || wrong.Key != "static.dir" || !strings.Contains(err.Error(), "missing") {
		t.Errorf("got %v", err)
	}
	c.Static.Dir = ""
	server, err := host.New(c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := server.Run(ctx); err != nil {
		t.Error(err)
	}
}
