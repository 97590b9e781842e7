package redis_test

import (
	"context"
	"hash/fnv"
	"strings"
	"sync"
	"testing"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// facts are what was seen at positions, by whomever: that never is two things.
type facts struct {
	t    *testing.T
	mu   sync.Mutex
	seen map[position]uint64
}

// position is a version of a record or an offset of a channel.
type position struct {
	kind, name, epoch string
	number            int64
}

func newFacts(t *testing.T) *facts {
	t.Helper()
	return &facts{t: t, seen: make(map[position]uint64)}
}

// see notes what is at a position. Without an epoch it is none.
func (f *facts) see(kind, name, epoch string, number int64, text string) {
	if epoch == "" {
		return
	}
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(text))
	at := position{kind, name, epoch, number}
	f.mu.Lock()
	defer f.mu.Unlock()
	if before, known := f.seen[at]; known && before != sum.Sum64() {
		f.t.Errorf("two texts were seen at %+v; one ends in %q", at, text[max(0, len(text)-40):])
	}
	f.seen[at] = sum.Sum64()
}

// follower is a node that follows all records and channels of chaos. It is the
// node's receiver.
type follower struct {
	node  backplane.Node
	chaos *chaos

	mu       sync.Mutex
	records  map[string]*recordTrack
	channels map[string]*channelTrack
	wrote    map[position]bool
	lost     int
}

var _ backplane.Receiver = (*follower)(nil)

// recordTrack is what a follower knows of a record.
type recordTrack struct {
	last   backplane.Record
	lost   bool            // something may be missing after last
	epochs map[string]bool // those that it was in
}

// channelTrack is what a follower knows of a channel.
type channelTrack struct {
	last backplane.Position
	lost bool            // something may be missing after last
	seen map[string]bool // by text
	// missed says that something was lost at some time.
	missed bool
	// left are the last positions of epochs that another one has followed without
	// anything being told lost.
	left   []backplane.Position
	epochs map[string]bool
}

// follow has a node follow everything: one node all records as such, the others
// each of them.
func (s *chaos) follow(n backplane.Node, i int) *follower {
	s.Helper()
	f := &follower{
		node: n, chaos: s, wrote: make(map[position]bool),
		records: make(map[string]*recordTrack), channels: make(map[string]*channelTrack),
	}
	n.Attach(f)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { n.Run(ctx) })
	s.Cleanup(func() {
		cancel()
		running.Wait()
	})
	var topics []backplane.Topic
	for _, id := range chaosRecords {
		f.records[id] = &recordTrack{epochs: make(map[string]bool)}
		if i != 1 {
			topics = append(topics, backplane.Topic{Kind: backplane.RecordOf, Name: id})
		}
	}
	if i == 1 {
		topics = append(topics, backplane.Topic{Kind: backplane.AllRecords})
	}
	for _, name := range chaosChannels {
		f.channels[name] = &channelTrack{seen: make(map[string]bool), epochs: make(map[string]bool)}
		topics = append(topics, backplane.Topic{Kind: backplane.Channel, Name: name})
	}
	for _, topic := range topics {
		if err := n.Bus().Subscribe(context.Background(), topic); err != nil {
			s.Fatalf("subscribe to %+v: %v", topic, err)
		}
	}
	return f
}

// Record implements backplane.Receiver: changes follow each other, save that one
// without a patch stands for those before it.
func (f *follower) Record(c backplane.RecordChange) {
	f.chaos.facts.see("record", c.ID, c.Epoch, c.Number, string(c.Value))
	f.mu.Lock()
	defer f.mu.Unlock()
	of := f.records[c.ID]
	if of == nil {
		f.chaos.Errorf("%s: a change of %q", f.node.ID(), c.ID)
		return
	}
	last := of.last
	switch {
	case c.Epoch != last.Epoch:
		if of.epochs[c.Epoch] {
			f.chaos.Errorf("%s: %s came back to epoch %s", f.node.ID(), c.ID, c.Epoch)
		}
	case c.Number <= last.Number:
		f.chaos.Errorf("%s: %s: %+v came after %+v", f.node.ID(), c.ID, c.Version, last.Version)
	case c.Number > last.Number+1:
		if c.Patch != nil && !of.lost {
			f.chaos.Errorf("%s: %s: %+v came after %+v, as if it followed", f.node.ID(), c.ID, c.Version, last.Version)
		}
	case c.Patch != nil && string(c.Value) != string(last.Value)+string(c.Patch):
		f.chaos.Errorf("%s: %s: the patch %q of %+v is not one", f.node.ID(), c.ID, c.Patch, c.Version)
	}
	of.last, of.lost = c.Record, false
	of.epochs[c.Epoch] = true
}

// Message implements backplane.Receiver: messages follow each other unless what
// came between was told lost.
func (f *follower) Message(name string, m backplane.Message) {
	text := string(m.Data)
	f.chaos.facts.see("channel", name, m.Epoch, m.Offset, text)
	f.mu.Lock()
	defer f.mu.Unlock()
	of := f.channels[name]
	if of == nil {
		f.chaos.Errorf("%s: a message on %q", f.node.ID(), name)
		return
	}
	if of.seen[text] {
		f.chaos.Errorf("%s: %s: %q came twice, now at %+v", f.node.ID(), name, text, m.Position)
	}
	of.seen[text] = true
	if m.Epoch == "" {
		return
	}
	switch {
	case m.Epoch != of.last.Epoch:
		if of.epochs[m.Epoch] {
			f.chaos.Errorf("%s: %s came back to epoch %s", f.node.ID(), name, m.Epoch)
		}
		if of.last.Epoch != "" && !of.lost {
			of.left = append(of.left, of.last)
		}
	case m.Offset <= of.last.Offset, m.Offset > of.last.Offset+1 && !of.lost:
		f.chaos.Errorf("%s: %s: %+v came after %+v", f.node.ID(), name, m.Position, of.last)
	}
	of.last, of.lost = m.Position, false
	of.epochs[m.Epoch] = true
}

// Lost implements backplane.Receiver.
func (f *follower) Lost(t backplane.Topic) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lost++
	switch t.Kind {
	case backplane.Channel:
		if of := f.channels[t.Name]; of != nil {
			of.lost, of.missed = true, true
		}
	case backplane.RecordOf:
		if of := f.records[t.Name]; of != nil {
			of.lost = true
		}
	case backplane.AllRecords:
		for _, of := range f.records {
			of.lost = true
		}
	}
}

// Wrote implements backplane.Receiver: of a version one node is told, once.
func (f *follower) Wrote(c backplane.RecordChange) {
	f.chaos.facts.see("record", c.ID, c.Epoch, c.Number, string(c.Value))
	f.mu.Lock()
	defer f.mu.Unlock()
	at := position{"record", c.ID, c.Epoch, c.Number}
	if f.wrote[at] {
		f.chaos.Errorf("%s was told twice that it wrote %+v", f.node.ID(), at)
	}
	f.wrote[at] = true
}

// Presence implements backplane.Receiver.
func (f *follower) Presence(backplane.PresenceEvent) {}

// Member implements backplane.Receiver.
func (f *follower) Member(string, string, bool, string) {}

// Metadata implements backplane.Receiver.
func (f *follower) Metadata(string, []byte) {}

// Instruct implements backplane.Receiver.
func (f *follower) Instruct(backplane.Audience, backplane.Instruction) int { return 0 }

// hasRecord reports whether a version is the last that came, or everything of the
// record that came last was told lost.
func (f *follower) hasRecord(r backplane.Record) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	of := f.records[r.ID]
	return of.last.Version == r.Version || of.lost
}

func (f *follower) hasMessage(name, text string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.channels[name].seen[text]
}

func (f *follower) lostTopics() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lost
}

// wantMessages fails unless everything that was acknowledged came, or something
// was told lost: within an epoch Message sees to that, but where another one
// followed, or messages are not kept, only the writers know what there was.
func (f *follower) wantMessages(name string, acks []ack) {
	f.chaos.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	of := f.channels[name]
	var missing []string
	for _, a := range acks {
		switch {
		case of.seen[a.token]:
		case !of.missed:
			missing = append(missing, a.token)
		default:
			for _, left := range of.left {
				if left.Epoch == a.epoch && a.number > left.Offset {
					missing = append(missing, a.token)
				}
			}
		}
	}
	if len(missing) > 0 {
		f.chaos.Errorf("%s: %s: nothing was told lost, yet of %d messages these did not come: %s",
			f.node.ID(), name, len(acks), strings.Join(missing[:min(20, len(missing))], ","))
	}
}
