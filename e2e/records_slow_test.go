//go:build linux

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"
)

const recordFloodConfig = `
[[records]]
pattern = "disconnect"
writable = true
[[records]]
pattern = "drop"
writable = true
slow_consumer = "drop"
[[records]]
pattern = "conflate"
writable = true
slow_consumer = "conflate"
[liveness]
ping_interval = 0
latency_interval = 0
close_timeout = "1m"
`

// recordFlood is a record with those who read all of its versions, of which 50
// MB are pushed beside those who do not.
type recordFlood struct {
	host      *host
	id        string
	publisher *client
	readers   []*recordReader
	at        int64
	gaps      int // how many of those who did not read have seen theirs
}

// recordReader is a follower that reads everything.
type recordReader struct {
	*recordFollower
	seen chan struct{} // a value for each version
	done chan error
}

// floodValue is the value of the n-th version.
func floodValue(n int64) string {
	return fmt.Sprintf(`{"n":%d,"text":"%07d %s"}`, n, n, floodText)
}

func isFloodValue(n int64, value json.RawMessage) error {
	if want := floodValue(n); string(value) != want && canonical(value) != want {
		return fmt.Errorf("it is not %.100s", want)
	}
	return nil
}

func startRecordFlood(t *testing.T, id string) *recordFlood {
	t.Helper()
	h := start(t, setup{config: recordFloodConfig})
	f := &recordFlood{host: h, id: id, publisher: h.dial(t, v1)}
	f.publisher.write(t, id, floodValue(1))
	f.at = 1
	for i := range 2 {
		r := &recordReader{
			recordFollower: &recordFollower{host: h, id: id, mode: []string{"full", "patch"}[i], old: i == 1},
			seen:           make(chan struct{}, 2*floodAhead), done: make(chan error, 1),
		}
		r.check = func(n int64, value json.RawMessage) error {
			r.seen <- struct{}{}
			return isFloodValue(n, value)
		}
		f.readers = append(f.readers, r)
		go func() {
			defer close(r.seen)
			r.done <- r.live(hop{within: 5 * time.Minute}, 1<<62)
		}()
	}
	f.await(t, time.Minute)
	return f
}

// await waits until each reader has seen one more version.
func (f *recordFlood) await(t *testing.T, within time.Duration) {
	t.Helper()
	late := time.NewTimer(within)
	defer late.Stop()
	for _, r := range f.readers {
		select {
		case _, ok := <-r.seen:
			if !ok {
				t.Fatalf("%s has ended: %v", r, <-r.done)
			}
		case <-late.C:
			t.Fatalf("%s is behind %d", r, f.at)
		}
	}
}

// publish makes so many versions, no faster than all readers read.
func (f *recordFlood) publish(t *testing.T, versions int) {
	t.Helper()
	for n := range versions {
		if n >= floodAhead {
			f.await(t, patience)
		}
		f.at++
		f.publisher.call(t, "mesh/publish-record-update", recordWrite(f.id, floodValue(f.at)))
	}
	for range min(versions, floodAhead) {
		f.await(t, patience)
	}
}

// stuck connects a follower that reads nothing but the beginning.
func (f *recordFlood) stuck(t *testing.T, mode string) *link {
	t.Helper()
	l, err := f.host.link(hop{buffer: 8 << 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.conn.Close() })
	if _, err := l.ask("subscribe-record", object("recordId", f.id, "mode", mode), unexpected); err != nil {
		t.Fatal(err)
	}
	return l
}

// What a subscriber does not read costs no more than its outbox, and those who
// read lose nothing; how it goes on with it is its record's policy.
func TestSlowConsumersOfRecords(t *testing.T) {
	t.Parallel()
	for id, goesOn := range map[string]func(*testing.T, *recordFlood, *recordFollower, *link){
		"disconnect": recordIsDisconnected,
		"drop":       recordHasAGap,
		"conflate":   recordIsConflated,
	} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			f := startRecordFlood(t, id)
			f.publish(t, 200) // buffers are there before
			var followers []*recordFollower
			var links []*link
			for i := range 4 {
				mode := []string{"full", "patch"}[i%2]
				links = append(links, f.stuck(t, mode))
				at := f.host.stored(t, id)
				followers = append(followers, &recordFollower{host: f.host, id: id, mode: mode, last: at.version, base: at.Value, check: isFloodValue})
			}
			before := usageOf(t, f.host.pid())
			f.publish(t, floodMessages)
			during := usageOf(t, f.host.pid())
			t.Logf("%d MiB beside %d subscribers that do not read: %v, before %v", floodMessages*floodSize>>20, len(links), during, before)
			if grown := during.peak - before.resident; grown > int64(len(links))*4<<20+32<<20 {
				t.Errorf("memory has grown by %d MiB", grown>>20)
			}
			for i, l := range links {
				_ = l.conn.SetDeadline(time.Now().Add(patience))
				goesOn(t, f, followers[i], l)
			}
			for _, r := range f.readers {
				if r.refused != 0 || int64(r.pushed) != f.at-1 {
					t.Errorf("%s of %d", r, f.at)
				}
			}
		})
	}
}

// recordIsDisconnected reads what a follower that is too slow has got, and why
// no more.
func recordIsDisconnected(t *testing.T, f *recordFlood, x *recordFollower, l *link) {
	t.Helper()
	for {
		push, err := l.frame()
		var closed closedWith
		if errors.As(err, &closed) {
			if closed != 4100 {
				t.Errorf("closed with %d", closed)
			}
			break
		}
		if err == nil {
			err = x.take(push)
		}
		if err != nil {
			t.Fatalf("no close frame: %v", err)
		}
	}
	// It comes back, and is told that it has missed too much.
	if err := x.live(hop{within: patience}, f.at); err != nil || x.last.Version != f.at || x.refused != 1 {
		t.Errorf("back again: %s at %d of %d, %v", x, x.last.Version, f.at, err)
	}
}

// recordIsConflated reads what was on its way, then the newest version, whole,
// and then goes on as before.
func recordIsConflated(t *testing.T, f *recordFlood, x *recordFollower, l *link) {
	t.Helper()
	jumps := 0
	for x.last.Version < f.at {
		push, err := l.frame()
		if err != nil {
			t.Fatal(err)
		}
		p, err := readRecordPush(push)
		if err != nil {
			t.Fatal(err)
		}
		if p.Version == x.last.Version+1 && (p.Full != nil) == (x.mode == "full") {
			if err := x.take(push); err != nil {
				t.Fatal(err)
			}
			continue
		}
		jumps++
		if p.Version != f.at || p.Full == nil || p.Epoch != x.last.Epoch {
			t.Fatalf("after %d comes %.200s, where %d is the newest", x.last.Version, push.Payload, f.at)
		}
		if err := isFloodValue(p.Version, p.Full); err != nil {
			t.Error(err)
		}
		x.last, x.base, x.patches = p.version, p.Full, nil
	}
	if jumps != 1 {
		t.Errorf("%d jumps to a newest version", jumps)
	}
	f.publish(t, 3)
	for x.last.Version < f.at {
		push, err := l.frame()
		if err == nil {
			err = x.take(push)
		}
		if err != nil {
			t.Fatalf("after the newest: %v", err)
		}
	}
}

// recordHasAGap reads what was on its way, and is told that it has missed
// something. Every other one then asks, and gets the whole value; for the others
// the next version is a whole one.
func recordHasAGap(t *testing.T, f *recordFlood, x *recordFollower, l *link) {
	t.Helper()
	x.toTheGap(t, l, f.at)
	f.gaps++
	if f.gaps > 2 {
		reply, err := l.ask("subscribe-record", fmt.Sprintf(`{"recordId":%q,"mode":%q,"epoch":%q,"version":%d}`, f.id, x.mode, x.last.Epoch, x.last.Version), unexpected)
		if err == nil {
			err = x.begin(reply)
		}
		if err != nil || x.refused != 1 || x.last.Version != f.at {
			t.Fatalf("asked after the gap: %.100s, %s, %v", reply, x, err)
		}
	}
	f.publish(t, 3)
	for x.last.Version < f.at {
		push, err := l.frame()
		if err != nil {
			t.Fatal(err)
		}
		if p, bad := readRecordPush(push); f.gaps <= 2 && x.last.Version < f.at-3 && bad == nil {
			if p.Version != f.at-2 || p.Full == nil {
				t.Fatalf("after the gap up to %d comes %.200s", f.at-3, push.Payload)
			}
			x.last, x.base, x.patches = p.version, p.Full, nil
			err = isFloodValue(p.Version, p.Full)
		} else {
			err = x.take(push)
		}
		if err != nil {
			t.Fatalf("after the gap: %v", err)
		}
	}
}

// toTheGap reads to the gap that tells of a version. Before it there may be
// another one, and room again behind it: what follows is whole, too.
func (f *recordFollower) toTheGap(t *testing.T, l *link, at int64) {
	t.Helper()
	for lost := int64(0); lost < at; {
		push, err := l.frame()
		if err != nil {
			t.Fatal(err)
		}
		if push.Command != l.dialect+"gap" {
			if p, bad := readRecordPush(push); bad == nil && lost > f.last.Version && p.Version == lost+1 && p.Full != nil {
				f.last, f.base, f.patches, lost = p.version, p.Full, nil, 0
				continue
			}
			if err := f.take(push); err != nil {
				t.Fatal(err)
			}
			continue
		}
		var gap struct {
			Kind, Name, Epoch string
			Offset            int64
		}
		if err := json.Unmarshal(push.Payload, &gap); err != nil || gap.Kind != "record" || gap.Name != f.id || gap.Epoch != f.last.Epoch || gap.Offset <= max(f.last.Version, lost) {
			t.Fatalf("after %d comes the gap %s, %v", f.last.Version, push.Payload, err)
		}
		lost = gap.Offset
	}
}
