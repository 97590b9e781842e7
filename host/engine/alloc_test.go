//go:build !race

package engine_test

import (
	"testing"

	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/hub"
)

// The race detector makes pools forget on purpose.

func TestReceiversCostNoAllocation(t *testing.T) {
	e, _ := newEngine(engine.Limits{})
	payload := []byte(`{"text":"hello"}`)
	ids := []string{"unknown", e.connect(t, hub.Info{}).ID()}
	cost := func() float64 {
		exclude := ids[:1]
		return testing.AllocsPerRun(100, func() { _, _ = e.send(ids, exclude, "news", payload) })
	}
	one := cost()
	for range 10 {
		ids = append(ids, e.connect(t, hub.Info{}).ID())
	}
	if many := cost(); many > one || one > 4 {
		t.Errorf("SendTo allocates %v times for one and %v times for eleven", one, many)
	}
}
