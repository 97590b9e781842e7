package redis

import (
	"context"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// bus implements backplane.Bus.
type bus struct{ node *Node }

var _ backplane.Bus = bus{}

// Subscribe implements backplane.Bus. Each kind of topic has a handler. While Redis
// is known to be away nobody waits for a subscription to begin: the lane itself may
// learn later of it.
func (b bus) Subscribe(ctx context.Context, t backplane.Topic) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sh, channel, h := b.node.topic(t)
	if begun := sh.lane.find(channel); begun == nil || !begun.settled() {
		if err := sh.link.breaker.why(); err != nil {
			return err
		}
	}
	return sh.lane.subscribe(ctx, channel, h)
}

// Unsubscribe implements backplane.Bus.
func (b bus) Unsubscribe(ctx context.Context, t backplane.Topic) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sh, channel, _ := b.node.topic(t)
	sh.lane.unsubscribe(channel)
	return nil
}

// topic returns where a topic is published, and who takes it.
func (n *Node) topic(t backplane.Topic) (sh *shard, channel string, h handler) {
	switch t.Kind {
	case backplane.Channel:
		sh = n.spread(t.Name)
		return sh, sh.channel("channel", t.Name), newChannelHandler(n, t.Name)
	case backplane.PresenceOf:
		return n.directory, n.directory.channel("presence", t.Name), newPresenceHandler(n, t.Name)
	case backplane.RecordOf:
		return n.ledger, n.ledger.channel("record", t.Name), newRecordHandler(n, t.Name)
	}
	return n.ledger, n.ledger.base + "records", newRecordsHandler(n)
}

var instructScript = newScript("instruct")

// scopes are the scopes of audiences as the script knows them.
var scopes = map[backplane.Scope]string{
	backplane.Listed: "listed", backplane.InRoom: "room", backplane.OfUser: "user", backplane.Everyone: "everyone",
}

// Instruct implements backplane.Bus. It goes to the nodes that have connections
// of the audience, as Redis knows them. It counts those that this node's receiver
// has reached, and those that Redis knows to be connected elsewhere.
//
// What goes to listed connections that are all this node's own takes no way
// through Redis, and reaches them also while that is away. It is still after all
// that the same caller has sent before: those calls have returned only when this
// node had handled them.
func (b bus) Instruct(ctx context.Context, to backplane.Audience, what backplane.Instruction) (reached int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	n := b.node
	if to.Scope == backplane.Listed && n.own.all(to.Names) {
		if r := n.to(); r != nil {
			reached = r.Instruct(to, what)
		}
		return reached, nil
	}
	token := n.lease.token()
	answer, forget := n.inbox.ask(token)
	defer forget()
	args := make([]any, 0, 5+len(to.Names)+len(to.Except))
	args = append(args, n.id, token, appendInstruction(nil, to, what), scopes[to.Scope], len(to.Names))
	args = appendTexts(appendTexts(args, to.Names), to.Except)
	r, err := n.eval(ctx, n.directory, instructScript, args...)
	if err != nil {
		return 0, err
	}
	all := r.list(2)
	if err := n.inbox.handled(ctx, all[0].number()); err != nil {
		return 0, err
	}
	return answer() + int(all[1].number()), nil
}
