//go:build linux

package e2e

import (
	"errors"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadyIsOneLineOnStdout(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance}})
	for _, address := range []string{h.address, h.admin} {
		host, port, err := net.SplitHostPort(address)
		if err != nil || host != "127.0.0.1" || port == "0" {
			t.Errorf("the line says %q", address)
		}
	}
	h.dial(t, dialing{}).echoes(t)
	h.finish(t)
	if lines := h.lines(); len(lines) != 1 {
		t.Errorf("stdout has %d lines: %q", len(lines), lines)
	}
}

func TestHealthAndReadiness(t *testing.T) {
	t.Parallel()
	h := start(t, setup{})
	for _, address := range []string{h.address, h.admin} {
		for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ready\n"} {
			if status, body := get(t, "http://"+address+path); status != http.StatusOK || body != want {
				t.Errorf("%s on %s: %d %q", path, address, status, body)
			}
		}
	}
	if status, _ := get(t, "http://"+h.address+"/metrics"); status != http.StatusNotFound {
		t.Errorf("the clients' port serves /metrics: %d", status)
	}
	if n := h.sessions(t); n != 0 {
		t.Errorf("%d sessions", n)
	}
}

func TestNotReadyWithoutARequiredPlugin(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: "[auth]\nrequire = [\"auth\"]\n", plugins: []string{conformance}})
	if status, body := get(t, "http://"+h.address+"/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, `"auth"`) {
		t.Errorf("/readyz: %d %q", status, body)
	}
	if status, _ := get(t, "http://"+h.address+"/healthz"); status != http.StatusOK {
		t.Errorf("/healthz: %d", status)
	}
	h.refuses(t, dialing{}, http.StatusServiceUnavailable)
}

// refuses checks that a handshake is answered with a status, and returns the
// body.
func (h *host) refuses(t *testing.T, d dialing, status int) string {
	t.Helper()
	_, err := h.connect(t, d)
	var r *refused
	if !errors.As(err, &r) || r.status != status {
		t.Fatalf("the handshake ends with %v, not with status %d", err, status)
	}
	return r.body
}

func TestPortInUse(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, flag := range []string{"--listen", "--admin"} {
		p := launch(t, serveCommand(t, t.TempDir(), setup{args: []string{flag, taken.Addr().String()}}))
		if code := p.wait(t, patience).ExitCode(); code != 1 {
			t.Errorf("%s in use: exit code %d", flag, code)
		}
		if log := p.tail(10); !strings.Contains(log, taken.Addr().String()) || !strings.Contains(log, "in use") {
			t.Errorf("%s in use: the log says %s", flag, log)
		}
		if lines := p.lines(); len(lines) != 0 {
			t.Errorf("%s in use: stdout %q", flag, lines)
		}
	}
}

func TestBadConfigurationIsRefusedAtStart(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		setup setup
		names []string
	}{
		"unknown key":   {setup{config: "[limits]\nmessage_syze = 1\n"}, []string{"limits.message_syze"}},
		"unknown table": {setup{config: "[limit]\nmessage_size = 1\n"}, []string{"limit"}},
		"bad value":     {setup{config: "[liveness]\nping_interval = \"soon\"\n"}, []string{"liveness.ping_interval"}},
		"all at once": {
			setup{config: "lissen = \":1\"\n[limits]\nbad_frames = -1\n[log]\nformat = \"xml\"\n", env: []string{"MESH_SHUTDOWN_GRACE=never", "MESH_LOG_FORMAT="}},
			[]string{"lissen", "limits.bad_frames", "log.format", "MESH_SHUTDOWN_GRACE"},
		},
		"not TOML": {setup{config: "listen = :8080\n"}, []string{"config.toml"}},
		"records": {
			setup{config: "[limits]\nrecord_size = \"1MiB\"\nreply_size = \"1MiB\"\nrecord_patches = -1\ntransaction = 0\n" +
				"[[records]]\npattern = \"/(/\"\n[[records]]\npattern = \"a\"\nwrite_guard = \"p.g\"\n[[records]]\npattern = \"a\"\nttl = \"1ms\"\n" +
				"[[records]]\nwritable = true\n[[records]]\npattern = \"b\"\nslow_consumer = \"wait\"\nhistory = 1\n"},
			[]string{"limits.reply_size", "limits.record_patches", "limits.transaction", "records[0].pattern", "records[1].write_guard", "records[2].pattern", "records[2].ttl", "records[3].pattern", "records[4].slow_consumer", "history"},
		},
		"collections": {
			setup{config: "[[collections]]\npattern = \"a\"\n[[collections]]\npattern = \"b\"\nrecords = [\"/[/\"]\n[[collections]]\npattern = \"c\"\nrecords = \"r\"\nlimit = 1001\nguard = \"nobody\"\n" +
				"[[collections]]\npattern = \"/^d:(.+)$/\"\nrecords = \"r\"\nfilter = {a = \"$2\"}\n[[collections]]\npattern = \"a\"\nrecords = \"r\"\n"},
			[]string{"collections[0].records", "collections[1].records", "collections[2].limit", "collections[2].guard", "collections[3].filter", "collections[4].pattern"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := launch(t, serveCommand(t, t.TempDir(), c.setup))
			if code := p.wait(t, patience).ExitCode(); code != 2 {
				t.Errorf("exit code %d", code)
			}
			for _, key := range c.names {
				if !strings.Contains(p.tail(20), key) {
					t.Errorf("%s is not named in:\n%s", key, p.tail(20))
				}
			}
			if lines := p.lines(); len(lines) != 0 {
				t.Errorf("stdout %q", lines)
			}
		})
	}
}

// A variable that sets nothing may be another program's: it is only mentioned.
func TestUnknownVariableIsMentioned(t *testing.T) {
	t.Parallel()
	h := start(t, setup{env: []string{"MESH_LIMITS_MESSAGE_SYZE=1"}})
	h.awaitLog(t, 0, map[string]string{"level": "WARN", "msg": "MESH_LIMITS_MESSAGE_SYZE"})
}

// output runs the binary to its end.
func output(t *testing.T, args ...string) (stdout string, code int) {
	t.Helper()
	cmd := exec.Command(built.binary, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = environment()
	p := launch(t, cmd)
	code = p.wait(t, patience).ExitCode()
	return strings.Join(p.lines(), "\n"), code
}

func TestVersion(t *testing.T) {
	t.Parallel()
	if out, code := output(t, "version"); code != 0 || !strings.HasPrefix(out, "mesh-host ") || !strings.Contains(out, "go1.") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}

func TestConfigPrint(t *testing.T) {
	t.Parallel()
	out, code := output(t, "config", "print", "--config", filepath.Join(built.root, "config.toml"))
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, line := range []string{`listen = ":8080"`, `[plugins.defaults]`, `message_size = "64KiB"`, `ping_interval = "30s"`} {
		if !strings.Contains(out, line) {
			t.Errorf("%s is missing in:\n%s", line, out)
		}
	}
}

// Secrets of plugins do not end up on someone's screen.
func TestConfigPrintMasksSecrets(t *testing.T) {
	t.Parallel()
	h := start(t, setup{}) // for a folder to write to
	cmd := serveCommand(t, h.folder, setup{config: "[plugins.auth.config.tokens]\n\"hunter2hunter2\" = \"ann\"\n"})
	cmd.Args = append([]string{cmd.Path, "config", "print"}, cmd.Args[2:4]...) // its --config
	p := launch(t, cmd)
	if code := p.wait(t, patience).ExitCode(); code != 0 {
		t.Errorf("exit code %d: %s", code, p.tail(10))
	}
	if out := strings.Join(p.lines(), "\n"); strings.Contains(out, "hunter2hunter2") {
		t.Errorf("a token is printed:\n%s", out)
	}
}
