package plugin_test

import (
	"testing"

	"github.com/mesh-host/mesh-host/host/plugin"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

// What a plugin guarded stays shut when its file goes, also where a later
// plugin's pattern would open it.
func TestDeletingAGuardOpensNoDoor(t *testing.T) {
	t.Parallel()
	puppet := plugintest.Fixture(t, "puppet")
	f := watch(t, map[string][]byte{"a.wasm": puppet, "b.wasm": puppet}, map[string]plugin.Settings{
		"a": document(`{"guards": [{"name": "owner", "handler": 1}],
			"records": [{"pattern": "doc:admin", "writable": true, "writeGuard": "owner"}],
			"channels": [{"pattern": "talk:admin", "publish": true, "publishGuard": "owner"}],
			"rooms": [{"pattern": "room:admin", "guard": "owner"}]}`),
		"b": document(`{"records": [{"pattern": "/^doc:.+$/", "writable": true}, {"pattern": "/^doc:.+$/"}],
			"channels": [{"pattern": "/^talk:.+$/", "publish": true}], "rooms": [{"pattern": "/^room:.+$/"}]}`),
	})
	f.remove("a.wasm")
	f.until("it is unloaded", func() bool { return len(f.Status()) == 1 && f.router.Exposed().Records[0].Guard != "" })
	set := f.router.Exposed()
	if len(set.Records) != 3 || set.Records[0].Guard != "a.owner" || set.Records[0].WriteGuard != "a.owner" {
		t.Errorf("records: %+v", set.Records)
	}
	if len(set.Channels) != 2 || set.Channels[0].Guard != "a.owner" || set.Channels[0].PublishGuard != "a.owner" {
		t.Errorf("channels: %+v", set.Channels)
	}
	if len(set.Rooms) != 2 || set.Rooms[0].Guard != "a.owner" {
		t.Errorf("rooms: %+v", set.Rooms)
	}
	f.put("a.wasm", puppet)
	f.until("it is back", func() bool { return len(f.Status()) == 2 && f.router.Exposed().Records[0].Guard == "" })
}
