package redis_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/redis"
)

// Chaos is load on a store while something is done to its Redis. Writers append
// tokens to records and publish them on channels; others read, and read again what
// has come since; every node follows all of it. What anyone sees must fit what
// anyone has seen: a position has one text, what follows a position follows it in
// truth, and who has missed something has been told so.
type chaos struct {
	*testing.T
	nodes []*follower
	facts *facts

	life    context.Context // of the workers
	stop    context.CancelFunc
	working sync.WaitGroup

	mu          sync.Mutex
	records     map[string][]ack
	channels    map[string][]ack
	unavailable int
	slowest     time.Duration
}

// ack is what a writer has been told is done.
type ack struct {
	epoch  string
	number int64
	token  string
}

// promise is what chaos must not lose.
type promise struct{ records, messages bool }

// The names in chaos. What is published on passing is not kept.
var (
	chaosRecords  = []string{"record 1", "record 2", "record 3"}
	chaosChannels = []string{"channel 1", "channel 2", passing}
)

const passing = "passing"

var chaosKeep = backplane.Keep{Count: 1 << 16, TTL: time.Hour}

// chaosRounds is how often what a test does to Redis is done, and for how long it
// is cut off; the environment's REDIS_CHAOS says how many times as much
// (scripts/chaos does).
func chaosRounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("REDIS_CHAOS")
	if text == "" {
		return 1
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("REDIS_CHAOS is %q, not a number above 0", text)
	}
	return n
}

// startChaos begins chaos on three nodes, one for each of options; it ends at
// settle.
func startChaos(t *testing.T, options ...redis.Options) *chaos {
	t.Helper()
	s := &chaos{
		T: t, facts: newFacts(t),
		records: make(map[string][]ack), channels: make(map[string][]ack),
	}
	s.life, s.stop = context.WithCancel(context.Background())
	for i := range 3 {
		o := options[i%len(options)]
		if o.Timeout == 0 {
			o.Timeout, o.Connect = 500*time.Millisecond, 500*time.Millisecond
		}
		o.Lease = 5 * time.Second
		s.nodes = append(s.nodes, s.follow((&cluster{t, o}).Node("node"+strconv.Itoa(i)), i))
	}
	t.Cleanup(s.calm)
	for i, n := range s.nodes {
		for k, id := range chaosRecords {
			if (i+k)%3 != 0 { // two nodes write each
				s.work(func() { s.write(n, id, i) })
			}
			s.work(func() { s.recover(n, id) })
		}
		for _, name := range chaosChannels {
			s.work(func() { s.publish(n, name, i) })
			s.work(func() { s.reread(n, name) })
		}
	}
	return s
}

func (s *chaos) work(do func()) { s.working.Go(do) }

// calm ends the load.
func (s *chaos) calm() {
	s.stop()
	s.working.Wait()
}

// pass lets it go on for a time.
func (s *chaos) pass(d time.Duration) { <-time.After(d) }

// next paces a worker; false is its end.
func (s *chaos) next() bool {
	select {
	case <-time.After(20 * time.Millisecond):
		return s.life.Err() == nil
	case <-s.life.Done():
		return false
	}
}

// try makes a call and reports whether it was done; where Redis is away it may
// have been.
func (s *chaos) try(what string, call func(ctx context.Context) error) bool {
	const most = 10 * time.Second // more than any call may take
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	begin := time.Now()
	err := call(ctx)
	took := time.Since(begin)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slowest = max(s.slowest, took)
	if err == nil {
		return true
	}
	s.unavailable++
	if !errors.Is(err, backplane.ErrUnavailable) {
		s.Errorf("%s: %v, after %v", what, err, took)
	}
	return false
}

func (s *chaos) write(n *follower, id string, worker int) {
	for i := 0; s.next(); i++ {
		s.append(n, id, fmt.Sprintf("%d.%d ", worker, i))
	}
}

// append appends a token to a record, and returns what that made of it, nil where
// it is not known to have been done.
func (s *chaos) append(n *follower, id, token string) *backplane.Record {
	var now backplane.Record
	if !s.try("get", func(ctx context.Context) (err error) {
		now, err = n.node.Records().Get(ctx, id)
		return err
	}) {
		return nil
	}
	s.facts.see("record", id, now.Epoch, now.Number, string(now.Value))
	w := backplane.RecordWrite{
		ID: id, Expect: now.Version, Value: []byte(string(now.Value) + token), Patch: []byte(token),
		Tombstone: time.Hour, Log: 64, LogSize: 1 << 20, By: token,
	}
	var versions []backplane.Version
	if !s.try("commit", func(ctx context.Context) (err error) {
		versions, _, err = n.node.Records().Commit(ctx, []backplane.RecordWrite{w}, 0)
		return err
	}) || versions == nil {
		return nil
	}
	made := backplane.Record{ID: id, Version: versions[0], Value: w.Value}
	s.facts.see("record", id, made.Epoch, made.Number, string(made.Value))
	if made.Epoch == now.Epoch && made.Number != now.Number+1 {
		s.Errorf("%s: version %+v was made of %+v", id, made.Version, now.Version)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records[id] = append(s.records[id], ack{made.Epoch, made.Number, token})
	return &made
}

// recover reads a record and what has come since it was read last, which must
// lead there.
func (s *chaos) recover(n *follower, id string) {
	var last backplane.Record
	for s.next() {
		var r backplane.Record
		var patches []backplane.RecordPatch
		var ok bool
		if !s.try("since", func(ctx context.Context) (err error) {
			r, patches, ok, err = n.node.Records().Since(ctx, id, last.Version)
			return err
		}) {
			continue
		}
		s.facts.see("record", id, r.Epoch, r.Number, string(r.Value))
		if ok && last.Epoch != "" {
			s.wantLead(last, patches, r)
		}
		last = r
	}
}

// wantLead fails unless patches lead from one version to another.
func (s *chaos) wantLead(from backplane.Record, patches []backplane.RecordPatch, to backplane.Record) {
	value, number := string(from.Value), from.Number
	for _, p := range patches {
		number++
		value += string(p.Patch)
		if p.Number != number {
			s.Errorf("%s: the patch of version %d came where that of %d was to", to.ID, p.Number, number)
		}
	}
	if from.Epoch != to.Epoch || number != to.Number || value != string(to.Value) {
		s.Errorf("%s: the patches from %+v do not lead to %+v", to.ID, from.Version, to.Version)
	}
}

func (s *chaos) publish(n *follower, name string, worker int) {
	for i := 0; s.next(); i++ {
		s.send(n, name, fmt.Sprintf("%d.%d ", worker, i))
	}
}

// send publishes a token, and reports whether that is known to have been done.
func (s *chaos) send(n *follower, name, token string) (at backplane.Position, sent bool) {
	keep := chaosKeep
	if name == passing {
		keep = backplane.Keep{}
	}
	if !s.try("publish", func(ctx context.Context) (err error) {
		at, err = n.node.Channels().Publish(ctx, name, []byte(token), keep)
		return err
	}) {
		return at, false
	}
	if (at.Epoch == "") != (name == passing) {
		s.Errorf("%s: a message got position %+v", name, at)
	}
	s.facts.see("channel", name, at.Epoch, at.Offset, token)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.channels[name] = append(s.channels[name], ack{at.Epoch, at.Offset, token})
	return at, true
}

// reread reads the end of a channel, of which it has read a part before.
func (s *chaos) reread(n *follower, name string) {
	var last backplane.Position
	for s.next() {
		after := max(0, last.Offset-5)
		var page backplane.Page
		if !s.try("read", func(ctx context.Context) (err error) {
			page, err = n.node.Channels().Read(ctx, name, backplane.Query{After: after, Limit: 100})
			return err
		}) {
			continue
		}
		if page.Epoch == last.Epoch && page.Offset < last.Offset {
			s.Errorf("%s: the top was %+v and is %+v", name, last, page.Position)
		}
		expected := max(after+1, page.Oldest)
		for _, m := range page.Messages {
			if m.Offset != expected || m.Epoch != page.Epoch {
				s.Errorf("%s: %+v came where %d was to, in %q", name, m.Position, expected, page.Epoch)
			}
			s.facts.see("channel", name, m.Epoch, m.Offset, string(m.Data))
			expected++
		}
		last = page.Position
		if len(page.Messages) > 0 {
			last.Offset = expected - 1
		}
	}
}

// epochs are those of acknowledged writes of a record and messages on a channel.
func (s *chaos) epochs() map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(map[string]bool)
	for _, of := range []map[string][]ack{s.records, s.channels} {
		for name, acks := range of {
			for _, a := range acks {
				if a.epoch != "" {
					all[name+" "+a.epoch] = true
				}
			}
		}
	}
	return all
}

// settle ends the load, once nothing more is done to Redis, and checks what is
// there and what everyone has seen.
func (s *chaos) settle(kept promise) {
	s.Helper()
	s.calm()
	begin := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, n := range s.nodes {
		if err := untilAvailable(ctx, n.node); err != nil {
			s.Fatalf("%s does not come back: %v", n.node.ID(), err)
		}
	}
	s.Logf("all nodes were back after %v", time.Since(begin).Round(time.Millisecond))
	for _, id := range chaosRecords {
		s.settleRecord(id, kept.records)
	}
	for _, name := range chaosChannels {
		s.settleChannel(name, kept.messages)
	}
	s.summary()
}

// settleRecord writes a record once more: everyone must learn of that, and all
// that was acknowledged must be in it, at least in the epoch that it is in.
func (s *chaos) settleRecord(id string, kept bool) {
	s.Helper()
	var final *backplane.Record
	s.await(id+" to be written", func() bool {
		final = s.append(s.nodes[0], id, "end ")
		return final != nil
	})
	for _, n := range s.nodes {
		s.await(n.node.ID()+" to learn of the last version of "+id, func() bool { return n.hasRecord(*final) })
	}
	tokens, last := " "+string(final.Value), make(map[string]int64)
	for _, a := range s.records[id] {
		there := strings.Count(tokens, " "+a.token)
		switch {
		case there > 1 && a.token != "end ":
			s.Errorf("%s: %q was written %d times", id, a.token, there)
		case there == 0 && (kept || a.epoch == final.Epoch):
			s.Errorf("%s: %q was acknowledged as %s/%d and is not in %s/%d",
				id, a.token, a.epoch, a.number, final.Epoch, final.Number)
		}
		last[a.epoch] = max(last[a.epoch], a.number)
	}
	delete(last, final.Epoch)
	for epoch, number := range last {
		_, _, ok, err := s.nodes[1].node.Records().Since(context.Background(), id, backplane.Version{Epoch: epoch, Number: number})
		if ok || err != nil {
			s.Errorf("%s: Since says that %s/%d leads to %s/%d: %v, %v", id, epoch, number, final.Epoch, final.Number, ok, err)
		}
	}
}

// settleChannel publishes until everyone has got a last message.
func (s *chaos) settleChannel(name string, kept bool) {
	s.Helper()
	for i, late := 0, time.Now().Add(patience); ; i++ {
		token := fmt.Sprintf("end.%d ", i)
		_, sent := s.send(s.nodes[0], name, token)
		if sent && s.within(2*time.Second, func() bool { return s.allHave(name, token) }) {
			break
		}
		if time.Now().After(late) {
			s.Fatalf("%s: what is published does not arrive", name)
		}
	}
	for _, n := range s.nodes {
		n.wantMessages(name, s.channels[name])
	}
	if name != passing {
		s.wantStream(name, kept)
	}
}

func (s *chaos) allHave(name, token string) bool {
	for _, n := range s.nodes {
		if !n.hasMessage(name, token) {
			return false
		}
	}
	return true
}

// wantStream fails unless what was acknowledged is in a channel's stream, at least
// in the epoch that it is in.
func (s *chaos) wantStream(name string, kept bool) {
	s.Helper()
	page, err := s.nodes[2].node.Channels().Read(context.Background(), name, backplane.Query{})
	if err != nil {
		s.Fatal(err)
	}
	there := make(map[string]int64)
	for _, m := range page.Messages {
		if there[string(m.Data)] != 0 {
			s.Errorf("%s: %q is there twice", name, m.Data)
		}
		there[string(m.Data)] = m.Offset
		s.facts.see("channel", name, m.Epoch, m.Offset, string(m.Data))
	}
	for _, a := range s.channels[name] {
		at := there[a.token]
		if at == 0 && kept || a.epoch == page.Epoch && at != a.number {
			s.Errorf("%s: %q was acknowledged as %s/%d and is %s/%d", name, a.token, a.epoch, a.number, page.Epoch, at)
		}
	}
}

// await waits for something that must come.
func (s *chaos) await(what string, done func() bool) {
	s.Helper()
	if !s.within(patience, done) {
		s.Fatalf("waiting for %s: it did not come", what)
	}
}

func (s *chaos) within(d time.Duration, done func() bool) bool {
	late := time.After(d)
	for !done() {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-late:
			return false
		}
	}
	return true
}

func (s *chaos) summary() {
	s.Helper()
	var written, sent, lost int
	for _, acks := range s.records {
		written += len(acks)
	}
	for _, acks := range s.channels {
		sent += len(acks)
	}
	for _, n := range s.nodes {
		lost += n.lostTopics()
	}
	s.Logf("%s: acknowledged %d record writes, %d messages, in %d epochs; %d calls found Redis away, the slowest took %v; %d topics were told lost",
		s.Name(), written, sent, len(s.epochs()), s.unavailable, s.slowest.Round(time.Millisecond), lost)
}
