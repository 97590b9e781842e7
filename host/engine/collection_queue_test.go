package engine

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestPartiesTakeTurns has one worker, which all others wait for.
func TestPartiesTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var all tasks
		defer all.wait()
		var order []string
		r := runs{tasks: &all, workers: maxRuns - 1}
		r.do = func(one *run) time.Duration {
			pause(time.Millisecond)
			order = append(order, one.collection.id)
			return 0
		}
		parties := make([]party, 3)
		for i, n := range []int{4, 1, 2} {
			for k := range n {
				r.put(&run{collection: &collection{id: fmt.Sprint(i, k)}}, &parties[i])
			}
		}
		all.wait()
		if want := []string{"0 0", "1 0", "2 0", "0 1", "2 1", "0 2", "0 3"}; !slices.Equal(order, want) {
			t.Errorf("the order is %q, want %q", order, want)
		}
	})
}

// TestARunComesOnceMore puts one that waits, and one that is under way.
func TestARunComesOnceMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var all tasks
		defer all.wait()
		n, p, one := 0, new(party), &run{}
		r := runs{tasks: &all}
		r.do = func(*run) time.Duration {
			if n++; n == 1 {
				for range 3 {
					r.put(one, p)
				}
			}
			return 0
		}
		r.put(one, p)
		r.put(one, p)
		synctest.Wait()
		if n != 2 || one.state != resting || p.taken || r.workers != 0 || len(r.ready) != 0 {
			t.Errorf("%d runs; %+v, %+v, %d workers", n, one, p, r.workers)
		}
	})
}

func TestPaceIsDebtThatTimePays(t *testing.T) {
	t.Parallel()
	at := time.Unix(100, 0)
	var p pace
	if left := p.left(at); left != 0 {
		t.Errorf("without a debt %v are left", left)
	}
	for i, test := range []struct{ after, debt, want time.Duration }{
		{0, time.Second, 0},
		{0, time.Second, time.Second},
		{500 * time.Millisecond, 0, 500 * time.Millisecond},
		{time.Second, 0, 0},
		{time.Hour, 3 * time.Second, 2 * time.Second},
		{0, time.Hour, pacePause},
		{pacePause, 0, 0},
	} {
		at = at.Add(test.after)
		p.charge(at, test.debt)
		if got := p.left(at); got != test.want {
			t.Errorf("%d: %v are left, want %v", i, got, test.want)
		}
	}
}
