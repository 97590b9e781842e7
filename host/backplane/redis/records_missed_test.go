package redis_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/redis"
)

var (
	oneRecord  = backplane.Topic{Kind: backplane.RecordOf, Name: "r"}
	allRecords = backplane.Topic{Kind: backplane.AllRecords}
)

// takerOf begins a handler that hears nothing until it resumes, as if the
// connection were lost all the time.
func (n *recordNode) takerOf(of backplane.Topic) redis.Taker {
	n.tb.Helper()
	n.subscribe(backplane.RecordOf, "connected") // the lane does so now, and not later
	taker := n.Taker(of)
	if err := taker.Begin(context.Background()); err != nil {
		n.tb.Fatal(err)
	}
	return taker
}

func (n *recordNode) resume(takers ...redis.Taker) {
	n.tb.Helper()
	for _, taker := range takers {
		if err := taker.Resume(context.Background()); err != nil {
			n.tb.Fatal(err)
		}
	}
}

// wantHeard fails unless a record was told of as short says: number and value.
func (n *recordNode) wantHeard(id, short string) {
	n.tb.Helper()
	got := ""
	for _, c := range n.heard(id) {
		got += " " + strconv.FormatInt(c.Number, 10) + string(c.Value)
		if c.Patch != nil {
			n.tb.Errorf("version %d stands for others and has a patch", c.Number)
		}
	}
	if got != short {
		n.tb.Errorf("of %q was heard%s, want%s", id, got, short)
	}
}

func (n *recordNode) wantLost(topics ...backplane.Topic) {
	n.tb.Helper()
	lost := n.lost()
	if len(lost) != len(topics) || len(topics) > 0 && lost[0] != topics[0] {
		n.tb.Errorf("lost %v, want %v", lost, topics)
	}
}

func TestMissedChangesOfOneRecord(t *testing.T) {
	t.Parallel()
	addr := alone(t, time.Minute).options.Addresses[0]
	n, client := newRecordNode(t, addr, "a"), plainClient(t, addr)
	taker := n.takerOf(oneRecord)
	n.resume(taker)
	n.wantHeard("r", "")
	n.put("r", "a")
	n.put("r", "b")
	n.put("other", "b")
	n.resume(taker)
	n.wantHeard("r", " 2b")
	n.put("other", "c")
	n.resume(taker, taker)
	n.wantHeard("r", "")
	n.put("r", "")
	n.resume(taker)
	n.wantHeard("r", " 3")
	brief := recordEdit(n.get("r"), "d")
	brief.TTL, brief.Tombstone = 20*time.Millisecond, time.Millisecond
	n.commit(brief)
	n.resume(taker)
	n.wantHeard("r", " 4d")
	n.wantLost()
	<-time.After(50 * time.Millisecond)
	n.get("r") // which ends it
	<-time.After(50 * time.Millisecond)
	n.get("r") // which forgets it
	n.resume(taker)
	n.wantHeard("r", "")
	n.wantLost(oneRecord)
	n.resume(taker)
	n.wantLost()
	n.put("r", "e")
	n.resume(taker)
	n.wantHeard("r", " 1e")
	command(t, client, "HSET", "mesh:era", "server", "x") // another server
	n.resume(taker)
	n.wantHeard("r", " 1e")
	command(t, client, "DEL", "mesh:record:r")
	command(t, client, "SET", "mesh:record:r", "not ours")
	n.put("other", "d")
	n.resume(taker)
	n.wantHeard("r", "")
	command(t, client, "FLUSHALL")
	n.resume(taker)
	n.wantLost(oneRecord)
}

func TestMissedChangesOfAllRecords(t *testing.T) {
	t.Parallel()
	addr := alone(t, time.Minute).options.Addresses[0]
	n, client := newRecordNode(t, addr, "a"), plainClient(t, addr)
	n.put("before", "a")
	taker := n.takerOf(allRecords)
	n.resume(taker)
	n.wantHeard("before", "")
	n.put("r", "a")
	n.put("r", "b")
	n.put("before", "")
	const many = 1500
	for i := range many {
		n.put("m"+strconv.Itoa(i), "x")
	}
	n.resume(taker)
	n.wantHeard("r", " 2b")
	n.wantHeard("before", " 2")
	for i := range many {
		n.wantHeard("m"+strconv.Itoa(i), " 1x")
	}
	n.resume(taker)
	n.wantHeard("r", "")
	command(t, client, "SET", "mesh:record:m0", "not ours")
	n.put("r", "c")
	n.resume(taker)
	n.wantHeard("r", " 3c")
	n.wantLost()

	brief := recordEdit(n.get("brief"), "x")
	brief.TTL, brief.Tombstone = time.Millisecond, time.Millisecond
	n.commit(brief)
	for n.get("brief").Number > 0 {
		<-time.After(5 * time.Millisecond)
	}
	n.resume(taker)
	n.wantLost(allRecords) // for its end cannot be told of
	n.resume(taker)
	n.wantLost()
	command(t, client, "HSET", "mesh:era", "server", "x")
	n.resume(taker)
	n.wantLost(allRecords)
	command(t, client, "FLUSHALL")
	n.resume(taker)
	n.wantLost(allRecords)
	n.put("r", "anew")
	n.resume(taker)
	n.wantHeard("r", " 1anew")
	n.wantLost()
}

// What a node has missed that has subscribed to both comes once, whichever is
// subscribed to again first, and neither leaves out what only the other had.
func TestMissedChangesOfOneRecordAndOfAll(t *testing.T) {
	t.Parallel()
	n := newRecordNode(t, alone(t, time.Minute).options.Addresses[0], "a")
	one, all := n.takerOf(oneRecord), n.takerOf(allRecords)
	n.put("r", "a")
	n.resume(one, all)
	n.wantHeard("r", " 1a")
	n.put("r", "b")
	n.resume(all, one)
	n.wantHeard("r", " 2b")
	n.put("r", "c")
	one = n.takerOf(oneRecord) // has seen c, which was not delivered yet
	n.resume(all, one)
	n.wantHeard("r", " 3c")
	n.put("r", "d")
	n.Forget(allRecords)
	n.resume(one)
	n.wantHeard("r", " 4d")
	n.put("r", "e")
	all = n.takerOf(allRecords)
	n.put("r", "f")
	n.Forget(oneRecord)
	n.resume(all)
	n.wantHeard("r", " 6f")
	n.wantLost()
	for _, text := range []string{"", "x", "\x01", "\x01\x00\x00\x00\x05r", "{}"} {
		one.Deliver(text)
		all.Deliver(text)
	}
	n.wantHeard("r", "")
}

// Both may ask at the same time, and go on in any order: neither tells again, or
// tells what is older than what was told.
func TestMissedChangesThatAreAskedForTogether(t *testing.T) {
	t.Parallel()
	addr := alone(t, time.Minute).options.Addresses[0]
	n := newRecordNode(t, addr, "a")
	one, all := n.takerOf(oneRecord), n.takerOf(allRecords)
	published := plainClient(t, addr).Subscribe(context.Background(), "mesh:record:r")
	defer func() { _ = published.Close() }()
	if _, err := published.Receive(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		asks, asksLater redis.Taker // a change comes in between
		isTurned        bool        // who has asked later goes on first
		heard           string
	}{
		{one, all, false, " 1a 2b"},
		{one, all, true, " 4b"},
		{all, one, true, " 6b"},
		{all, one, false, " 7a 8b"},
	} {
		n.put("r", "a")
		first := step.asks.Ask(context.Background())
		n.put("r", "b")
		second := step.asksLater.Ask(context.Background())
		if step.isTurned {
			first, second = second, first
		}
		for _, goOn := range []func() error{first, second} {
			if err := goOn(); err != nil {
				t.Fatal(err)
			}
		}
		n.wantHeard("r", step.heard)
		for range 2 { // what was published once they had subscribed comes after that
			m, err := published.ReceiveMessage(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			all.Deliver(m.Payload)
			one.Deliver(m.Payload)
		}
		n.wantHeard("r", "")
	}
	n.wantLost()
}

// A change is published to those of all records first: what they deliver is not
// delivered yet, and whichever channel the node gives up, the other goes on.
func TestOrderInWhichChangesArePublished(t *testing.T) {
	t.Parallel()
	addr := alone(t, time.Minute).options.Addresses[0]
	n := newRecordNode(t, addr, "a")
	heard := plainClient(t, addr).PSubscribe(context.Background(), "mesh:record*")
	defer func() { _ = heard.Close() }()
	if _, err := heard.Receive(context.Background()); err != nil {
		t.Fatal(err)
	}
	brief := recordEdit(n.get("r"), "x")
	brief.TTL = time.Millisecond
	n.commit(brief)
	for n.get("r").Number < 2 {
		<-time.After(time.Millisecond)
	}
	n.put("r", "y")
	for i, want := range []string{"mesh:records", "mesh:record:r", "mesh:records", "mesh:record:r", "mesh:records", "mesh:record:r"} {
		m, err := heard.ReceiveMessage(context.Background())
		if err != nil || m.Channel != want {
			t.Fatalf("message %d came on %q, want %q; %v", i, m.Channel, want, err)
		}
	}
}
