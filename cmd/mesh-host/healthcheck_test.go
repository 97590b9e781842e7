package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mesh-host/mesh-host/host/admin"
)

// checkHealth runs mesh-host healthcheck, which never prints on stdout what a
// log would keep, and never more than a line.
func checkHealth(t *testing.T, want int, part string, args ...string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(append([]string{"healthcheck"}, args...), strings.NewReader(""), &stdout, &stderr)
	if code != want || stdout.Len() > 0 || !strings.Contains(stderr.String(), part) || part == "" && stderr.Len() > 0 {
		t.Errorf("%q: exit code %d, stdout %q, stderr %q, want %d and %q", args, code, &stdout, &stderr, want, part)
	}
	if want == 1 && strings.Count(stderr.String(), "\n") != 1 {
		t.Errorf("%q: not one line: %q", args, &stderr)
	}
}

// serveHealth serves the probes of a server that is ready unless reason has a
// text, and returns its address.
func serveHealth(t *testing.T, reason *atomic.Value) string {
	t.Helper()
	server := httptest.NewServer(admin.Health(func() error {
		if text, _ := reason.Load().(string); text != "" {
			return fmt.Errorf("%s", text)
		}
		return nil
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func TestHealthcheck(t *testing.T) {
	t.Parallel()
	var reason atomic.Value
	address := serveHealth(t, &reason)
	none := []string{"--config", "", "--admin", address}
	checkHealth(t, 0, "", none...)
	checkHealth(t, 0, "", append(none, "--live")...)

	reason.Store("the backplane is away\nfor\x1b[2J good")
	checkHealth(t, 1, "http://"+address+"/readyz answers 503 Service Unavailable: the backplane is away for\uFFFD[2J good\n", none...)
	checkHealth(t, 0, "", append(none, "--live")...)
	checkHealth(t, 1, "/readyz answers 503", "--config", "", "--url", "http://"+address+"/readyz")
	checkHealth(t, 0, "", "--config", "", "--url", "http://"+address+"/healthz")
}

// Where to ask is where serve listens.
func TestHealthcheckSources(t *testing.T) {
	var fine, ill atomic.Value
	ill.Store("shutting down")
	good, bad := serveHealth(t, &fine), serveHealth(t, &ill)
	_, port, err := net.SplitHostPort(good)
	if err != nil {
		t.Fatal(err)
	}
	file := writeFile(t, fmt.Sprintf("listen = %q\n[admin]\nlisten = %q\n", bad, good))
	checkHealth(t, 0, "", "--config", file)
	checkHealth(t, 1, "shutting down", "--config", file, "--clients")
	checkHealth(t, 0, "", "--config", file, "--clients", "--listen", good)
	checkHealth(t, 1, "shutting down", "--config", file, "--admin", bad)
	for _, every := range []string{"", "0.0.0.0"} {
		checkHealth(t, 0, "", "--config", "", "--admin", every+":"+port)
	}
	checkHealth(t, 1, "http://[::1]:1/readyz: dial tcp [::1]:1: ", "--config", "", "--admin", "[::]:1")

	// Only the address counts: the server that is asked runs, whatever has
	// become of its file and token meanwhile.
	broken := writeFile(t, fmt.Sprintf("listn = 1\n[admin]\nlisten = %q\n[limits]\nconnections = 0\n", "0.0.0.0:"+port))
	checkHealth(t, 0, "", "--config", broken)
	unreadable := writeFile(t, "[admin\n")
	checkHealth(t, 1, "admin.listen is not known: "+unreadable+":1:", "--config", unreadable)
	checkHealth(t, 0, "", "--config", unreadable, "--admin", good)
	checkHealth(t, 1, "admin.listen is not known: /nowhere: no such file", "--config", "/nowhere")
	checkHealth(t, 1, "admin.listen: it is 1 and must be a string", "--config", writeFile(t, "admin.listen = 1"))
	checkHealth(t, 1, "admin.listen is a free port: say with --url", "--config", "", "--admin", "127.0.0.1:0")
	checkHealth(t, 1, `listen: "mesh" is no address`, "--config", "", "--clients", "--listen", "mesh")

	t.Setenv("MESH_ADMIN_LISTEN", good)
	t.Setenv("MESH_LISTEN", bad)
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	checkHealth(t, 0, "", "--config", "")
	checkHealth(t, 0, "", "--config", unreadable)
	checkHealth(t, 1, "shutting down", "--config", "", "--clients")
	checkHealth(t, 1, "shutting down", "--config", file, "--admin", bad)
}

func TestHealthcheckRefuses(t *testing.T) {
	t.Parallel()
	checkHealth(t, 2, `--url: "mesh" is no URL such as`, "--url", "mesh")
	checkHealth(t, 2, "--live and --clients do not go with it", "--url", "http://127.0.0.1:1/", "--live")
	checkHealth(t, 2, "unknown flag", "--quick")
	checkHealth(t, 2, "unknown command", "now")
	checkHealth(t, 2, "invalid argument", "--timeout", "3")
}

func TestHealthcheckOfWhatIsNoServer(t *testing.T) {
	t.Parallel()
	answers := map[string]http.HandlerFunc{
		"no answer within 50ms": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"EOF":                   func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"answers 302 Found":     func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/healthz", http.StatusFound) },
		"answers 404 Not Found": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, strings.Repeat("no\n", 1<<20))
		},
	}
	for want, answer := range answers {
		server := httptest.NewServer(answer)
		timeout := "1m"
		if strings.HasPrefix(want, "no answer") {
			timeout = "50ms"
		}
		checkHealth(t, 1, want, "--url", server.URL, "--timeout", timeout)
		server.Close()
	}
}
