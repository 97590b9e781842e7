package wasm

import (
	"context"
	"fmt"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// maxPath bounds the paths that WASI is asked for, in bytes: it copies each before
// it finds that there are no files.
const maxPath = 64 << 10

// lengthy says, of functions of WASI that take as long as one of their arguments
// says, which one that is, and how many units each of its items costs. The calls
// as such, and what reaches instance.config, are charged elsewhere.
type lengthy struct {
	argument int
	units    int64
	size     int64 // of an item in the guest's memory, in bytes
	most     int64 // the call traps beyond; 0: no limit of its own
}

var lengthyWASI = map[string]lengthy{
	"poll_oneoff": {argument: 2, units: 100, size: 48},
	"fd_read":     {argument: 2, units: 4, size: 8},
	"fd_pread":    {argument: 2, units: 4, size: 8},
	"fd_write":    {argument: 2, units: 4, size: 8},
	"fd_pwrite":   {argument: 2, units: 4, size: 8},

	"path_create_directory":   {argument: 2, units: 1, size: 1, most: maxPath},
	"path_filestat_get":       {argument: 3, units: 1, size: 1, most: maxPath},
	"path_filestat_set_times": {argument: 3, units: 1, size: 1, most: maxPath},
	"path_link":               {argument: 3, units: 1, size: 1, most: maxPath},
	"path_open":               {argument: 3, units: 1, size: 1, most: maxPath},
	"path_readlink":           {argument: 2, units: 1, size: 1, most: maxPath},
	"path_remove_directory":   {argument: 2, units: 1, size: 1, most: maxPath},
	"path_rename":             {argument: 2, units: 1, size: 1, most: maxPath},
	"path_symlink":            {argument: 1, units: 1, size: 1, most: maxPath},
	"path_unlink_file":        {argument: 2, units: 1, size: 1, most: maxPath},
}

// meterWASI returns what charges for the calls of a function, nil for one that
// takes as long for any arguments.
func meterWASI(f api.FunctionDefinition) experimental.FunctionListener {
	l, ok := lengthyWASI[f.Name()]
	if !ok {
		return nil
	}
	return experimental.FunctionListenerFunc(func(ctx context.Context, _ api.Module, _ api.FunctionDefinition, arguments []uint64, _ experimental.StackIterator) {
		i, items := caller(ctx), int64(uint32(arguments[l.argument]))
		if l.most > 0 && items > l.most {
			panic(fmt.Errorf("%s: %d bytes, over the limit of %d", f.Name(), items, l.most))
		}
		i.plugin.module.runtime.charge(&i.Slot, min(items, int64(len(i.memory.bytes))/l.size)*l.units)
	})
}
