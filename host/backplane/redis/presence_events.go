package redis

import (
	"context"
	"strconv"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// presenceHandler delivers the changes of presence in a room.
type presenceHandler struct {
	node *Node
	room string
	seq  int64 // of the last event that has been delivered
}

func newPresenceHandler(n *Node, room string) handler {
	return &presenceHandler{node: n, room: room}
}

// begin implements handler.
func (h *presenceHandler) begin(ctx context.Context) (answered, error) {
	last, err := h.last(ctx)
	return func(context.Context) error {
		h.seq = last
		return nil
	}, err
}

// last returns the number of the room's last event, 0 where there has been none
// for as long as it is known.
func (h *presenceHandler) last(ctx context.Context) (int64, error) {
	r, err := h.node.ask(ctx, "GET", "room-seq:"+h.room)
	return r.number(), err
}

// deliver implements handler. What is no event has not come from a node.
func (h *presenceHandler) deliver(text string) {
	e, ok := parsePresence(text)
	to := h.node.to()
	if !ok || e.Seq <= h.seq || to == nil {
		return
	}
	h.seq = e.Seq
	e.Room = h.room
	to.Presence(e)
}

// parsePresence reads what tell() of lua/presence.lua has written.
func parsePresence(text string) (e backplane.PresenceEvent, ok bool) {
	all, ok := fields(text, 5)
	if !ok {
		return e, false
	}
	change, err := strconv.ParseUint(all[3].text, 10, 8)
	e = backplane.PresenceEvent{
		Seq: all[0].number(), Time: all[1].number(), Connection: all[2].text,
		Change: backplane.Change(change), State: all[4].bytes(),
	}
	return e, err == nil && e.Change >= backplane.Joined && e.Change <= backplane.StateSet
}

// roomMemory is how long the number of a room's last event is surely known after
// the room's end, somewhat less than Redis keeps it.
const roomMemory = 50 * time.Second

// resume implements handler. Events are not kept, so those that were missed are
// lost.
func (h *presenceHandler) resume(ctx context.Context, away time.Duration) (answered, error) {
	last, err := h.last(ctx)
	foreign := isForeign(err)
	if err != nil && !foreign {
		return nil, err
	}
	missed := foreign || last != h.seq || last == 0 && away > roomMemory
	return func(context.Context) error {
		h.seq = last
		if to := h.node.to(); missed && to != nil {
			to.Lost(backplane.Topic{Kind: backplane.PresenceOf, Name: h.room})
		}
		return nil
	}, nil
}
