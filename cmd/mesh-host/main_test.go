package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"go.uber.org/goleak"
)

// asCommand makes the test binary behave as mesh-host: the process tests start
// it again with this variable set.
const asCommand = "TEST_AS_MESH_HOST"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	for _, variable := range environment() {
		if err := os.Unsetenv(variable); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

// loadText loads a file with this text and these flags.
func loadText(t *testing.T, text string, args ...string) (*loaded, error) {
	t.Helper()
	return loadFile(t, writeFile(t, text), args...)
}

func loadFile(t *testing.T, path string, args ...string) (*loaded, error) {
	t.Helper()
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	addConfigFlags(flags)
	if err := flags.Parse(append([]string{"--config", path}, args...)); err != nil {
		t.Fatal(err)
	}
	return load(flags)
}

// mustLoad is loadText of what is right.
func mustLoad(t *testing.T, text string, args ...string) *loaded {
	t.Helper()
	l, err := loadText(t, text, args...)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	bad := writeFile(t, "listn = 1")
	tests := []struct {
		name           string
		args           []string
		code           int
		stdout, stderr string // parts
	}{
		{"no command", nil, 0, "Available Commands", ""},
		{"help", []string{"--help"}, 0, "mesh-host serve --listen :9000", ""},
		{"help of serve", []string{"serve", "--help"}, 0, "MESH_LIMITS_MESSAGE_SIZE", ""},
		{"help of a restore", []string{"serve", "--help"}, 0, "--new-epochs", ""},
		{"help of config print", []string{"config", "print", "--help"}, 0, "are masked", ""},
		{"version", []string{"version"}, 0, "commit ", ""},
		{"config print", []string{"config", "print", "--config", ""}, 0, "[plugins.defaults]", ""},
		{"unknown command", []string{"sevre"}, 2, "", `unknown command "sevre"`},
		{"unknown flag", []string{"serve", "--port", "1"}, 2, "", "unknown flag: --port"},
		{"argument too many", []string{"serve", "now"}, 2, "", `unknown command "now"`},
		{"missing file", []string{"serve", "--config", "/nowhere/config.toml"}, 2, "", "/nowhere/config.toml: no such file or directory"},
		{"file is a folder", []string{"serve", "--config", "."}, 2, "", ".: is a directory"},
		{"unknown key", []string{"serve", "--config", bad}, 2, "", bad + ": listn: unknown key, did you mean listen?"},
		{"unknown key, printed", []string{"config", "print", "--config", bad}, 2, "", "listn: unknown key"},
		{"bad address", []string{"serve", "--config", "", "--listen", "here"}, 2, "", `--listen: listen: "here" is no address`},
		{"new epochs of nothing", []string{"serve", "--config", "", "--new-epochs"}, 2, "", "--new-epochs is for a store that was restored, and there is none: set --store or store.path"},
		{"no such address", []string{"serve", "--config", "", "--listen", "192.0.2.1:0"}, 1, "", "192.0.2.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			if code := run(tt.args, strings.NewReader(""), &stdout, &stderr); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			if !strings.Contains(stdout.String(), tt.stdout) || (tt.stdout == "") != (stdout.Len() == 0) {
				t.Errorf("stdout %q, want %q in it", &stdout, tt.stdout)
			}
			if !strings.Contains(stderr.String(), tt.stderr) || (tt.stderr == "") != (stderr.Len() == 0) {
				t.Errorf("stderr %q, want %q in it", &stderr, tt.stderr)
			}
		})
	}
}
