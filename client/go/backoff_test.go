package client

import (
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	t.Parallel()
	c := &Client{options: Options{ReconnectInterval: 2 * time.Second, ReconnectMax: 30 * time.Second}}
	for _, tt := range []struct {
		rounds int
		atOnce bool
		bound  time.Duration
	}{{0, false, 2 * time.Second}, {1, false, 4 * time.Second}, {3, false, 16 * time.Second}, {4, false, 30 * time.Second}, {1000, false, 30 * time.Second}, {0, true, 500 * time.Millisecond}} {
		var low, high time.Duration = time.Hour, 0
		for range 1000 {
			d := c.backoff(tt.rounds, tt.atOnce)
			low, high = min(low, d), max(high, d)
		}
		if low < 0 || low > tt.bound/10 || high > tt.bound || high < tt.bound*9/10 {
			t.Errorf("%+v: from %v to %v", tt, low, high)
		}
	}
}
