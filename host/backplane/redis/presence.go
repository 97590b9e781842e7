package redis

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// presence implements backplane.Presence.
type presence struct{ node *Node }

var _ backplane.Presence = presence{}

var (
	enterScript    = newScript("presence_enter")
	exitScript     = newScript("presence_exit")
	stateScript    = newScript("presence_state")
	snapshotScript = newScript("presence_snapshot")
	expireScript   = newScript("presence_expire")
)

// Enter implements backplane.Presence.
func (p presence) Enter(ctx context.Context, room, connection string) (entered bool, err error) {
	return p.change(ctx, enterScript, room, connection, true)
}

// Exit implements backplane.Presence.
func (p presence) Exit(ctx context.Context, room, connection string) (exited bool, err error) {
	return p.change(ctx, exitScript, room, connection, false)
}

func (p presence) change(ctx context.Context, s *script, room, connection string, present bool) (changed bool, err error) {
	n := p.node
	r, err := n.eval(ctx, n.directory, s, room, connection, n.id)
	if err != nil {
		return false, err
	}
	if !r.yes() {
		return false, n.awaited(connection)
	}
	n.own.presence(room, connection, present)
	return true, nil
}

// SetState implements backplane.Presence.
func (p presence) SetState(ctx context.Context, room, connection string, state []byte, expireAfter time.Duration, silent bool) (bool, error) {
	n := p.node
	ttl := max(0, expireAfter+time.Millisecond-1) / time.Millisecond // rounded up, for 0 is forever
	r, err := n.eval(ctx, n.directory, stateScript,
		optional([]any{room, connection, int64(ttl), flag(silent), n.id}, state)...)
	if err != nil {
		return false, err
	}
	if !r.yes() {
		return false, n.awaited(connection)
	}
	n.own.state(room, connection, bytes.Clone(state), expireAfter)
	return true, nil
}

// Snapshot implements backplane.Presence.
func (p presence) Snapshot(ctx context.Context, room string) (backplane.Snapshot, error) {
	n := p.node
	r, err := n.eval(ctx, n.directory, snapshotScript, room)
	if err != nil {
		return backplane.Snapshot{}, err
	}
	all := r.list(3)
	shot := backplane.Snapshot{Seq: all[0].number(), Present: all[1].texts()}
	slices.Sort(shot.Present)
	states := all[2].list(0)
	if len(states) > 0 {
		shot.States = make(map[string][]byte, len(states)/2)
	}
	for i := 0; i+1 < len(states); i += 2 {
		shot.States[states[i].text()] = states[i+1].bytes()
	}
	return shot, nil
}

const (
	// endedBatch is how many states are cleared at once, while Redis does
	// nothing else, and endedBatches how often at a time.
	endedBatch   = 200
	endedBatches = 20
)

// expireStates clears the states that have ended by now, each with an event.
func (n *Node) expireStates(ctx context.Context) error {
	for range endedBatches {
		r, err := n.eval(ctx, n.directory, expireScript, endedBatch)
		if err != nil || r.number() < endedBatch {
			return err
		}
	}
	return nil
}
