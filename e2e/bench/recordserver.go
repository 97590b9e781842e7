//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// The servers of the cases for records; the last two are the built binary.
const (
	floorRecords  = "floor: bare gobwas, batched"
	memoryRecords = "in memory"
	storeRecords  = "store.path"
)

// openRecords is what of records the loads write.
const openRecords = "/^(board|(item|thing):.+)$/"

// recordConfig opens the records and collections of the loads. The limits have
// room for values of 1 MB, and for 16 of them on their way to each subscriber;
// slow_consumer is the default: who is too slow is disconnected, and a load that
// loses a subscriber fails.
const recordConfig = `
[limits]
message_size = "2MiB"
outbox = "32MiB"
collections = 1000
[[records]]
pattern = '` + openRecords + `'
writable = true
[[collections]]
pattern = '/^of:(.+)$/'
records = '/^item:.+$/'
filter = {open = true, board = "$1"}
limit = 1000
[[collections]]
pattern = '/^at:(.+)$/'
records = '/^thing:.+$/'
filter = {open = true, board = "$1"}
`

// startRecordServers starts servers with nothing in them, on the server's core;
// profile begins the names of the profiles of the floor.
func (b *bench) startRecordServers(ctx context.Context, profile, floorRole string, names ...string) (servers map[string]*server, stop func(), err error) {
	servers = make(map[string]*server)
	var folders []string
	stop = func() {
		for name, s := range servers {
			if err := s.stop(); err != nil {
				b.progress("%s did not end well: %v", name, err)
			}
		}
		for _, f := range folders {
			_ = os.RemoveAll(f)
		}
	}
	for _, name := range names {
		var s *server
		switch name {
		case floorRecords:
			s, err = startServer(b.serverCore, self(ctx, b.roleArgs(profile, floorRole)...))
		default:
			var folder string
			if folder, err = os.MkdirTemp(b.folder, "records-"); err == nil {
				folders = append(folders, folder)
				s, err = b.startRecordBinary(ctx, folder, name == storeRecords)
			}
		}
		if err != nil {
			stop()
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		servers[name] = s
	}
	return servers, stop, nil
}

// startRecordBinary starts the binary with a folder of its own.
func (b *bench) startRecordBinary(ctx context.Context, folder string, stored bool) (*server, error) {
	config := filepath.Join(folder, "config.toml")
	args := []string{"--config", config}
	if stored {
		args = append(args, "--store", filepath.Join(folder, "store"))
	}
	if err := os.WriteFile(config, []byte(recordConfig), 0o600); err != nil {
		return nil, err
	}
	return b.startBinary(ctx, b.serverCore, emptyFolder, args...)
}
