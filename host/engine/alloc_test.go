//go:build !race

package engine_test

import (
	"testing"

	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/hub"
)

// The race detector makes pools forget on purpose.

func TestSendToFewAllocatesNothing(t *testing.T) {
	e, h := newEngine(engine.Limits{})
	ids := []string{"unknown", connect(t, h, hub.Info{}).ID()}
	exclude := []string{ids[1]}
	payload := []byte(`{"text":"hello"}`)
	n := testing.AllocsPerRun(100, func() { _, _ = e.SendTo(ids, exclude, "news", payload) })
	if n != 0 {
		t.Errorf("SendTo allocates %v times", n)
	}
}
