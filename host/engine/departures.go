package engine

import (
	"context"
	"sync"
	"time"

	"github.com/mesh-host/mesh-host/abi"
)

// A connection whose end the store could not be told of, since it was away, would
// stay in it, and in its rooms, as long as this node lives. It is told once the
// store is back; until then the node keeps the client, for the hooks.

const (
	// departurePause is how long the store is left alone after it did not answer.
	departurePause = time.Second
	// departuresAtOnce is how many are told of side by side.
	departuresAtOnce = 64
	// maxDoubts bounds the connections that were refused because the store did
	// not answer, although it may have taken them. While it is known to be away
	// nothing reaches it, so that the first ones are those that count.
	maxDoubts = 4096
)

// departures are the connections whose end is still to be told. It is safe for
// concurrent use.
type departures struct {
	mu     sync.Mutex
	gone   map[string]struct{}
	doubts int           // how many were put in doubt and are not told yet, at most
	added  chan struct{} // holds a value where gone may not be empty
}

func (d *departures) init() {
	d.gone = make(map[string]struct{})
	d.added = make(chan struct{}, 1)
}

func (d *departures) add(id string) {
	d.mu.Lock()
	d.gone[id] = struct{}{}
	d.mu.Unlock()
	select {
	case d.added <- struct{}{}:
	default:
	}
}

// doubt is add for a connection that may not be there at all.
func (d *departures) doubt(id string) {
	d.mu.Lock()
	full := d.doubts >= maxDoubts
	if !full {
		d.doubts++
	}
	d.mu.Unlock()
	if !full {
		d.add(id)
	}
}

// some returns up to n of them.
func (d *departures) some(n int) (ids []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id := range d.gone {
		if len(ids) == n {
			break
		}
		ids = append(ids, id)
	}
	return ids
}

func (d *departures) told(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if delete(d.gone, id); len(d.gone) == 0 {
		d.doubts = 0
	}
}

// watchDepartures tells the store of the ends that it does not know of, until ctx
// is done.
func (e *Engine) watchDepartures(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.departures.added:
		}
		for n := 1; ; {
			ids := e.departures.some(n)
			if len(ids) == 0 {
				break
			}
			if n = departuresAtOnce; !e.depart(ctx, ids) {
				n = 1 // one is enough to see whether it is back
				select {
				case <-ctx.Done():
					return
				case <-time.After(departurePause):
				}
			}
		}
	}
}

// depart tells the store of some ends and reports whether it took all.
func (e *Engine) depart(ctx context.Context, ids []string) bool {
	results := make([]bool, len(ids))
	var telling sync.WaitGroup
	for i, id := range ids {
		telling.Go(func() { results[i] = e.departed(ctx, id) })
	}
	telling.Wait()
	for _, ok := range results {
		if !ok {
			return false
		}
	}
	return true
}

// departed tells the store of one end, and reports whether that is done with.
func (e *Engine) departed(ctx context.Context, id string) bool {
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	_, _, err := e.node.Connections().Remove(ctx, id, abi.LeftByDisconnect)
	if err != nil {
		e.failed("connection not removed from the backplane", err, "connection", id)
		if isAway(err) {
			return false
		}
	}
	e.forget(id)
	e.departures.told(id)
	return true
}

// forget lets go of a client whose end the store has been told of. That it has left
// its rooms this node knows by now, unless it has been cut off meanwhile: the hooks
// are to be told in any case.
func (e *Engine) forget(id string) {
	c := e.clients.get(id)
	if c == nil {
		return
	}
	for _, room := range c.mark(func(*membership) bool { return true }) {
		receiver{e}.Member(room, id, false, abi.LeftByDisconnect)
	}
	e.clients.remove(id)
}
