package redis

import (
	"context"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/host/backplane/redis/redistest"
)

// TestScripts has a server parse each file in lua/, in both variants, and compare
// its hash.
func TestScripts(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := newClient(Options{Addresses: []string{server.Addr}}.withDefaults())
	defer func() { _ = client.Close() }()
	files, err := luaFiles.ReadDir("lua")
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]bool{"era": true, "inbox": true} // of others, after common
	for _, file := range files {
		if file.IsDir() {
			continue
		}
		name := strings.TrimSuffix(file.Name(), ".lua")
		s := newScript(name)
		if parts[name] {
			s.plain, s.sharded = newSource(readLua("common")+s.plain.text), newSource(readLua("common")+s.sharded.text)
		}
		for _, source := range []source{s.plain, s.sharded} {
			sha, err := client.ScriptLoad(context.Background(), source.text).Result()
			if err != nil || sha != source.sha {
				t.Errorf("%s: %q, %v", name, sha, err)
			}
		}
	}
}
