package redis

import (
	"context"
	"slices"
	"time"
)

var (
	positionScript  = newScript("node_position")
	reconcileScript = newScript("node_reconcile")
)

// reconcileBatch is how many connections one script compares with Redis, and
// reconcileAtOnce how many scripts are under way at a time.
const (
	reconcileBatch  = 50
	reconcileAtOnce = 16
)

const lostInstructions = "the server has lost the order of what it was told to do"

// resume implements handler.
func (x *inbox) resume(ctx context.Context, _ time.Duration) (answered, error) {
	now, err := x.inRedis(ctx)
	return func(ctx context.Context) error { return x.catchUp(ctx, now) }, err
}

// catchUp makes up for what was missed. What was told of memberships and metadata meanwhile
// is made up for by reading them. What was to be done to sessions is not: if
// there was any of that, the sessions are closed. So they are where the node was
// taken for dead after it had missed something: what that was went with all else
// that Redis knew of them. A node that Redis has no number
// of has no place there any more; it takes a new one beside, and registers its
// connections. A number below the one that was seen says that Redis has lost the
// end of what it was told, and is what the next ones follow; so may the same
// number, or one above it, if Redis has another history.
func (x *inbox) catchUp(ctx context.Context, now sent) error {
	n := x.node
	x.mu.Lock()
	known, heard, isOther := max(x.seen, x.start), x.instructed, now.history != x.history
	x.mu.Unlock()
	if now.buried > known {
		n.giveUp(n.own.ids(), lostInstructions)
	}
	if now.last != 0 && (now.last != known || isOther) {
		if err := x.reconcile(ctx); err != nil {
			return err
		}
	}
	if now.instructed > known || isOther && now.instructed != 0 && now.instructed != heard {
		n.closeOwn(lostInstructions)
	}
	x.found(now)
	n.lease.poke()
	n.lease.mend()
	return nil
}

// sent is what Redis says of an inbox: the numbers of the last frame, of the last
// instruction, and of the last frame before the node was taken for dead, 0 for
// none; and the name of the server's history.
type sent struct {
	last, instructed, buried int64
	history                  string
}

func (x *inbox) inRedis(ctx context.Context) (sent, error) {
	r, err := x.node.eval(ctx, x.node.directory, positionScript, x.node.id)
	all := r.list(4)
	return sent{all[0].number(), all[1].number(), all[3].number(), all[2].text()}, err
}

// found notes that frames come in again, after the last one.
func (x *inbox) found(now sent) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.up, x.begun = true, true
	x.instructed, x.history = now.instructed, now.history
	if now.last != 0 {
		x.seen, x.start = now.last, now.last
	}
}

// mend makes up for the frames between the last one and that of a number, which
// are missing though no connection was lost.
func (x *inbox) mend(number int64) {
	n := x.node
	n.log.Warn("frames are missing", "node", n.id, "before", number)
	ctx, cancel := context.WithTimeout(context.Background(), n.options.Timeout)
	defer cancel()
	if err := x.reconcile(ctx); err != nil {
		n.log.Warn("memberships could not be read anew", "error", err)
	}
	n.closeOwn(lostInstructions)
}

// reconcile compares what is known of the node's connections with Redis, and
// tells the receiver how they differ. Connections that Redis does not have are
// left to restore.
func (x *inbox) reconcile(ctx context.Context) error {
	for some := range slices.Chunk(x.node.own.ids(), reconcileBatch*reconcileAtOnce) {
		batches := slices.Collect(slices.Chunk(some, reconcileBatch))
		answers := make([]reply, len(batches))
		err := together(len(batches), func(i int) (err error) {
			answers[i], err = x.compare(ctx, batches[i])
			return err
		})
		if err != nil {
			return err
		}
		for i, ids := range batches {
			all := answers[i].list(1 + len(ids))
			for j, id := range ids {
				x.correct(id, all[0].number(), all[1+j])
			}
		}
	}
	return nil
}

// compare reads what Redis has of connections.
func (x *inbox) compare(ctx context.Context, ids []string) (reply, error) {
	return x.node.eval(ctx, x.node.directory, reconcileScript, appendTexts([]any{x.node.id}, ids)...)
}

// correct tells the receiver how a connection is not as it was thought to be.
func (x *inbox) correct(id string, number int64, found reply) {
	if !found.there() {
		x.node.own.missing(id, number)
		return
	}
	about := found.list(2)
	flags := about[1].list(0)
	rooms := make(map[string]bool, len(flags)/2)
	for i := 0; i+1 < len(flags); i += 2 {
		rooms[flags[i].text()] = flags[i+1].text() == "1"
	}
	d := x.node.own.correct(id, number, about[0].bytes(), rooms)
	to := x.node.to()
	if to == nil {
		return
	}
	if d.isOtherMetadata {
		to.Metadata(id, d.metadata)
	}
	for _, room := range d.left {
		to.Member(room, id, false, "")
	}
	for _, room := range d.joined {
		to.Member(room, id, true, "")
	}
}
