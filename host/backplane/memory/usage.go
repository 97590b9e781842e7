package memory

import (
	"context"
	"sync/atomic"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// space counts the bytes of a namespace. One that holds nothing is retired and
// forgotten, so that names which come and go leave nothing behind.
type space struct{ used atomic.Int64 }

// retired marks a space that is no longer to be found under its name.
const retired = -1

// reserve accounts for growth bytes in a namespace, or fails with ErrFull.
func (v *values) reserve(namespace string, growth, limit int64) (*space, error) {
	for {
		s := v.space(namespace)
		for used := s.used.Load(); used != retired; used = s.used.Load() {
			if growth > 0 && limit > 0 && used+growth > limit {
				v.retire(namespace, s)
				return nil, backplane.ErrFull
			}
			if s.used.CompareAndSwap(used, used+growth) {
				return s, nil
			}
		}
		v.spaces.CompareAndDelete(namespace, s)
	}
}

func (v *values) space(namespace string) *space {
	if s, ok := v.spaces.Load(namespace); ok {
		return s.(*space)
	}
	s, _ := v.spaces.LoadOrStore(namespace, new(space))
	return s.(*space)
}

func (v *values) giveBack(namespace string, s *space, bytes int64) {
	if s.used.Add(-bytes) == 0 {
		v.retire(namespace, s)
	}
}

// retire forgets a space if nothing is in it.
func (v *values) retire(namespace string, s *space) {
	if s.used.CompareAndSwap(0, retired) {
		v.spaces.CompareAndDelete(namespace, s)
	}
}

// Usage implements backplane.KV.
func (v *values) Usage(ctx context.Context, namespace string) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s, ok := v.spaces.Load(namespace)
	if !ok {
		return 0, nil
	}
	return max(0, s.(*space).used.Load()), nil
}
