//go:build linux

package e2e

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// balance runs the load balancer of compose.yaml before nodes, with its own
// configuration and other addresses, and returns a host that is all of them.
func balance(t *testing.T, nodes ...*host) *host {
	t.Helper()
	config, err := os.ReadFile(filepath.Join(built.root, "deploy", "haproxy.cfg"))
	if err != nil {
		t.Fatal(err)
	}
	clients, operators := "127.0.0.1:"+freePort(t), "127.0.0.1:"+freePort(t)
	changes := []string{
		"bind :8080", "bind " + clients, "bind :8081", "bind " + operators,
		"maxconn 100000", "maxconn 500", // the descriptors of the tester may be few
		"node-1:8080", nodes[0].address, "node-2:8080", nodes[1].address,
		"node-1:8081", nodes[0].admin, "node-2:8081", nodes[1].admin,
	}
	text := string(config)
	for i := 0; i < len(changes); i += 2 {
		if !strings.Contains(text, changes[i]) {
			t.Fatalf("deploy/haproxy.cfg has no %q", changes[i])
		}
		text = strings.ReplaceAll(text, changes[i], changes[i+1])
	}
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("haproxy", "-db", "-f", file)
	cmd.Env = environment()
	h := &host{process: launch(t, cmd), address: clients, admin: operators}
	eventually(t, patience, "a node is ready behind the balancer", func() bool {
		conn, err := net.Dial("tcp", clients)
		if err != nil {
			return false
		}
		_ = conn.Close()
		status, _ := get(t, "http://"+clients+"/readyz")
		return status == http.StatusOK
	})
	return h
}

// Debian's haproxy accepts the file as it is; its names are those of the compose
// network, and only found there.
func TestBalancerConfig(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("haproxy", "-c", "-f", filepath.Join(built.root, "deploy", "haproxy.cfg")).CombinedOutput()
	if err != nil {
		t.Fatalf("haproxy -c (Debian package haproxy): %v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "[WARNING]") && !strings.Contains(line, "could not resolve address") {
			t.Error(line)
		}
	}
}

// Clients are spread over the nodes, and while one of them is replaced, those
// that are on the other notice nothing, those that were on it close with 1001,
// and every new one gets in at once.
func TestBalancer(t *testing.T) {
	t.Parallel()
	s := setup{plugins: []string{conformance}, config: "[admin]\ntoken = \"" + balancerToken + "\"\n"}
	first, second := start(t, s), start(t, s)
	both := balance(t, first, second)
	if status, body := get(t, "http://"+both.admin+"/metrics"); status != http.StatusOK {
		t.Errorf("/metrics: %d %s", status, body)
	}
	clients := both.dialMany(t, 20, dialing{})
	for _, c := range clients {
		c.echoes(t)
	}
	on := [2]int{first.sessions(t), second.sessions(t)}
	if on[0] < 5 || on[1] < 5 || on[0]+on[1] != len(clients) {
		t.Errorf("%v sessions", on)
	}

	first.signal(t, syscall.SIGTERM)
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); {
		c := both.dial(t, dialing{})
		// That it was let in means that it is on a node that goes on, or came just
		// before the signal.
		if _, err := c.ask("echo", `"x"`); err != nil && c.closed(t, patience) != 1001 {
			t.Fatalf("a new client: %v", err)
		}
		_ = c.conn.CloseNow()
	}
	if state := first.wait(t, patience); state.ExitCode() != 0 {
		t.Errorf("ended with %v", state)
	}
	gone := 0
	for _, c := range clients {
		select {
		case <-c.ended:
			gone++
			if code := c.closed(t, patience); code != 1001 {
				t.Errorf("closed with %d", code)
			}
		default:
			c.echoes(t)
		}
	}
	if gone != on[0] {
		t.Errorf("%d of %d sessions have ended", gone, on[0])
	}
	if status, body := get(t, "http://"+both.address+"/readyz"); status != http.StatusOK {
		t.Errorf("/readyz of what is left: %d %s", status, body)
	}
}

const balancerToken = "a-token-of-16-letters"
