package redis

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// What waits for a slow server is bounded, also where each of it is large.
func TestPipeIsBounded(t *testing.T) {
	t.Parallel()
	p := pipe{wake: make(chan struct{}, 1)}
	large := []any{strings.Repeat("x", mostBytesWaiting/16)} // one text for all
	put := func() error { return p.put(newRequest(context.Background(), source{}, "", large)) }
	for range 3 {
		for i := range 16 {
			if err := put(); err != nil {
				t.Fatalf("request %d: %v", i, err)
			}
		}
		if err := put(); !errors.Is(err, errCrowded) {
			t.Fatalf("too many were taken: %v", err)
		}
		for range 16 {
			p.take(nil)
		}
		if p.bytes != 0 || len(p.waiting) != 0 {
			t.Fatalf("%d wait, with %d bytes", len(p.waiting), p.bytes)
		}
	}
	// What keeps the lease is taken nevertheless, and goes first.
	for range 16 {
		if err := put(); err != nil {
			t.Fatal(err)
		}
	}
	lease := newRequest(context.Background(), source{}, "", nil)
	lease.urgent = renewScript.urgent
	if err := p.put(lease); err != nil {
		t.Error(err)
	}
	if batch := p.take(nil); len(batch) == 0 || batch[0] != lease {
		t.Error("others go before the lease")
	}
	p.refuse(errClosed)
	if err := put(); !errors.Is(err, errClosed) {
		t.Error(err)
	}
}
