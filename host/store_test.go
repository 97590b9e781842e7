package host_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/host"
)

// New epochs are for what a store has kept, so there has to be one.
func TestNewEpochs(t *testing.T) {
	t.Parallel()
	c := embedded(t)
	var wrong *host.KeyError
	if _, err := host.New(c, new(log).logger(), host.WithNewEpochs()); !errors.As(err, &wrong) || wrong.Key != "store.path" {
		t.Errorf("without a store New returns %v", err)
	}
	c.Store.Path = t.TempDir()
	for _, options := range [][]host.Option{nil, {host.WithNewEpochs()}} {
		l := new(log)
		server, err := host.New(c, l.logger(), options...)
		if err != nil {
			t.Fatal(err)
		}
		if said := strings.Contains(l.text.String(), `new epochs, and no patches" records=0 streams=0`); said != (options != nil) {
			t.Errorf("with %d options the log is %s", len(options), &l.text)
		}
		end(t, server)
	}
}

// end runs a server for no time.
func end(t *testing.T, server *host.Server) {
	t.Helper()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := server.Run(ended); err != nil {
		t.Error(err)
	}
}
