package plugintest

import (
	"strings"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/plugin"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// maxForeign is the bound of memory that memory gives a plugin that is not
// native, in bytes: there, a byte costs a hundred times as much, or more.
const maxForeign = 4 << 20

// memory: a plugin that is called for ever lives within its bound. What it is
// sent, makes and returns is twice what it may have, and more.
func (k *kit) memory(t *testing.T) {
	if k.status().Format != plugin.FormatNative {
		limits := k.limits
		limits.Memory = min(limits.Memory, maxForeign)
		k = k.within(t, limits)
	}
	const size = 32 << 10
	before := k.status()
	text := strings.Repeat("x", size)
	message, value := `{"message":"`+text+`"}`, `{"key":"k","value":"`+text+`"}`
	for range 2 * k.limits.Memory / size {
		if _, err := k.call("fail", message, ""); err == nil || err.Code != abi.CodeServer || err.Ref != "" {
			t.Fatalf("got %v", err)
		}
		if reply, err := k.call("kv.set", value, ""); err != nil && k.has("kv.set") {
			t.Fatalf("got %s, %v", reply, err)
		}
	}
	// Idle instances may have been closed meanwhile.
	if after := k.status(); after.Counts.Discarded != before.Counts.Discarded || after.Instances > before.Instances {
		t.Errorf("from %d instances to %d, and %d discarded", before.Instances, after.Instances, after.Counts.Discarded-before.Counts.Discarded)
	}
}

// brief is the deadline of what is meant to loop for ever.
const brief = 500 * time.Millisecond

// misbehaviour: each of these calls ends, with an error for its caller, and
// costs an instance at most; whoever calls next notices nothing.
func (k *kit) misbehaviour(t *testing.T) {
	hasty := k.again(t, brief)
	for _, name := range misbehaving {
		if !k.has(name) {
			continue
		}
		on, code := k, abi.CodePlugin
		if name == "spin" {
			on, code = hasty, abi.CodeTimeout
		}
		for range 3 {
			began := time.Now()
			before := on.status().Counts
			_, err := on.call(name, "", "")
			on.ended(t, name, err, code)
			if on == hasty && time.Since(began) > patience {
				t.Errorf("%s ended after %s", name, time.Since(began))
			}
			if after := on.status().Counts; after.Discarded != before.Discarded+1 {
				t.Errorf("%s cost %d instances", name, after.Discarded-before.Discarded)
			}
		}
	}
	session := k.session
	if got := k.ask(asked{guard: "trapping", name: "bad:trap", session: session}); !strings.HasPrefix(got, abi.CodePlugin) {
		t.Errorf("the guard trapping says %q", got)
	}
	if got := hasty.ask(asked{guard: "spinning", name: "bad:spin", session: hasty.session}); !strings.HasPrefix(got, abi.CodeTimeout) {
		t.Errorf("the guard spinning says %q", got)
	}
	k.kept(t, map[string]string{"list:x": `"trap"`})
	if got := k.resolve("/^list:.+$/", "list:x", session); !strings.HasPrefix(got, abi.CodePlugin) {
		t.Errorf("the resolver that traps says %s", got)
	}
	hasty.kept(t, map[string]string{"list:x": `"spin"`})
	if got := hasty.resolve("/^list:.+$/", "list:x", hasty.session); !strings.HasPrefix(got, abi.CodeTimeout) {
		t.Errorf("the resolver that loops says %s", got)
	}
	k.server.program(nil)
	hasty.server.program(nil)
	k.healthy(t, "all of it")
	hasty.healthy(t, "all of it")
}

// ended checks the end of a call that was meant to fail.
func (k *kit) ended(t *testing.T, name string, err *protocol.Error, code string) {
	t.Helper()
	if err == nil || err.Code != code {
		t.Errorf("%s: got %v, want %s", name, err, code)
	}
	k.healthy(t, name)
}

// healthy checks that the plugin answers as ever.
func (k *kit) healthy(t *testing.T, after string) {
	t.Helper()
	if got := k.outcome("add", `{"a":1,"b":2}`); got != `{"sum":3}` {
		t.Errorf("after %s add replies %s", after, got)
	}
}
