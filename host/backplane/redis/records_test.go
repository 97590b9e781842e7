package redis_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/backplanetest"
	"github.com/mesh-host/mesh-host/host/backplane/redis"
)

// recordNode is a node with what it was told of records.
type recordNode struct {
	*redis.Node
	*recordEar
	tb testing.TB
}

// recordEar is a receiver that writes down what it is told of records.
type recordEar struct {
	*backplanetest.Recorder

	mu     sync.Mutex
	told   map[string][]backplane.RecordChange
	wrote  map[string][]backplane.RecordChange
	losses []backplane.Topic
}

func newRecordNode(tb testing.TB, addr, id string) *recordNode {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	opened, err := redis.Open(ctx, id, redis.Options{Addresses: []string{addr}, Lease: time.Minute, Timeout: 10 * time.Second})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := opened.Close(); err != nil {
			tb.Error(err)
		}
	})
	ear := &recordEar{
		Recorder: backplanetest.NewRecorder(),
		told:     make(map[string][]backplane.RecordChange), wrote: make(map[string][]backplane.RecordChange),
	}
	opened.Attach(ear)
	return &recordNode{opened, ear, tb}
}

// Record implements backplane.Receiver, as do Wrote and Lost.
func (n *recordEar) Record(c backplane.RecordChange) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.told[c.ID] = append(n.told[c.ID], c)
}

func (n *recordEar) Wrote(c backplane.RecordChange) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.wrote[c.ID] = append(n.wrote[c.ID], c)
}

func (n *recordEar) Lost(t backplane.Topic) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.losses = append(n.losses, t)
}

// heard returns what the node was told of a record, and takes it away.
func (n *recordEar) heard(id string) []backplane.RecordChange {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := n.told[id]
	delete(n.told, id)
	return all
}

// lost returns what was lost, and takes it away.
func (n *recordEar) lost() []backplane.Topic {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := n.losses
	n.losses = nil
	return all
}

// awaitRecord waits until the node was told of a version of a record.
func (n *recordNode) awaitRecord(id string, number int64) []backplane.RecordChange {
	n.tb.Helper()
	late := time.After(30 * time.Second)
	for {
		n.mu.Lock()
		all := slices.Clone(n.told[id])
		n.mu.Unlock()
		if len(all) > 0 && all[len(all)-1].Number >= number {
			return all
		}
		select {
		case <-time.After(time.Millisecond):
		case <-late:
			n.tb.Fatalf("%s was told %d versions of %q, not number %d", n.ID(), len(all), id, number)
		}
	}
}

func (n *recordNode) get(id string) backplane.Record {
	n.tb.Helper()
	r, err := n.Records().Get(context.Background(), id)
	if err != nil {
		n.tb.Error(err)
	}
	return r
}

// recordEdit is a write of a value, "" to delete, to a record as it was read.
func recordEdit(r backplane.Record, value string) backplane.RecordWrite {
	w := backplane.RecordWrite{
		ID: r.ID, Expect: r.Version, Patch: []byte(string(r.Value) + ">" + value),
		Tombstone: time.Hour, Log: 64, LogSize: 1 << 20, By: "someone",
	}
	if value != "" {
		w.Value = []byte(value)
	}
	return w
}

// put makes a record's next version, "" to delete it.
func (n *recordNode) put(id, value string) backplane.Version {
	n.tb.Helper()
	return n.commit(recordEdit(n.get(id), value))
}

func (n *recordNode) commit(writes ...backplane.RecordWrite) backplane.Version {
	n.tb.Helper()
	versions, found, err := n.Records().Commit(context.Background(), writes, 1<<40)
	if err != nil || found != nil {
		n.tb.Fatalf("commit: found %+v, %v", found, err)
	}
	return versions[0]
}

func (n *recordNode) subscribe(kind backplane.Kind, name string) {
	n.tb.Helper()
	if err := n.Bus().Subscribe(context.Background(), backplane.Topic{Kind: kind, Name: name}); err != nil {
		n.tb.Fatal(err)
	}
}

func (n *recordNode) unsubscribe(kind backplane.Kind, name string) {
	n.tb.Helper()
	if err := n.Bus().Unsubscribe(context.Background(), backplane.Topic{Kind: kind, Name: name}); err != nil {
		n.tb.Fatal(err)
	}
}

// plainClient is another program's client.
func plainClient(tb testing.TB, addr string) *goredis.Client {
	tb.Helper()
	client := goredis.NewClient(&goredis.Options{Addr: addr, Protocol: 2, ReadTimeout: 20 * time.Second})
	tb.Cleanup(func() { _ = client.Close() })
	return client
}

// command runs a command of another program.
func command(tb testing.TB, client *goredis.Client, args ...any) {
	tb.Helper()
	if err := client.Do(context.Background(), args...).Err(); err != nil && !errors.Is(err, goredis.Nil) {
		tb.Fatalf("%v: %v", args, err)
	}
}

// wantOneByOne fails unless changes are all versions after one.
func wantOneByOne(t *testing.T, what string, changes []backplane.RecordChange, after int64) {
	t.Helper()
	for i, c := range changes {
		if c.Number != after+int64(i)+1 {
			t.Fatalf("%s: change %d after %d is version %d", what, i, after, c.Number)
		}
	}
}

// Writers on three nodes raise one number, each from what it has read, while the
// server forgets its scripts.
func TestWritersOfOneRecordOnThreeNodes(t *testing.T) {
	t.Parallel()
	addr := alone(t, time.Minute).options.Addresses[0]
	client := plainClient(t, addr)
	const writers, each = 16, 12
	var nodes []*recordNode
	for i := range 3 {
		n := newRecordNode(t, addr, strconv.Itoa(i))
		n.subscribe(backplane.RecordOf, "r")
		if i == 1 {
			n.subscribe(backplane.AllRecords, "")
		}
		nodes = append(nodes, n)
	}
	var wg sync.WaitGroup
	for i := range 3 * writers {
		wg.Go(func() {
			n := nodes[i%3]
			for round := range each {
				n.raise("r")
				if i == 0 && round%3 == 1 {
					command(t, client, "SCRIPT", "FLUSH")
				}
			}
		})
	}
	wg.Wait()
	const all = 3 * writers * each
	wrote := 0
	for _, n := range nodes {
		if r := n.get("r"); r.Number != all || string(r.Value) != strconv.Itoa(all) {
			t.Errorf("%s: %q at %d, want %d", n.ID(), r.Value, r.Number, all)
		}
		told := n.awaitRecord("r", all)
		wantOneByOne(t, n.ID(), told, 0)
		for _, c := range told {
			if string(c.Patch) != strings.TrimPrefix(strconv.FormatInt(c.Number-1, 10), "0")+">"+string(c.Value) {
				t.Fatalf("the patch of version %d is %q", c.Number, c.Patch)
			}
		}
		last := int64(0)
		for _, c := range n.wrote["r"] {
			if c.Number <= last {
				t.Fatalf("%s wrote %d after %d", n.ID(), c.Number, last)
			}
			last = c.Number
		}
		wrote += len(n.wrote["r"])
	}
	if wrote != all {
		t.Errorf("%d writers were told, want %d", wrote, all)
	}
}

// raise adds one to a record's number.
func (n *recordNode) raise(id string) {
	now := n.get(id)
	for {
		number, _ := strconv.Atoi(string(now.Value))
		versions, found, err := n.Records().Commit(context.Background(),
			[]backplane.RecordWrite{recordEdit(now, strconv.Itoa(number+1))}, 1<<30)
		if err != nil {
			n.tb.Error(err)
			return
		}
		if versions != nil {
			return
		}
		now = found[0]
	}
}

// However records came and went, only what has no end is left in Redis.
func TestNothingIsLeftOfRecords(t *testing.T) {
	t.Parallel()
	addr := alone(t, time.Minute).options.Addresses[0]
	nodes := []*recordNode{newRecordNode(t, addr, "a"), newRecordNode(t, addr, "b")}
	var wg sync.WaitGroup
	for worker := range 6 {
		wg.Go(func() {
			for range 150 {
				nodes[worker%2].comeAndGo()
			}
		})
	}
	wg.Wait()
	client := plainClient(t, addr)
	left := []string{"mesh:era", "mesh:record-floor", "mesh:record-seq"}
	late := time.After(20 * time.Second)
	for {
		if err := nodes[0].ExpireRecords(context.Background()); err != nil {
			t.Fatal(err)
		}
		keys := slices.DeleteFunc(client.Keys(context.Background(), "mesh:*").Val(), func(key string) bool {
			return slices.Contains([]string{"mesh:nodes", "mesh:incarnations", "mesh:inboxes"}, key)
		})
		if slices.Sort(keys); slices.Equal(keys, left) {
			return
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-late:
			t.Fatalf("left: %q", keys)
		}
	}
}

// comeAndGo writes records that end within a moment, often without success.
func (n *recordNode) comeAndGo() {
	var writes []backplane.RecordWrite
	for _, i := range rand.Perm(10)[:1+rand.IntN(3)] {
		w := recordEdit(n.get("r"+strconv.Itoa(i)), strings.Repeat("x", rand.IntN(20)))
		w.TTL, w.Tombstone = time.Duration(1+rand.IntN(60))*time.Millisecond, time.Duration(rand.IntN(60))*time.Millisecond
		w.Keep, w.Log, w.LogSize = rand.IntN(4) == 0, rand.IntN(4), rand.IntN(100)
		if rand.IntN(10) == 0 {
			w.Expect.Number--
		}
		writes = append(writes, w)
	}
	_, _, err := n.Records().Commit(context.Background(), writes, int64(rand.IntN(3)*700))
	if err != nil && !errors.Is(err, backplane.ErrFull) {
		n.tb.Error(err)
	}
}

// What another program has left under a record's key is an error for that record
// alone.
func TestKeysOfAnotherProgramAmongRecords(t *testing.T) {
	t.Parallel()
	addr := alone(t, time.Minute).options.Addresses[0]
	n := newRecordNode(t, addr, "a")
	client := plainClient(t, addr)
	ctx := context.Background()
	for _, id := range []string{"a", "b", "c", "log"} {
		w := recordEdit(backplane.Record{ID: id}, "one")
		w.TTL = 300 * time.Millisecond
		n.commit(w)
	}
	n.put("stays", "one")
	for _, key := range []string{"mesh:record:b", "mesh:patches:log"} {
		command(t, client, "DEL", key)
		command(t, client, "SET", key, "not ours")
	}
	command(t, client, "SET", "mesh:record:new", "not ours")
	if _, err := n.Records().Get(ctx, "b"); err == nil {
		t.Error("a record was read from another program's key")
	}
	good := n.get("stays")
	for _, id := range []string{"b", "new", "log"} {
		_, _, err := n.Records().Commit(ctx, []backplane.RecordWrite{recordEdit(good, "two"), recordEdit(backplane.Record{ID: id}, "x")}, 0)
		if err == nil {
			t.Errorf("%s was written to another program's key", id)
		}
	}
	if got := n.get("stays"); got.Number != 1 {
		t.Errorf("a part of a transaction was made: %+v", got)
	}
	command(t, client, "RENAME", "mesh:record-ends", "elsewhere")
	command(t, client, "SET", "mesh:record-ends", "not ours")
	timed := recordEdit(backplane.Record{ID: "timed"}, "1")
	timed.TTL = time.Hour
	for _, writes := range [][]backplane.RecordWrite{{timed}, {recordEdit(good, "two"), timed}} {
		if _, _, err := n.Records().Commit(ctx, writes, 0); err == nil {
			t.Error("committed")
		}
	}
	if got := n.get("stays"); got.Number != 1 || n.get("timed").Value != nil {
		t.Errorf("a part of a transaction was made: %+v", got)
	}
	command(t, client, "RENAME", "elsewhere", "mesh:record-ends")
	page, _, err := n.Records().List(ctx, backplane.RecordQuery{Limit: 10, Values: true})
	if err != nil || len(page) < 2 {
		t.Errorf("listed %+v, %v", page, err)
	}
	<-time.After(400 * time.Millisecond)
	if err := n.ExpireRecords(ctx); err != nil {
		t.Error(err)
	}
	if client.HExists(ctx, "mesh:record:a", "v").Val() || client.HExists(ctx, "mesh:record:c", "v").Val() {
		t.Error("the others have not expired")
	}
	if got := client.Get(ctx, "mesh:record:b").Val(); got != "not ours" {
		t.Errorf("another program's key is %q", got)
	}
}

// Another era is another epoch of each record; versions go on, what patches were
// made before are not offered, and the next change has none.
func TestEraOfRecords(t *testing.T) {
	t.Parallel()
	addr := alone(t, time.Minute).options.Addresses[0]
	n := newRecordNode(t, addr, "a")
	n.subscribe(backplane.RecordOf, "r")
	n.put("r", "one")
	before := n.put("r", "two")
	command(t, plainClient(t, addr), "HSET", "mesh:era", "server", strings.Repeat("0", 40))
	now := n.get("r")
	if now.Number != 2 || now.Epoch == before.Epoch || string(now.Value) != "two" {
		t.Errorf("%+v after %+v", now, before)
	}
	for from, want := range map[backplane.Version]bool{
		before: false, {Epoch: before.Epoch, Number: 1}: false, {Epoch: now.Epoch, Number: 1}: false, now.Version: true,
	} {
		if _, patches, ok, err := n.Records().Since(context.Background(), "r", from); ok != want || patches != nil || err != nil {
			t.Errorf("since %+v: %v, %v, %v", from, patches, ok, err)
		}
	}
	if _, found, _ := n.Records().Commit(context.Background(), []backplane.RecordWrite{recordEdit(backplane.Record{ID: "r", Version: before}, "x")}, 0); len(found) != 1 {
		t.Error("written at a version of the era before")
	}
	next := n.put("r", "three")
	if next.Epoch != now.Epoch || next.Number != 3 {
		t.Errorf("%+v after %+v", next, now)
	}
	told := n.awaitRecord("r", 3)
	if last := told[len(told)-1]; last.Patch != nil || string(last.Value) != "three" {
		t.Errorf("told %+v", last)
	}
	if _, patches, ok, _ := n.Records().Since(context.Background(), "r", now.Version); !ok || len(patches) != 1 {
		t.Errorf("patches in the new era: %v, %v", patches, ok)
	}
	n.put("r", "four")
	if told := n.awaitRecord("r", 4); string(told[len(told)-1].Patch) != "three>four" {
		t.Errorf("told %+v", told[len(told)-1])
	}
}

// Whoever subscribes to a record gets each of its versions once, in order, while
// the node subscribes to all records and takes that back, again and again, and
// the other way round.
func TestSubscribingToOneRecordAndToAll(t *testing.T) {
	t.Parallel()
	addr := alone(t, time.Minute).options.Addresses[0]
	writer := newRecordNode(t, addr, "writer")
	one, all := newRecordNode(t, addr, "one"), newRecordNode(t, addr, "all")
	one.subscribe(backplane.RecordOf, "r")
	all.subscribe(backplane.AllRecords, "")
	const versions = 600
	done := make(chan struct{})
	var wg sync.WaitGroup
	toggle := func(n *recordNode, kind backplane.Kind, name string) {
		for {
			n.subscribe(kind, name)
			<-time.After(time.Duration(rand.IntN(1000)) * time.Microsecond)
			n.unsubscribe(kind, name)
			select {
			case <-done:
				return
			case <-time.After(time.Duration(rand.IntN(500)) * time.Microsecond):
			}
		}
	}
	wg.Go(func() { toggle(one, backplane.AllRecords, "") })
	wg.Go(func() { toggle(all, backplane.RecordOf, "r") })
	for i := range versions {
		writer.put("r", strconv.Itoa(i))
	}
	close(done)
	wg.Wait()
	for _, n := range []*recordNode{one, all} {
		told := n.awaitRecord("r", versions)
		wantOneByOne(t, n.ID(), told, 0)
		if len(told) != versions {
			t.Errorf("%s was told %d times", n.ID(), len(told))
		}
	}
}

// A transaction as large as can be, and reading what it has made.
func TestLargeTransactionOfRecords(t *testing.T) {
	t.Parallel()
	n := newRecordNode(t, alone(t, time.Minute).options.Addresses[0], "a")
	const many = 1000
	value := strings.Repeat("0123456789", 100)
	for round := range 2 {
		var writes []backplane.RecordWrite
		for i := range many {
			writes = append(writes, recordEdit(n.get("r"+strconv.Itoa(i)), value))
		}
		begun := time.Now()
		n.commit(writes...)
		t.Logf("round %d: %d writes in %v", round, many, time.Since(begun))
		writes[0].Expect.Number += 5
		if _, found, err := n.Records().Commit(context.Background(), writes, 0); err != nil || len(found) != many {
			t.Errorf("%d found, %v", len(found), err)
		}
	}
	seen, cursor := make(map[string]bool), ""
	for {
		page, next, err := n.Records().List(context.Background(), backplane.RecordQuery{Values: true, Cursor: cursor, Limit: 1 << 20, Bytes: 100_000})
		if err != nil || len(page) > 100 {
			t.Fatalf("%d listed, %v", len(page), err)
		}
		for _, r := range page {
			seen[r.ID] = string(r.Value) == value && r.Number == 2
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	if len(seen) != many {
		t.Errorf("%d listed", len(seen))
	}
	for _, bad := range []string{"?", "no cursor", "\x00\xff", "-1", " "} {
		if _, _, err := n.Records().List(context.Background(), backplane.RecordQuery{Cursor: bad, Limit: 1}); !errors.Is(err, backplane.ErrCursor) {
			t.Errorf("cursor %q: %v", bad, err)
		}
	}
}

// More records have ended than one script ends, and all of them make room.
func TestManyEndedRecordsMakeRoom(t *testing.T) {
	t.Parallel()
	n := newRecordNode(t, alone(t, time.Minute).options.Addresses[0], "a")
	const many = 700
	var writes []backplane.RecordWrite
	for i := range many {
		w := recordEdit(backplane.Record{ID: "r" + strconv.Itoa(1000+i)}, "1")
		w.TTL, w.Tombstone = 50*time.Millisecond, time.Millisecond
		writes = append(writes, w)
	}
	n.commit(writes...)
	<-time.After(100 * time.Millisecond)
	limit := int64(many * (backplane.RecordOverhead + 20))
	large := recordEdit(backplane.Record{ID: "large"}, strings.Repeat("x", int(limit)-backplane.RecordOverhead-20))
	large.Log = 0
	if _, found, err := n.Records().Commit(context.Background(), []backplane.RecordWrite{large}, limit); found != nil || err != nil {
		t.Errorf("found %v, %v", found, err)
	}
	if _, found, err := n.Records().Commit(context.Background(), []backplane.RecordWrite{recordEdit(backplane.Record{ID: "more"}, "1")}, limit); !errors.Is(err, backplane.ErrFull) {
		t.Errorf("found %v, %v", found, err)
	}
}
