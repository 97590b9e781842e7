package hub

import (
	"strconv"

	"github.com/mesh-host/mesh-host/host/protocol"
)

// backlog is what of a subscription waits: for its release, or for room in the
// outbox. Most subscriptions have none. The outbox's lock guards it.
type backlog struct {
	list []entry // in order
	size int     // the cost of all
	// newest, while conflating, is the place in list of the newest delivery of
	// each key.
	newest   map[string]int
	replaced int // so many entries of list are empty

	// gap says that deliveries were dropped after those in list; lost is the
	// newest of them that has a position, and unnumbered says that some had
	// none.
	gap, unnumbered bool
	lost            Position
}

// entry is a delivery that waits, without Push once a newer one has replaced
// it. cost is what it counts for against the outbox's limit.
type entry struct {
	Delivery
	cost int
}

// waitCost is about what an entry takes beside its frame and key, in bytes.
const waitCost = 64

func (d *Delivery) cost(dialect protocol.Dialect) int {
	return len(d.Push.Frame(dialect)) + len(d.Key) + waitCost
}

// len is how many deliveries wait.
func (b *backlog) len() int { return len(b.list) - b.replaced }

// add appends a delivery and returns by how much the backlog has grown.
func (b *backlog) add(e entry) (grown int) {
	grown = e.cost
	if b.newest != nil {
		if i, ok := b.newest[e.Key]; ok {
			grown -= b.list[i].cost
			b.list[i] = entry{}
			b.replaced++
		}
		if b.replaced > 16 && b.replaced > len(b.list)/2 {
			b.compact()
		}
		b.newest[e.Key] = len(b.list)
	}
	b.list = append(b.list, e)
	b.size += grown
	return grown
}

// compact drops the empty entries.
func (b *backlog) compact() {
	kept := b.list[:0]
	for _, e := range b.list {
		if e.Push != nil {
			b.newest[e.Key] = len(kept)
			kept = append(kept, e)
		}
	}
	clear(b.list[len(kept):])
	b.list, b.replaced = kept, 0
}

// conflate keeps the newest delivery of each key from now on, and returns by
// how much the backlog has grown: never more than 0.
func (b *backlog) conflate() (grown int) {
	if b.newest != nil {
		return 0
	}
	list, size := b.list, b.size
	b.list, b.size, b.newest = nil, 0, make(map[string]int)
	for _, e := range list {
		b.add(e)
	}
	return b.size - size
}

// lose takes note of a delivery that was dropped.
func (b *backlog) lose(p Position) {
	b.gap = true
	if p.numbered() {
		b.lost = p
	} else {
		b.unnumbered = true
	}
}

// loseAll takes note of what was dropped after what other had.
func (b *backlog) loseAll(other *backlog) {
	b.lose(other.lost)
	b.unnumbered = b.unnumbered || other.unnumbered
}

// missed reports whether one who has everything up to p has missed anything
// that was dropped.
func (b *backlog) missed(p Position) bool {
	return b.gap && (b.unnumbered || !p.covers(b.lost))
}

// gapName is the name of the push that tells of a gap.
const gapName = "gap"

// gapPush returns the push that tells a client that pushes of a topic were
// dropped, up to and with a position.
func gapPush(t Topic, lost Position) *protocol.Push {
	payload := append(make([]byte, 0, 128), `{"kind":`...)
	payload = protocol.AppendString(payload, t.Kind.String())
	payload = protocol.AppendString(append(payload, `,"name":`...), t.Name)
	if t.Kind == ChannelTopic && lost.numbered() { // others count for themselves
		payload = protocol.AppendString(append(payload, `,"epoch":`...), lost.Epoch)
		payload = strconv.AppendInt(append(payload, `,"offset":`...), lost.Offset, 10)
	}
	return protocol.NewBuiltinPush(gapName, append(payload, '}'))
}
