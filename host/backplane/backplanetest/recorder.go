package backplanetest

import (
	"bytes"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// Recorder is a backplane.Receiver that writes down what is delivered. It is
// safe for concurrent use.
type Recorder struct {
	mu           sync.Mutex
	changed      chan struct{} // closed at the next delivery
	messages     map[string][]backplane.Message
	presence     map[string][]backplane.PresenceEvent
	members      map[string][]membership
	metadata     map[string][][]byte
	records      map[string][]backplane.RecordChange
	wrote        map[string][]backplane.RecordChange
	instructions []instructed
	lost         []backplane.Topic
	reach        int // what Instruct answers
}

// membership is a call of Member for a connection.
type membership struct {
	room   string
	joined bool
	reason string
}

// instructed is a call of Instruct.
type instructed struct {
	to   backplane.Audience
	what backplane.Instruction
}

var _ backplane.Receiver = (*Recorder)(nil)

// NewRecorder makes a recorder that has nothing written down.
func NewRecorder() *Recorder {
	return &Recorder{
		changed:  make(chan struct{}),
		messages: make(map[string][]backplane.Message),
		presence: make(map[string][]backplane.PresenceEvent),
		members:  make(map[string][]membership),
		metadata: make(map[string][][]byte),
		records:  make(map[string][]backplane.RecordChange),
		wrote:    make(map[string][]backplane.RecordChange),
	}
}

// record writes something down and wakes those that wait for it.
func (r *Recorder) record(write func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	write()
	close(r.changed)
	r.changed = make(chan struct{})
}

// Message implements backplane.Receiver.
func (r *Recorder) Message(channel string, m backplane.Message) {
	m.Data = bytes.Clone(m.Data)
	r.record(func() { r.messages[channel] = append(r.messages[channel], m) })
}

// Presence implements backplane.Receiver.
func (r *Recorder) Presence(e backplane.PresenceEvent) {
	e.State = bytes.Clone(e.State)
	r.record(func() { r.presence[e.Room] = append(r.presence[e.Room], e) })
}

// Member implements backplane.Receiver.
func (r *Recorder) Member(room, connection string, joined bool, reason string) {
	r.record(func() { r.members[connection] = append(r.members[connection], membership{room, joined, reason}) })
}

// Metadata implements backplane.Receiver.
func (r *Recorder) Metadata(connection string, metadata []byte) {
	metadata = bytes.Clone(metadata)
	r.record(func() { r.metadata[connection] = append(r.metadata[connection], metadata) })
}

// Record implements backplane.Receiver.
func (r *Recorder) Record(c backplane.RecordChange) {
	r.record(func() { r.records[c.ID] = append(r.records[c.ID], c) })
}

// Wrote implements backplane.Receiver.
func (r *Recorder) Wrote(c backplane.RecordChange) {
	r.record(func() { r.wrote[c.ID] = append(r.wrote[c.ID], c) })
}

// Lost implements backplane.Receiver.
func (r *Recorder) Lost(t backplane.Topic) {
	r.record(func() { r.lost = append(r.lost, t) })
}

// Instruct implements backplane.Receiver.
func (r *Recorder) Instruct(to backplane.Audience, what backplane.Instruction) (reached int) {
	r.record(func() {
		r.instructions = append(r.instructions, instructed{to, what})
		reached = r.reach
	})
	return reached
}

// patience is how long the tests wait for what must come.
const patience = 20 * time.Second

// await waits until read, which is called under the recorder's lock, is
// content, and fails the test where it never is.
func (r *Recorder) await(t *testing.T, what string, read func() bool) {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		r.mu.Lock()
		done, changed := read(), r.changed
		r.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-late.C:
			t.Fatalf("waiting for %s: it did not come", what)
		}
	}
}

// messagesOf returns the messages of a channel once there are at least n.
func (r *Recorder) messagesOf(t *testing.T, channel string, n int) (got []backplane.Message) {
	t.Helper()
	r.await(t, "messages on "+channel, func() bool {
		got = slices.Clone(r.messages[channel])
		return len(got) >= n
	})
	return got
}

// presenceUntil returns the events of a room up to and including the first
// that is content with.
func (r *Recorder) presenceUntil(t *testing.T, room string, last func(backplane.PresenceEvent) bool) (got []backplane.PresenceEvent) {
	t.Helper()
	r.await(t, "presence in "+room, func() bool {
		all := r.presence[room]
		end := slices.IndexFunc(all, last)
		got = slices.Clone(all[:end+1])
		return end >= 0
	})
	return got
}

// membersOf returns what Member told of a connection once there is at least n
// of it.
func (r *Recorder) membersOf(t *testing.T, connection string, n int) (got []membership) {
	t.Helper()
	r.await(t, "memberships of "+connection, func() bool {
		got = slices.Clone(r.members[connection])
		return len(got) >= n
	})
	return got
}

// metadataOf returns what Metadata told of a connection once there is at least
// n of it.
func (r *Recorder) metadataOf(t *testing.T, connection string, n int) (got [][]byte) {
	t.Helper()
	r.await(t, "metadata of "+connection, func() bool {
		got = slices.Clone(r.metadata[connection])
		return len(got) >= n
	})
	return got
}

// recordOf returns the changes of a record once there are at least n.
func (r *Recorder) recordOf(t *testing.T, id string, n int) (got []backplane.RecordChange) {
	t.Helper()
	r.await(t, "changes of "+id, func() bool {
		got = slices.Clone(r.records[id])
		return len(got) >= n
	})
	return got
}

// wroteOf returns the changes of a record that the node has been told it made.
func (r *Recorder) wroteOf(id string) []backplane.RecordChange {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.wrote[id])
}
