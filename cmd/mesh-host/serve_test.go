package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// process is a mesh-host of its own.
type process struct {
	*exec.Cmd
	stdout *bufio.Reader
	stderr bytes.Buffer
}

// start runs this test binary as mesh-host. The process ends with the test.
func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: exec.CommandContext(t.Context(), executable, args...)}
	p.Env = append(append(os.Environ(), asCommand+"=1"), env...)
	p.Dir = t.TempDir()
	p.Stderr = &p.stderr
	stdout, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdout = bufio.NewReader(stdout)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// finish waits for the end and returns what else was on stdout and the exit
// code.
func (p *process) finish(t *testing.T) (stdout string, code int) {
	t.Helper()
	rest, err := io.ReadAll(p.stdout)
	if err != nil {
		t.Error(err)
	}
	_ = p.Wait() // the code says it
	return string(rest), p.ProcessState.ExitCode()
}

var readyLine = regexp.MustCompile(`^mesh-host ready listen=(\S+) admin=(\S+)\n$`)

func TestServeSaysReadyOnceAndStopsOnSignals(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			p := start(t, []string{"MESH_LOG_FORMAT=json", "MESH_LOG_LEVEL=debug", "MESH_HOST_SERVICE_HOST=10.0.0.1"},
				"serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--plugins", t.TempDir())
			line, err := p.stdout.ReadString('\n')
			if err != nil {
				_, code := p.finish(t)
				t.Fatalf("no ready line, exit code %d: %v\n%s", code, err, &p.stderr)
			}
			match := readyLine.FindStringSubmatch(line)
			if match == nil {
				t.Fatalf("the ready line is %q", line)
			}
			for _, address := range match[1:] {
				c, err := net.Dial("tcp", address)
				if err != nil {
					t.Fatalf("ready, but %v", err)
				}
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			}
			if err := p.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if rest, code := p.finish(t); rest != "" || code != 0 {
				t.Errorf("exit code %d, and on stdout also %q", code, rest)
			}
			checkJSONLog(t, p.stderr.String(), "MESH_HOST_SERVICE_HOST sets nothing")
		})
	}
}

// checkJSONLog wants one JSON record a line, and part in one of them.
func checkJSONLog(t *testing.T, log, part string) {
	t.Helper()
	for line := range strings.Lines(log) {
		if !json.Valid([]byte(line)) {
			t.Errorf("stderr has a line that is no JSON: %q", line)
		}
	}
	if !strings.Contains(log, part) {
		t.Errorf("stderr does not say %q:\n%s", part, log)
	}
}

func TestServeReadsTheFileOfItsFolder(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "version")
	if out, code := p.finish(t); code != 0 || !strings.HasPrefix(out, "mesh-host ") {
		t.Fatalf("version: exit code %d, %q", code, out)
	}
	folder := t.TempDir()
	if err := os.WriteFile(folder+"/config.toml", []byte("listen = \"nowhere\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), executable, "serve")
	command.Dir, command.Env = folder, append(os.Environ(), asCommand+"=1")
	out, err := command.CombinedOutput()
	want := `./config.toml: listen: "nowhere" is no address`
	if err == nil || command.ProcessState.ExitCode() != 2 || !strings.Contains(string(out), want) {
		t.Errorf("serve: %v, %s, want exit code 2 and %s", err, out, want)
	}
}

func TestServeNamesAPortInUse(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	free := "127.0.0.1:0"
	for _, addresses := range [][2]string{{taken.Addr().String(), free}, {free, taken.Addr().String()}} {
		p := start(t, nil, "serve", "--listen", addresses[0], "--admin", addresses[1], "--plugins", t.TempDir())
		stdout, code := p.finish(t)
		if code != 1 || stdout != "" {
			t.Errorf("exit code %d, stdout %q, want 1 and nothing", code, stdout)
		}
		log := p.stderr.String()
		if !strings.Contains(log, taken.Addr().String()) || !strings.Contains(log, "address already in use") {
			t.Errorf("stderr does not name the address and the cause:\n%s", log)
		}
	}
}
