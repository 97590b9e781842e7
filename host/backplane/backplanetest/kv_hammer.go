package backplanetest

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// workers is how many a hammer has.
const workers = 8

// hammer runs work on every worker at once.
func hammer(work func(worker int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range workers {
		wg.Go(func() {
			<-start
			work(i)
		})
	}
	close(start)
	wg.Wait()
}

func hammerIncrement(s store) {
	seen := make([]atomic.Bool, workers*s.rounds+1)
	hammer(func(int) {
		for range s.rounds {
			sum, err := s.Increment(context.Background(), space, "n", 1, none)
			if err != nil || sum < 1 || int(sum) >= len(seen) || seen[sum].Swap(true) {
				s.Errorf("got %d (%v), or got it twice", sum, err)
				return
			}
		}
	})
	s.want("n", strconv.Itoa(workers*s.rounds))
}

func hammerOneWinner(s store) {
	for round := range s.rounds / 10 {
		key := "k" + strconv.Itoa(round)
		var winners atomic.Int32
		var winner atomic.Value
		hammer(func(worker int) {
			value := []byte(strconv.Itoa(worker))
			swapped, current, err := s.CompareAndSet(context.Background(), space, key, nil, value, none)
			switch {
			case err != nil:
				s.Error(err)
			case swapped:
				winners.Add(1)
				winner.Store(string(value))
			case current == nil:
				s.Error("lost against no one")
			}
		})
		if winners.Load() != 1 {
			s.Fatalf("%d winners", winners.Load())
		}
		s.want(key, winner.Load().(string))
	}
}

func hammerNoLostUpdate(s store) {
	s.set("n", "0", none)
	hammer(func(int) {
		for done := 0; done < s.rounds/10; {
			old, err := s.Get(context.Background(), space, "n")
			if err != nil {
				s.Error(err)
				return
			}
			n, _ := strconv.Atoi(string(old))
			swapped, _, err := s.CompareAndSet(context.Background(), space, "n", old, []byte(strconv.Itoa(n+1)), none)
			if err != nil {
				s.Error(err)
				return
			}
			if swapped {
				done++
			}
		}
	})
	s.want("n", strconv.Itoa(workers*(s.rounds/10)))
}

func hammerLimit(s store) {
	ctx := context.Background()
	w := backplane.Write{Limit: 5 * cost("1", "1")}
	hammer(func(int) {
		for range s.rounds {
			key := strconv.Itoa(rand.IntN(10))
			var err error
			if rand.IntN(3) == 0 {
				_, err = s.Delete(ctx, space, key)
			} else {
				err = s.Set(ctx, space, key, []byte("1"), w)
			}
			if err != nil && !errors.Is(err, backplane.ErrFull) {
				s.Error(err)
			}
			if used, err := s.Usage(ctx, space); err != nil || used < 0 || used > w.Limit {
				s.Errorf("usage is %d (%v), the limit %d", used, err, w.Limit)
			}
		}
	})
	var kept int64
	for i := range 10 {
		if s.get(strconv.Itoa(i)) != nil {
			kept += cost("1", "1")
		}
	}
	s.wantUsage(kept)
}

// hammerAll is for the race detector: every method on a few keys, some of
// which expire.
func hammerAll(s store) {
	ctx := context.Background()
	hammer(func(worker int) {
		for range s.rounds {
			key := strconv.Itoa(rand.IntN(4))
			w := backplane.Write{TTL: time.Duration(rand.IntN(2)) * time.Millisecond, Limit: 1 << 20}
			var err error
			switch rand.IntN(5) {
			case 0:
				_, err = s.Get(ctx, space, key)
			case 1:
				err = s.Set(ctx, space, key, []byte(strconv.Itoa(worker)), w)
			case 2:
				_, err = s.Delete(ctx, space, key)
			case 3:
				_, err = s.Increment(ctx, space, key, 1, w)
			case 4:
				_, _, err = s.CompareAndSet(ctx, space, key, nil, []byte("1"), w)
			}
			if err != nil {
				s.Error(err)
			}
		}
	})
	for i := range 4 {
		if _, err := s.Delete(ctx, space, strconv.Itoa(i)); err != nil {
			s.Error(err)
		}
	}
	s.wantUsage(0)
}
