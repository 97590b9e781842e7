package redis

import (
	"context"
	"hash/maphash"
	"slices"
)

// recordStripes is how many turns the records of a node share.
const recordStripes = 512

// recordTurns has the changes of one record that this node makes come one after
// the other, so that the receiver is told of them in the order of versions.
type recordTurns struct {
	seed    maphash.Seed
	stripes [recordStripes]chan struct{} // full while it is someone's turn
}

func (t *recordTurns) init() {
	t.seed = maphash.MakeSeed()
	for i := range t.stripes {
		t.stripes[i] = make(chan struct{}, 1)
	}
}

func (t *recordTurns) stripe(id string) int {
	return int(maphash.String(t.seed, id) % recordStripes)
}

// take waits for the turn of all records; the turns that it returns are given
// back together. They are taken in one order, so that no two wait for each other.
func (t *recordTurns) take(ctx context.Context, count int, id func(int) string) ([]int, error) {
	taken := make([]int, count)
	for i := range taken {
		taken[i] = t.stripe(id(i))
	}
	slices.Sort(taken)
	taken = slices.Compact(taken)
	for i, stripe := range taken {
		select {
		case t.stripes[stripe] <- struct{}{}:
		case <-ctx.Done():
			t.giveBack(taken[:i])
			return nil, ctx.Err()
		}
	}
	return taken, nil
}

func (t *recordTurns) giveBack(taken []int) {
	for _, stripe := range taken {
		<-t.stripes[stripe]
	}
}
