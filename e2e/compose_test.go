//go:build linux

package e2e

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// composed is what the tests want to know of compose.yaml.
type composed struct {
	Services map[string]service
	Volumes  map[string]any
	Networks map[string]struct{ Internal bool }
}

type service struct {
	Image       string
	Build       string
	ReadOnly    bool     `yaml:"read_only"`
	CapDrop     []string `yaml:"cap_drop"`
	SecurityOpt []string `yaml:"security_opt"`
	Ports       []string
	Volumes     []string
	Networks    []string
	Environment map[string]string
	StopGrace   string `yaml:"stop_grace_period"`
	Healthcheck map[string]any
}

func readCompose(t *testing.T) (c composed) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(built.root, "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// compose.yaml has what it says it has: no engine is here to try it.
func TestCompose(t *testing.T) {
	t.Parallel()
	c := readCompose(t)
	if names := slices.Sorted(maps.Keys(c.Services)); !slices.Equal(names, []string{"balancer", "node-1", "node-2", "redis"}) {
		t.Fatalf("services %v", names)
	}
	for name, s := range c.Services {
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Equal(s.SecurityOpt, []string{"no-new-privileges:true"}) {
			t.Errorf("%s has rights that it does not need: %+v", name, s)
		}
		if s.Build == "" && (!regexp.MustCompile(`^[a-z]+:\d+\.\d+-`).MatchString(s.Image) || s.Healthcheck["test"] == nil) {
			t.Errorf("%s: an image without a version, or no health check: %+v", name, s)
		}
		if (len(s.Ports) > 0) != (name == "balancer") {
			t.Errorf("%s has the ports %v", name, s.Ports)
		}
		for _, v := range s.Volumes {
			source, _, _ := strings.Cut(v, ":")
			if _, ok := c.Volumes[source]; ok || source == "./build/plugins" {
				continue
			}
			if _, err := os.Stat(filepath.Join(built.root, source)); err != nil {
				t.Errorf("%s: the volume %s is nowhere: %v", name, v, err)
			}
		}
		for _, network := range s.Networks {
			if _, ok := c.Networks[network]; !ok {
				t.Errorf("%s: there is no network %s", name, network)
			}
		}
	}
	if networks := c.Services["redis"].Networks; !slices.Equal(networks, []string{"back"}) || !c.Networks["back"].Internal {
		t.Errorf("Redis is reached from %v", networks)
	}
}

// A node starts with the settings of compose.yaml, and has time enough to stop.
func TestComposeSettings(t *testing.T) {
	t.Parallel()
	c := readCompose(t)
	first, second := c.Services["node-1"].Environment, c.Services["node-2"].Environment
	if len(first) == 0 || !maps.Equal(first, second) {
		t.Fatalf("the nodes differ: %v and %v", first, second)
	}
	env := []string{"MESH_STORE_PATH=/data"} // as in the image
	for key, value := range first {
		if strings.HasPrefix(value, "${") {
			value = balancerToken
		}
		env = append(env, key+"="+value)
	}
	cmd := exec.Command(built.binary, "config", "print", "--config", "")
	cmd.Env = environment(env...)
	p := launch(t, cmd)
	if code := p.wait(t, patience).ExitCode(); code != 0 {
		t.Errorf("exit code %d: %s", code, p.tail(10))
	}
	grace := regexp.MustCompile(`\[shutdown\]\ngrace = "(.+)"`).FindStringSubmatch(strings.Join(p.lines(), "\n"))
	if grace == nil {
		t.Fatalf("no shutdown.grace in:\n%s", strings.Join(p.lines(), "\n"))
	}
	own, err := time.ParseDuration(grace[1])
	stop, stopErr := time.ParseDuration(c.Services["node-1"].StopGrace)
	if err != nil || stopErr != nil || stop < own+2*time.Second {
		t.Errorf("it is killed after %v, and may take %v to stop: %v, %v", stop, own, err, stopErr)
	}
}
