package engine

import (
	"errors"
	"sync/atomic"
	"testing"
)

func TestAsk(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 7, 8, 100, 1000} {
		asked := make([]atomic.Int32, n)
		if err := ask(n, func(i int) error { asked[i].Add(1); return nil }); err != nil {
			t.Error(err)
		}
		for i := range asked {
			if asked[i].Load() != 1 {
				t.Errorf("%d of %d was asked %d times", i, n, asked[i].Load())
			}
		}
	}
	broken, calls := errors.New("broken"), atomic.Int32{}
	err := ask(10_000, func(i int) error {
		if calls.Add(1); i == 20 {
			return broken
		}
		return nil
	})
	if !errors.Is(err, broken) || calls.Load() == 10_000 {
		t.Errorf("%v after %d calls", err, calls.Load())
	}
}
