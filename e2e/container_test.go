//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// maxImage is how large the image may be, in bytes.
const maxImage = 40_000_000

// imageUser is the user of the image.
const imageUser = "65532"

// containers is a place of buildah's of its own, which ends with the test.
type containers struct{ folder string }

// buildah runs it without an engine, a registry or namespaces: as root with the
// plainest storage there is.
func (b containers) buildah(t *testing.T, args ...string) string {
	t.Helper()
	place := []string{"--storage-driver", "vfs", "--root", filepath.Join(b.folder, "root"), "--runroot", filepath.Join(b.folder, "run")}
	cmd := exec.Command("buildah", append(place, args...)...) // also once the test is over
	cmd.Dir = built.root
	cmd.Env = environment("BUILDAH_ISOLATION=chroot", "TMPDIR="+b.folder)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("buildah %v (Debian package buildah, as root): %v\n%s%s", args, err, out, &stderr)
	}
	return strings.TrimSpace(string(out))
}

// imageConfig is what Docker's format says of how an image is run.
type imageConfig struct {
	User        string
	Env         []string
	Entrypoint  []string
	Cmd         []string
	Volumes     map[string]struct{}
	Exposed     map[string]struct{} `json:"ExposedPorts"`
	StopSignal  string
	Healthcheck struct {
		Test                                    []string
		Interval, Timeout, StartPeriod, Retries int64
	}
}

// image is an image that was built, and a container of it.
type image struct {
	containers
	config imageConfig
	name   string // of the container
	root   string // folder of its files
}

// buildImage makes the image as docs/DEPLOY.md says, from nothing but this
// repository.
func buildImage(t *testing.T) *image {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("an image can only be built and run by root here")
	}
	folder := t.TempDir()
	if err := runScript("scripts/image", "--out", filepath.Join(folder, "context")); err != nil {
		t.Fatal(err)
	}
	i := &image{containers: containers{folder}, name: "e2e"}
	i.buildah(t, "bud", "--isolation", "chroot", "--format", "docker", "--quiet", "--pull-never",
		"--tag", "mesh-host", "--file", "Dockerfile.binary", filepath.Join(folder, "context"))
	var found struct{ Docker struct{ Config imageConfig } }
	if err := json.Unmarshal([]byte(i.buildah(t, "inspect", "--type", "image", "mesh-host")), &found); err != nil {
		t.Fatal(err)
	}
	i.config = found.Docker.Config
	i.buildah(t, "from", "--pull-never", "--name", i.name, "mesh-host")
	i.root = i.buildah(t, "mount", i.name)
	return i
}

// inside is a command that runs in the image's files, all of them read-only but
// /data, as the image's user and with the image's environment: what an engine
// does, without one. It sees the network of this machine, and neither /proc nor
// /dev.
func (i *image) inside(t *testing.T, plugins, data string, env []string, args ...string) *exec.Cmd {
	t.Helper()
	const enter = `set -e
root=$1 plugins=$2 data=$3 user=$4
shift 4
mount --rbind "$root" "$root"
mount --bind "$plugins" "$root/plugins"
mount -o remount,bind,ro "$root/plugins"
mount --bind "$data" "$root/data"
mount -o remount,bind,ro "$root"
exec chroot --userspec="$user" --groups= "$root" "$@"`
	cmd := exec.Command("unshare", append([]string{
		"--mount", "--propagation", "private",
		"/bin/sh", "-c", enter, "sh", i.root, plugins, data, i.config.User,
	}, args...)...)
	cmd.Env = append(append([]string{marker}, i.config.Env...), env...)
	return cmd
}

// run starts the image with plugins and waits until it is ready.
func (i *image) run(t *testing.T, env []string) *host {
	t.Helper()
	folder, data := t.TempDir(), t.TempDir()
	h := &host{folder: folder}
	h.install(t, conformance, builtPlugin(t, conformance))
	h.install(t, "slow.wasm", slow)
	for _, dir := range []string{folder, filepath.Dir(folder), filepath.Dir(data)} {
		if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // another user reads it
			t.Fatal(err)
		}
	}
	if err := os.Chown(data, 65532, 65532); err != nil {
		t.Fatal(err)
	}
	env = append([]string{"MESH_LOG_FORMAT=json", "MESH_LISTEN=127.0.0.1:0", nowhere}, env...)
	h.process = launch(t, i.inside(t, folder, data, env, append(i.config.Entrypoint, i.config.Cmd...)...))
	t.Cleanup(func() { h.finish(t) })
	h.address, h.admin = h.ready(t)
	for _, name := range []string{"mesh-host.db", "cache"} {
		if _, err := os.Stat(filepath.Join(data, name)); err != nil {
			t.Errorf("what is kept is not in /data: %v", err)
		}
	}
	return h
}

// freePort returns a port of loopback that nothing listens at just now.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// The image is small, is run by nobody in particular, and serves without being
// able to write anywhere but in /data.
func TestContainer(t *testing.T) {
	t.Parallel()
	i := buildImage(t)
	t.Cleanup(func() { i.buildah(t, "rm", "--all") })
	i.checkConfig(t)
	i.checkFiles(t)

	env := []string{"MESH_ADMIN_LISTEN=127.0.0.1:" + freePort(t)}
	h := i.run(t, env)
	h.dial(t, dialing{}).echoes(t)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", h.pid()))
	if err != nil || !strings.Contains(string(status), "\nUid:\t"+imageUser+"\t"+imageUser+"\t") {
		t.Errorf("it does not run as %s: %v\n%s", imageUser, err, status)
	}
	mounts, err := os.ReadFile(fmt.Sprintf("/proc/%d/mounts", h.pid()))
	if err != nil || !regexp.MustCompile(`(?m)^\S+ / \S+ ro,`).Match(mounts) || !regexp.MustCompile(`(?m)^\S+ /data \S+ rw,`).Match(mounts) {
		t.Errorf("its files are not read-only, but for /data: %v\n%s", err, mounts)
	}

	// The health check of the image, by buildah's own way into a container too.
	check := i.config.Healthcheck.Test[1:]
	for _, args := range [][]string{check, {check[0], "healthcheck"}, {check[0], "healthcheck", "--clients"}} {
		p := launch(t, i.inside(t, t.TempDir(), t.TempDir(), append(env, "MESH_LISTEN="+h.address), args...))
		if code := p.wait(t, patience).ExitCode(); code != 0 {
			t.Errorf("%v: exit code %d: %s", args, code, p.tail(5))
		}
	}
	i.buildah(t, append([]string{"run", "--isolation", "chroot", "--user", imageUser, "--env", env[0], i.name, "--"}, check...)...)

	i.checkDrain(t, h)
}

// checkConfig looks at what the image says of how to run it.
func (i *image) checkConfig(t *testing.T) {
	t.Helper()
	c := i.config
	_, plugins := c.Volumes["/plugins"]
	_, data := c.Volumes["/data"]
	_, clients := c.Exposed["8080/tcp"]
	if c.User != imageUser+":"+imageUser || !plugins || !data || !clients || c.StopSignal != "SIGTERM" ||
		!slices.Equal(c.Entrypoint, []string{"/mesh-host"}) || !slices.Equal(c.Cmd, []string{"serve"}) ||
		!slices.Equal(c.Healthcheck.Test, []string{"CMD", "/mesh-host", "healthcheck", "--live"}) ||
		c.Healthcheck.Timeout <= int64(3*time.Second) {
		t.Errorf("the image is run so: %+v", c)
	}
}

// checkFiles looks at what is in the image.
func (i *image) checkFiles(t *testing.T) {
	t.Helper()
	size := int64(0)
	var files []string
	err := filepath.Walk(i.root, func(path string, info os.FileInfo, err error) error {
		if err != nil || path == i.root {
			return err
		}
		owner := info.Sys().(*syscall.Stat_t).Uid
		name := strings.TrimPrefix(path, i.root)
		if info.IsDir() {
			if writable := name == "/plugins" || name == "/data"; writable != (owner == 65532) {
				t.Errorf("%s belongs to %d", name, owner)
			}
			return nil
		}
		if owner != 0 || info.Mode().Perm()&0o022 != 0 {
			t.Errorf("%s can be changed: it belongs to %d, with mode %v", name, owner, info.Mode())
		}
		size += info.Size()
		files = append(files, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"/etc/group", "/etc/passwd", "/etc/ssl/certs/ca-certificates.crt", "/mesh-host"}
	if !slices.Equal(files, want) {
		t.Errorf("the image holds %v, not %v", files, want)
	}
	t.Logf("%.1f MB", float64(size)/1e6)
	if size > maxImage {
		t.Errorf("the image has %d bytes, more than %d", size, maxImage)
	}
}

// checkDrain stops the host as an engine does: /readyz says so, what runs is
// answered, and sessions close with 1001.
func (i *image) checkDrain(t *testing.T, h *host) {
	t.Helper()
	if reply := h.dial(t, dialing{}).call(t, "slow", ""); reply != `"slow"` {
		t.Fatalf("slow answers %s", reply)
	}
	idle := h.dial(t, dialing{})
	c := h.shake(t)
	c.send(t, text(request("7", "slow", "null")))
	eventually(t, patience, "the command runs", func() bool {
		return h.metric(t, `mesh_host_plugin_instances_running{plugin="slow"}`) == 1
	})
	h.signal(t, syscall.SIGTERM)
	h.awaitLog(t, 0, map[string]string{"msg": "shutting down"})
	if status, body := get(t, "http://"+h.admin+"/readyz"); status != http.StatusServiceUnavailable || body != "shutting down\n" {
		t.Errorf("/readyz during the drain: %d %q", status, body)
	}
	if status, _ := get(t, "http://"+h.admin+"/healthz"); status != http.StatusOK {
		t.Errorf("/healthz during the drain: %d", status)
	}
	if conn, err := net.DialTimeout("tcp", h.address, patience); err == nil {
		_ = conn.Close()
		t.Error("it still accepts connections")
	}
	if reply := c.reply(t); reply != `{"id":7,"command":"slow","payload":"slow"}` {
		t.Errorf("reply %s", reply)
	}
	if code := c.closed(t); code != 1001 {
		t.Errorf("closed with %d", code)
	}
	if code := idle.closed(t, patience); code != 1001 {
		t.Errorf("a session without commands is closed with %d", code)
	}
	if state := h.wait(t, patience); state.ExitCode() != 0 {
		t.Errorf("ended with %v", state)
	}
}

// The two ways to the image differ in where the files come from, and in nothing
// else.
func TestDockerfilesAgree(t *testing.T) {
	t.Parallel()
	tail := func(name string) string {
		content, err := os.ReadFile(filepath.Join(built.root, name))
		if err != nil {
			t.Fatal(err)
		}
		_, stage, found := strings.Cut(string(content), "\nFROM scratch\n")
		if !found {
			t.Fatalf("%s does not end in scratch", name)
		}
		return strings.ReplaceAll(strings.ReplaceAll(stage, "--from=build ", ""), "/src/build/image/", "")
	}
	source, binary := tail("Dockerfile"), tail("Dockerfile.binary")
	if source != binary || !strings.Contains(source, "\nUSER ") {
		t.Errorf("Dockerfile ends with\n%s\nand Dockerfile.binary with\n%s", source, binary)
	}
}
