package redis_test

import (
	"errors"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/backplanetest"
	"github.com/mesh-host/mesh-host/host/backplane/redis"
	"github.com/mesh-host/mesh-host/host/backplane/redis/redistest"
)

// A write that too few replicas have is not acknowledged; it is made all the
// same, and the node that has made it knows.
func TestWriteThatNoReplicaHas(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	c := &cluster{t, redis.Options{Addresses: []string{s.Addr}, Lease: time.Minute, Replicas: 1, Timeout: 400 * time.Millisecond}}
	n := c.Node("a")
	heard := newWroteRecorder()
	n.Attach(heard)
	ctx := t.Context()
	write := backplane.RecordWrite{ID: "r", Value: []byte("1"), Tombstone: time.Hour}
	if _, _, err := n.Records().Commit(ctx, []backplane.RecordWrite{write}, 0); !errors.Is(err, backplane.ErrUnavailable) {
		t.Errorf("acknowledged: %v", err)
	}
	if r, err := n.Records().Get(ctx, "r"); err != nil || string(r.Value) != "1" || r.Number != 1 {
		t.Errorf("the record is %+v, %v", r, err)
	}
	if len(heard.wrote) != 1 || heard.wrote[0].Number != 1 {
		t.Errorf("the node was told of %+v", heard.wrote)
	}
}

// wroteRecorder keeps what Wrote has told.
type wroteRecorder struct {
	*backplanetest.Recorder
	wrote []backplane.RecordChange
}

func newWroteRecorder() *wroteRecorder {
	return &wroteRecorder{Recorder: backplanetest.NewRecorder()}
}

// Wrote implements backplane.Receiver.
func (r *wroteRecorder) Wrote(c backplane.RecordChange) { r.wrote = append(r.wrote, c) }
