package client

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"
)

// Whether the connection ends or the client, or both: each request is answered once.
func TestDemandIsAnsweredOnce(t *testing.T) {
	t.Parallel()
	for range 1_000 {
		k := &conn{out: make(chan []byte), ended: make(chan struct{}), waiting: make(map[uint64]func(json.RawMessage, error))}
		ctx, cancel := context.WithCancel(context.Background())
		replies := 0
		var mu sync.Mutex
		var wg sync.WaitGroup
		wg.Go(func() {
			k.demand(ctx, time.Minute, "x", nil, func(json.RawMessage, error) {
				mu.Lock()
				replies++
				mu.Unlock()
			})
		})
		wg.Go(func() { // as the end of the client does
			cancel()
			k.end(errors.New("over"))
		})
		wg.Wait()
		if replies != 1 {
			t.Fatalf("%d replies", replies)
		}
	}
}
