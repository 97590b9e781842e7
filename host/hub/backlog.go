package hub

import (
	"slices"
	"strconv"

	"github.com/mesh-host/mesh-host/host/protocol"
)

// backlog is what of a subscription waits: for the end of its holds, or for room
// in the outbox. Most subscriptions have none. The outbox's lock guards it.
type backlog struct {
	list []entry // in order
	size int     // the cost of all
	// newest, while conflating, is the place in list of the newest delivery of
	// each key. All of them are whole: what came before is gone.
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

// waiting returns a delivery as an entry; p is what of it will be pushed, as
// far as one can tell.
func (d *Delivery) waiting(p *protocol.Push, dialect protocol.Dialect) entry {
	return entry{*d, len(p.Frame(dialect)) + len(d.Key) + waitCost}
}

// wholly returns a delivery as an entry that builds on nothing.
func (d *Delivery) wholly(dialect protocol.Dialect) entry {
	e := *d
	e.Push, e.Whole = d.whole(), nil
	return e.waiting(e.Push, dialect)
}

// whole returns what a delivery is for those who have nothing of what came
// before.
func (d *Delivery) whole() *protocol.Push {
	if d.Whole != nil {
		return d.Whole
	}
	return d.Push
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
// how much the backlog has grown: less than 0, unless values are larger than all
// of the patches that they replace.
func (b *backlog) conflate(dialect protocol.Dialect) (grown int) {
	if b.newest != nil {
		return 0
	}
	list, size := b.list, b.size
	b.list, b.size, b.newest = nil, 0, make(map[string]int)
	for i := range list {
		b.newest[list[i].Key] = i
	}
	for i := range list {
		if d := &list[i].Delivery; b.newest[d.Key] == i {
			b.newest[d.Key] = len(b.list)
			b.list = append(b.list, d.wholly(dialect))
			b.size += b.list[len(b.list)-1].cost
		}
	}
	return b.size - size
}

// upTo returns how many of the list are not after a position: those until the
// last that it covers. What stands before that one is older, whatever its epoch.
func (b *backlog) upTo(p Position) int {
	n := len(b.list)
	for n > 0 && !p.covers(b.list[n-1].Position) {
		n--
	}
	return n
}

// cut drops the first n of the list and returns by how much the backlog has
// shrunk.
func (b *backlog) cut(n int) (shrunk int) {
	if n == 0 {
		return 0
	}
	for _, e := range b.list[:n] {
		shrunk += e.cost
	}
	b.list = slices.Delete(b.list, 0, n)
	b.size -= shrunk
	if b.newest != nil {
		clear(b.newest)
		b.compact()
	}
	return shrunk
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

// gapName is the name of the push that tells of a gap.
const gapName = "gap"

// gapPush returns the push that tells a client that pushes of a topic were
// dropped, up to and with a position.
func gapPush(t Topic, lost Position) *protocol.Push {
	payload := append(make([]byte, 0, 128), `{"kind":`...)
	payload = protocol.AppendString(payload, t.Kind.String())
	payload = protocol.AppendString(append(payload, `,"name":`...), t.Name)
	// Of others the server counts for itself.
	if (t.Kind == ChannelTopic || t.Kind == RecordTopic) && lost.numbered() {
		payload = protocol.AppendString(append(payload, `,"epoch":`...), lost.Epoch)
		payload = strconv.AppendInt(append(payload, `,"offset":`...), lost.Offset, 10)
	}
	return protocol.NewBuiltinPush(gapName, append(payload, '}'))
}
