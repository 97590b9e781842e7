package plugin_test

import (
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/plugin"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

func TestOutOfFuelIsToldApart(t *testing.T) {
	t.Parallel()
	settings := document(`{"commands": [{"name": "spin", "handler": 3}, {"name": "echo", "handler": 1}]}`)
	settings.Limits.Deadline, settings.Limits.Fuel = time.Minute, 10_000_000
	f := load(t, map[string][]byte{"p.wasm": plugintest.Fixture(t, "puppet")}, map[string]plugin.Settings{"p": settings})
	f.fails("spin", abi.CodePlugin)
	f.logs("plugin used up its fuel; plugins.p.fuel bounds it", `handler="command \"spin\""`, "10000000 units")
	if c := f.status("p.wasm").Counts; c.OutOfFuel != 1 || c.Faults+c.Timeouts != 0 || c.Fuel < 9_000_000 || c.Discarded != 1 {
		t.Errorf("counts %+v", c)
	}
	f.answers("echo", `{}`)
}

// The depth is compiled into a module before its name is known.
func TestCallDepthIsThatOfTheNameThatIsRegistered(t *testing.T) {
	t.Parallel()
	settings := document(`{"name": "q", "commands": [{"name": "recurse", "handler": 5}]}`)
	file, own := settings, settings
	file.Limits.CallDepth, own.Limits.CallDepth = 500, 300
	f := load(t, map[string][]byte{"p.wasm": plugintest.Fixture(t, "puppet")}, map[string]plugin.Settings{"p": file, "q": own})
	f.fails("recurse", abi.CodePlugin)
	f.logs("calls nest deeper than 300")
}
