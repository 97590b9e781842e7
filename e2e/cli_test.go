//go:build linux

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// meshHost runs the binary with arguments until it ends.
func meshHost(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), built.binary, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = environment()
	cmd.Stdin = strings.NewReader(stdin)
	var out, err strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &err
	_ = cmd.Run() // the code says it
	return cmd.ProcessState.ExitCode(), out.String(), err.String()
}

// The command line is a door to the operations of a running host.
func TestAPICommand(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance}})
	c := h.dial(t, v1)
	c.call(t, "mesh/join-room", `{"roomName":"r"}`)
	for _, try := range []struct {
		stdin  string
		args   []string
		code   int
		stdout string // all of it, or "" for none
		stderr string // a part
	}{
		{"", []string{"rooms.members", `{"roomName":"r"}`}, 0, `{"members":` + list(c.id) + "}\n", ""},
		{"", []string{"rooms.list"}, 0, `{"rooms":["r"]}` + "\n", ""},
		{`{"command":"told","payload":[1, 2]}`, []string{"broadcast", "-"}, 0, `{"sent":1}` + "\n", ""},
		{"", []string{"connections.metadata.list", `{"limit":1}`}, 0, `[{"` + c.id + `":null}]` + "\n", ""},
		{"", []string{"rooms.members", `{"roomName":""}`}, 1, "", "EPAYLOAD"},
		{"", []string{"plugins.reload", `{"name":"nobody"}`}, 1, "", "ENOTFOUND"},
		{"", []string{"rooms.members", `not json`}, 2, "", "JSON"},
		{"not json", []string{"rooms.members", "-"}, 2, "", "JSON"},
		{"", []string{"rooms.member"}, 2, "", "rooms.members"},
		{"", []string{"kv.get", `{"key":"x"}`}, 2, "", "only plugins"},
	} {
		code, stdout, stderr := meshHost(t, try.stdin, append([]string{"api", "--address", h.admin}, try.args...)...)
		if code != try.code || stdout != try.stdout || !strings.Contains(stderr, try.stderr) || try.stderr == "" && stderr != "" {
			t.Errorf("api %q: code %d, stdout %q, stderr %q", try.args, code, stdout, stderr)
		}
	}
	if got := c.push(t, "told"); got != "[1, 2]" && got != "[1,2]" {
		t.Errorf("pushed %s", got)
	}
	code, stdout, _ := meshHost(t, "", "api", "--list")
	for _, name := range []string{"broadcast", "channels.publish", "connections.list", "exposures.list", "plugins.reload", "presence.list", "rooms.clear", "users.send"} {
		if !strings.Contains(stdout, "\n"+name+" ") && !strings.HasPrefix(stdout, name+" ") {
			t.Errorf("--list does not have %s: code %d\n%s", name, code, stdout)
		}
	}
	if code, _, stderr := meshHost(t, "", "api", "--address", "127.0.0.1:1", "rooms.list"); code != 3 || !strings.Contains(stderr, "127.0.0.1:1") {
		t.Errorf("where nobody listens: %d %q", code, stderr)
	}
}

// The token comes from where the host's own does.
func TestAPICommandWithToken(t *testing.T) {
	t.Parallel()
	const token = "a-token-of-some-length"
	h := start(t, setup{config: "[admin]\ntoken = \"" + token + "\"\n"})
	config := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(config, []byte("[admin]\nlisten = \""+h.admin+"\"\ntoken = \""+token+"\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, stdout, stderr := meshHost(t, "", "api", "--config", config, "rooms.list"); code != 0 || stdout != `{"rooms":[]}`+"\n" {
		t.Errorf("with the token: %d %q %q", code, stdout, stderr)
	}
	if code, _, stderr := meshHost(t, "", "api", "--address", h.admin, "rooms.list"); code != 1 || !strings.Contains(stderr, "EDENIED") {
		t.Errorf("without the token: %d %q", code, stderr)
	}
}

// commandOf is the binary with arguments, to be started.
func commandOf(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(built.binary, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = environment()
	return cmd
}
