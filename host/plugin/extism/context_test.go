package extism_test

import (
	"errors"
	"testing"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/plugin/guest"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

func TestExpiredContextHasNoValues(t *testing.T) {
	t.Parallel()
	var l *plugintest.Lingering
	h := newHostWith(t, func(operations operation.Table) { l = plugintest.NewLingering(operations, abi.OpKVGet) }, "ask")
	p, _ := h.start(t, plugintest.Fixture(t, "extism-puppet"), nil)
	err := p.Handler(0).Call(l, command, new(receiver))
	if !errors.Is(err, guest.ErrTimeout) {
		t.Fatal(err)
	}
	l.Check(t)
}
