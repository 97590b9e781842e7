package extism

import (
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/mesh-host/mesh-host/host/plugin/wasm"
)

// The kernel and the guest have one limit together, whichever of them grows.
func TestMemoriesShareTheLimit(t *testing.T) {
	t.Parallel()
	pools, err := wasm.New(wasm.Config{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := pools.Close(); err != nil {
			t.Error(err)
		}
	}()
	const mib = 1 << 20
	var used atomic.Int64
	r, err := newRoom(pools, 4*mib, pageSize, &used)
	if err != nil {
		t.Fatal(err)
	}
	defer r.release()
	kernel, own := &r.memories[0], &r.memories[1]
	for _, step := range []struct {
		of   *memory
		size uint64
		fits bool
	}{
		{kernel, mib, true}, {own, 3 * mib, true}, {own, 3*mib + pageSize, false}, {kernel, mib + pageSize, false},
		{own, 3 * mib, true}, {own, 4 * mib, false},
	} {
		if b := step.of.Reallocate(step.size); (b != nil) != step.fits || step.fits && uint64(len(b)) != step.size {
			t.Errorf("%d bytes beside %d: got %d", step.size, r.used-step.of.size, len(b))
		}
	}
	if r.used != 4*mib {
		t.Errorf("%d bytes are counted", r.used)
	}
}
