package redis

import "context"

var (
	recordDue    = newScript("record_due")
	recordSettle = newScript("record_settle")
)

const (
	// expireBatch and settleBytes bound what one script settles, expireRounds
	// how many follow each other.
	expireBatch  = 100
	settleBytes  = 4 << 20
	expireRounds = 50
)

// expireRecords ends the records whose time has come. Run calls it all the time:
// it is one short script where there are none.
func (n *Node) expireRecords(ctx context.Context) error {
	for range expireRounds {
		due, err := n.eval(ctx, n.ledger, recordDue, expireBatch)
		if err != nil {
			return err
		}
		ids := due.texts()
		if len(ids) == 0 {
			return nil
		}
		if err := n.settleRecords(ctx, ids); err != nil {
			return err
		}
		if len(ids) < expireBatch/2 {
			return nil
		}
	}
	return nil
}

// settleRecords does to records what time has done, in their turn, so that what
// this node writes next is told after it. It may leave out the last ones.
func (n *Node) settleRecords(ctx context.Context, ids []string) error {
	turn, err := n.recordTurns.take(ctx, len(ids), func(i int) string { return ids[i] })
	if err != nil {
		return err
	}
	defer n.recordTurns.giveBack(turn)
	args := make([]any, 0, 1+len(ids))
	args = appendTexts(append(args, settleBytes), ids)
	settled, err := n.eval(context.WithoutCancel(ctx), n.ledger, recordSettle, args...)
	if err == nil {
		n.toldSettled(settled)
	}
	return err
}
