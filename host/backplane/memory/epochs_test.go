package memory_test

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
)

// renew makes a store of what a ledger has kept, in new epochs.
func renew(tb testing.TB, l *ledger) *memory.Store {
	tb.Helper()
	s, err := memory.Open(memory.Options{Journal: l.run(tb), NewEpochs: true})
	must(tb, err)
	return s
}

// sameButEpoch fails the test unless a record is as it was, in another epoch.
func sameButEpoch(t *testing.T, now, was backplane.Record) {
	t.Helper()
	if now.Epoch == was.Epoch || now.Epoch == "" {
		t.Errorf("%q is in epoch %q, as it was", was.ID, now.Epoch)
	}
	if now.Number != was.Number || string(now.Value) != string(was.Value) || (now.Value == nil) != (was.Value == nil) {
		t.Errorf("%+v has become %+v", was, now)
	}
}

// since is how many patches lead from a version to the record's.
func since(t *testing.T, n *memory.Node, id string, from backplane.Version) (patches int, ok bool) {
	t.Helper()
	_, all, ok, err := n.Records().Since(ctx, id, from)
	must(t, err)
	return len(all), ok
}

// What was said of a record in its old epoch is not patched in the new one, which
// is there to stay.
func TestNewEpochsOfRecords(t *testing.T) {
	t.Parallel()
	l := sample(t)
	old, s := open(t, l), renew(t, l.crash())
	n, before := s.Node("a"), old.Node("b")
	for _, id := range []string{sampleID, "deleted"} {
		was := recordNow(t, before, id)
		now := recordNow(t, n, id)
		sameButEpoch(t, now, was)
		for from := range was.Number + 2 {
			if _, ok := since(t, n, id, backplane.Version{Epoch: was.Epoch, Number: from}); ok {
				t.Errorf("%q is patched from version %d of the old epoch", id, from)
			}
		}
		if patches, ok := since(t, n, id, now.Version); patches != 0 || !ok {
			t.Errorf("who has %q has missed %d patches, %v", id, patches, ok)
		}
		if _, ok := since(t, n, id, backplane.Version{Epoch: now.Epoch, Number: now.Number - 1}); ok {
			t.Errorf("%q is patched from before its epoch", id)
		}
	}
	had, has := old.Stats(), s.Stats()
	if less := int64(3*backplane.PatchOverhead + len(">oneone>twotwo>three")); has.Records != 2 || has.RecordBytes != had.RecordBytes-less {
		t.Errorf("%d records of %d bytes, of %d before", has.Records, has.RecordBytes, had.RecordBytes)
	}
}

func TestNewEpochsAreKept(t *testing.T) {
	t.Parallel()
	l := sample(t).run(t)
	old := recordNow(t, open(t, l).Node("a"), sampleID)
	l = l.crash()
	renewed := recordNow(t, renew(t, l).Node("a"), sampleID)
	if _, patches := l.count(memory.PatchTable); patches != 0 {
		t.Errorf("%d patches are kept", patches)
	}
	l = l.crash().run(t)
	n := open(t, l).Node("a")
	if again := recordNow(t, n, sampleID); again.Version != renewed.Version || string(again.Value) != "three" {
		t.Errorf("%+v is loaded, want %+v", again, renewed)
	}
	next := write(t, n, sampleID, "four")
	if next != (backplane.Version{Epoch: renewed.Epoch, Number: old.Number + 1}) {
		t.Errorf("after %+v comes %+v", renewed.Version, next)
	}
	last := open(t, l.crash()).Node("a")
	if patches, ok := since(t, last, sampleID, renewed.Version); patches != 1 || !ok {
		t.Errorf("%d patches since the epoch began, %v", patches, ok)
	}
	sameButEpoch(t, recordNow(t, renew(t, l.crash()).Node("a"), sampleID), recordNow(t, last, sampleID))
}

// A value's time goes on, and so does that of a tombstone.
func TestNewEpochsKeepTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLedger().run(t)
		n := open(t, l).Node("a")
		w := edit(backplane.Record{ID: "short"}, "1")
		w.TTL = time.Minute
		_, _, err := n.Records().Commit(ctx, []backplane.RecordWrite{w}, 0)
		must(t, err)
		write(t, n, "deleted", "1")
		write(t, n, "deleted", "")
		s := renew(t, l.crash())
		n = run(t, s.Node("a"))
		<-time.After(59 * time.Second)
		if r := recordNow(t, n, "short"); string(r.Value) != "1" {
			t.Errorf("it has ended: %+v", r)
		}
		<-time.After(2 * time.Second)
		if r := recordNow(t, n, "short"); r.Number != 2 || r.Value != nil {
			t.Errorf("it has not ended: %+v", r)
		}
		<-time.After(time.Hour + time.Minute)
		synctest.Wait()
		if stats := s.Stats(); stats.Records != 0 || stats.RecordBytes != 0 {
			t.Errorf("left: %+v", stats)
		}
	})
}

// Messages, offsets and what is kept of a channel are as they were, also where all
// messages have grown too old meanwhile.
func TestNewEpochsOfStreams(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLedger().run(t)
		n := open(t, l).Node("a")
		keeps := map[string]backplane.Keep{"long": keep10, "short": {Count: 10, TTL: time.Minute}}
		old := make(map[string]backplane.Page)
		for channel, keep := range keeps {
			for range 12 {
				publish(t, n, channel, 10, keep)
			}
			old[channel] = read(t, n, channel, backplane.Query{})
		}
		<-time.After(2 * time.Minute)
		l = l.crash()
		n = renew(t, l).Node("a")
		for channel, messages := range map[string]int{"long": 10, "short": 0} {
			page := read(t, n, channel, backplane.Query{})
			if page.Epoch == old[channel].Epoch || page.Epoch == "" || page.Offset != 12 || len(page.Messages) != messages {
				t.Errorf("%s: %+v after %+v", channel, page, old[channel].Position)
			}
			for i, m := range page.Messages {
				was := old[channel].Messages[i]
				if m.Epoch != page.Epoch || m.Offset != was.Offset || m.Time != was.Time || string(m.Data) != string(was.Data) {
					t.Errorf("%s: %+v has become %+v", channel, was, m)
				}
			}
			l := l.crash().run(t)
			n := open(t, l).Node("a")
			if again := read(t, n, channel, backplane.Query{}); again.Position != page.Position || len(again.Messages) != messages {
				t.Errorf("%s: %+v is loaded, want %+v", channel, again.Position, page.Position)
			}
			next := backplane.Position{Epoch: page.Epoch, Offset: 13}
			if at := publish(t, n, channel, 10, keeps[channel]); at != next {
				t.Errorf("%s: after %+v comes %+v", channel, page.Position, at)
			}
			if again := read(t, open(t, l.crash()).Node("a"), channel, backplane.Query{}); again.Position != next {
				t.Errorf("%s: %+v is loaded, want %+v", channel, again.Position, next)
			}
		}
	})
}

// What is much is written in parts. Where the end comes between two of them, the
// store is in order, and all of it is renewed by the next try.
func TestNewEpochsCutShort(t *testing.T) {
	t.Parallel()
	l := newLedger().run(t)
	n := open(t, l).Node("a")
	const records = 12
	old := make(map[string]backplane.Record)
	for i := range records {
		id := strconv.Itoa(i)
		write(t, n, id, "short")
		write(t, n, id, strings.Repeat("x", 1<<20))
		old[id] = recordNow(t, n, id)
	}
	l = l.crash()
	var err error
	var opening sync.WaitGroup
	opening.Go(func() { _, err = memory.Open(memory.Options{Journal: l, NewEpochs: true}) })
	for l.keep(1) == 0 {
		l.mu.Lock()
		changed, waiting := l.changed, len(l.waiting)
		l.mu.Unlock()
		if waiting == 0 {
			<-changed
		}
	}
	l.fail()
	opening.Wait()
	if !errors.Is(err, backplane.ErrUnavailable) {
		t.Fatalf("Open says %v", err)
	}
	l = l.crash()
	n = open(t, l).Node("a")
	renewed := 0
	for id, was := range old {
		now := recordNow(t, n, id)
		if now.Version != was.Version {
			renewed++
			sameButEpoch(t, now, was)
		}
	}
	if renewed == 0 || renewed == records {
		t.Errorf("%d of %d are renewed by one part", renewed, records)
	}
	l = l.crash()
	n = renew(t, l).Node("a")
	for id, was := range old {
		sameButEpoch(t, recordNow(t, n, id), was)
	}
	if changes, patches := l.count(memory.PatchTable); changes < 3 || changes > 4 || patches != 0 {
		t.Errorf("%d changes, and %d patches are left", changes, patches)
	}
}

func TestNewEpochsOfNothing(t *testing.T) {
	t.Parallel()
	l := newLedger()
	if stats := renew(t, l).Stats(); stats != (memory.Stats{}) {
		t.Errorf("there is %+v", stats)
	}
	if changes, _ := l.count(memory.RecordTable); changes != 0 {
		t.Errorf("%d changes", changes)
	}
}
