//go:build linux

package e2e

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

// slow has the commands "slow" and "slow.beside", which take 400 ms.
//
//go:embed testdata/slow.wasm
var slow []byte

func TestSlowIsUpToDate(t *testing.T) {
	t.Parallel()
	fresh := filepath.Join(t.TempDir(), "slow.wasm")
	if out, err := exec.Command("wat2wasm", "testdata/slow.wat", "-o", fresh).CombinedOutput(); err != nil {
		t.Fatalf("wat2wasm (Debian package wabt): %v\n%s", err, out)
	}
	if module, err := os.ReadFile(fresh); err != nil || !bytes.Equal(module, slow) {
		t.Errorf("testdata/slow.wasm is not made from slow.wat: %v", err)
	}
}

func TestSignalsStopTheHost(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			h := start(t, setup{plugins: []string{conformance}, config: "[shutdown]\ngrace = \"5s\"\n"})
			clients := h.dialMany(t, 20, dialing{})
			half := h.shake(t) // a client that is in the middle of a frame
			half.send(t, text(`{"id":1,"command":"echo"}`)[:9])
			silent := h.open(t) // one that has not asked yet
			at := time.Now()
			h.signal(t, signal)
			for _, c := range clients {
				if code := c.closed(t, patience); code != 1001 {
					t.Errorf("closed with %d", code)
				}
			}
			_ = half.conn.Close()
			_ = silent.conn.Close()
			if state := h.wait(t, 5*time.Second); state.ExitCode() != 0 {
				t.Errorf("ended with %v", state)
			}
			t.Logf("stopped in %v", time.Since(at).Round(time.Millisecond))
		})
	}
}

// A command in flight finishes, its client gets the reply, and then 1001.
func TestStopLetsCommandsFinish(t *testing.T) {
	t.Parallel()
	h := start(t, setup{content: map[string][]byte{"slow.wasm": slow}})
	for _, command := range []string{"slow", "slow.beside"} {
		if reply := h.dial(t, dialing{}).call(t, command, ""); reply != `"slow"` {
			t.Fatalf("%s answers %s", command, reply)
		}
	}
	var clients []*raw
	for _, command := range []string{"slow", "slow.beside"} {
		c := h.shake(t)
		c.send(t, text(request("7", command, "null")))
		clients = append(clients, c)
	}
	eventually(t, patience, "both commands run", func() bool {
		return h.metric(t, `mesh_host_plugin_instances_running{plugin="slow"}`) == 2
	})
	h.signal(t, syscall.SIGTERM)
	for _, c := range clients {
		if reply := c.reply(t); reply != `{"id":7,"command":"slow","payload":"slow"}` && reply != `{"id":7,"command":"slow.beside","payload":"slow"}` {
			t.Errorf("reply %s", reply)
		}
		if code := c.closed(t); code != 1001 {
			t.Errorf("closed with %d", code)
		}
	}
	if state := h.wait(t, patience); state.ExitCode() != 0 {
		t.Errorf("ended with %v", state)
	}
}

// Neither a plugin that spins nor clients that do not answer hold the host
// beyond shutdown.grace.
func TestGraceBoundsTheStop(t *testing.T) {
	t.Parallel()
	const grace = 500 * time.Millisecond
	h := start(t, setup{
		plugins: []string{conformance},
		content: map[string][]byte{"puppet.wasm": plugintest.Fixture(t, "puppet")},
		config: fmt.Sprintf("[shutdown]\ngrace = %q\n[liveness]\nclose_timeout = \"30s\"\n[plugins.defaults]\ndeadline = \"30s\"\n", grace) +
			"[[plugins.puppet.config.schedules]]\nname = \"for ever\"\nevery = \"50ms\"\nhandler = 3\n", // which spins
	})
	h.dial(t, dialing{}).echoes(t)
	spinning := h.shake(t)
	spinning.send(t, text(request("1", "spin", "null")))
	for range 10 {
		h.shake(t) // and never reads
	}
	eventually(t, patience, "both spin", func() bool {
		return h.metric(t, `mesh_host_plugin_instances_running{plugin="conformance"}`) == 1 &&
			h.metric(t, `mesh_host_plugin_instances_running{plugin="puppet"}`) == 1
	})
	at := time.Now()
	h.signal(t, syscall.SIGTERM)
	state := h.wait(t, patience)
	took := time.Since(at)
	if state.ExitCode() != 0 || took > grace+2*time.Second {
		t.Errorf("ended with %v after %v", state, took)
	}
	t.Logf("stopped in %v with a grace of %v", took.Round(time.Millisecond), grace)
}

// A second signal ends the process at once, whatever runs.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	h := start(t, setup{
		plugins: []string{conformance},
		config:  "[shutdown]\ngrace = \"30s\"\n[plugins.defaults]\ndeadline = \"30s\"\n",
		exit:    -1, // by a signal
	})
	c := h.dial(t, dialing{})
	c.echoes(t)
	if err := c.send(request("1", "spin", "null")); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "spin runs", func() bool {
		return h.metric(t, `mesh_host_plugin_instances_running{plugin="conformance"}`) == 1
	})
	h.signal(t, syscall.SIGTERM)
	h.awaitLog(t, 0, map[string]string{"msg": "shutting down"})
	at := time.Now()
	h.signal(t, syscall.SIGTERM)
	state := h.wait(t, patience)
	status, _ := state.Sys().(syscall.WaitStatus)
	if !status.Signaled() || status.Signal() != syscall.SIGTERM {
		t.Errorf("ended with %v", state)
	}
	if took := time.Since(at); took > time.Second {
		t.Errorf("took %v", took)
	}
}
