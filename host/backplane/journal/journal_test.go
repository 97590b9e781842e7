package journal_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/journal"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
)

var tables = []memory.Table{
	memory.RecordTable, memory.PatchTable, memory.StreamTable, memory.MessageTable, memory.RoomTable, memory.KVTable,
}

// open opens the journal of a folder, which is closed when the test ends.
func open(tb testing.TB, dir string) *journal.Journal {
	tb.Helper()
	j, err := journal.Open(journal.Options{Dir: dir})
	must(tb, err)
	tb.Cleanup(func() { _ = j.Close() })
	return j
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// put and remove are changes of one entry.
func put(t memory.Table, key, value string) []memory.JournalEntry {
	return []memory.JournalEntry{{Table: t, Key: []byte(key), Value: []byte(value)}}
}

func remove(t memory.Table, key string) []memory.JournalEntry {
	return []memory.JournalEntry{{Table: t, Key: []byte(key)}}
}

// kept appends a change and waits for it.
func kept(tb testing.TB, j *journal.Journal, change []memory.JournalEntry) {
	tb.Helper()
	must(tb, j.Wait(context.Background(), j.Append(change, nil)))
}

// load returns the entries of all tables, as table and key, and fails unless
// they come in order.
func load(j *journal.Journal) (map[string]string, error) {
	all := make(map[string]string)
	for _, table := range tables {
		last := ""
		err := j.Load(table, func(key, value []byte) error {
			if value == nil || string(key) <= last {
				return fmt.Errorf("%v: %q with %v comes after %q", table, key, value, last)
			}
			last = string(key)
			all[table.String()+" "+last] = string(value)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// want fails unless a journal holds these entries.
func want(tb testing.TB, j *journal.Journal, wanted map[string]string) {
	tb.Helper()
	got, err := load(j)
	must(tb, err)
	if !maps.Equal(got, wanted) {
		tb.Errorf("holds %d entries, want %d: %.300q, want %.300q", len(got), len(wanted), got, wanted)
	}
}

func TestReopen(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "b")
	wanted := make(map[string]string)
	for range 5 {
		j, err := journal.Open(journal.Options{Dir: dir})
		must(t, err)
		want(t, j, wanted)
		for range 500 {
			table, key := tables[rand.IntN(len(tables))], strconv.Itoa(rand.IntN(300))
			if rand.IntN(3) == 0 {
				j.Append(remove(table, key), nil)
				delete(wanted, table.String()+" "+key)
				continue
			}
			value := string(make([]byte, rand.IntN(10)*rand.IntN(3000)))
			j.Append(put(table, key, value), nil)
			wanted[table.String()+" "+key] = value
		}
		must(t, j.Close()) // writes what is pending
		must(t, j.Close())
	}
	want(t, open(t, dir), wanted)
}

func TestFilesAreTheOwners(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "store")
	open(t, dir)
	for name, mode := range map[string]os.FileMode{dir: 0o700 | os.ModeDir, filepath.Join(dir, journal.File): 0o600} {
		info, err := os.Stat(name)
		must(t, err)
		if info.Mode() != mode {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), mode)
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("there are %v (%v)", files, err)
	}
}

// Of several changes of a key, in one transaction or not, the last one counts.
func TestLastChangeCounts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := open(t, dir)
	for i := range 1000 {
		j.Append(append(put(memory.KVTable, "a", "no"), put(memory.KVTable, "a", strconv.Itoa(i))...), nil)
		j.Append(append(put(memory.KVTable, "b", "no"), remove(memory.KVTable, "b")...), nil)
		j.Append(append(remove(memory.KVTable, "c"), put(memory.KVTable, "c", "")...), nil)
	}
	must(t, j.Close())
	want(t, open(t, dir), map[string]string{"kv a": "999", "kv c": ""})
}

func TestThensComeInOrder(t *testing.T) {
	t.Parallel()
	var after atomic.Int64
	j, err := journal.Open(journal.Options{Dir: t.TempDir(), After: func() { after.Add(1) }})
	must(t, err)
	defer j.Close()
	var told []int64
	var mu sync.Mutex
	var wg sync.WaitGroup
	const each = 300
	for worker := range 4 {
		wg.Go(func() {
			for i := range each {
				change := put(memory.KVTable, strconv.Itoa(worker), "")
				if i%3 == 0 {
					change = nil
				}
				var place int64
				mu.Lock() // no one is told before the place is known
				place = j.Append(change, func() {
					mu.Lock()
					defer mu.Unlock()
					told = append(told, place)
				})
				mu.Unlock()
				if err := j.Wait(context.Background(), place); err != nil {
					t.Error(err)
				}
				mu.Lock()
				if int64(len(told)) < place || told[place-1] != place {
					t.Errorf("place %d is waited for, and not told", place)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(told) != 4*each || after.Load() != 4*each {
		t.Errorf("told %d times, helped %d times", len(told), after.Load())
	}
}

// Append blocks on nothing, not even on thens that take their time; what has been
// appended meanwhile is one commit.
func TestGroupCommit(t *testing.T) {
	t.Parallel()
	j := open(t, t.TempDir())
	hold := make(chan struct{})
	for i := range 3 { // one is told, one waits to be told, one waits to be handed on
		j.Append(put(memory.KVTable, "a", strconv.Itoa(i)), func() { <-hold })
	}
	before := j.Stats().Commits
	var last int64
	for i := range 10_000 {
		last = j.Append(put(memory.KVTable, strconv.Itoa(i), "x"), nil)
	}
	if stats := j.Stats(); stats.PendingChanges == 0 || stats.PendingBytes == 0 {
		t.Errorf("nothing is pending: %+v", stats)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := j.Wait(ctx, last); !errors.Is(err, context.Canceled) {
		t.Errorf("waited in vain: %v", err)
	}
	close(hold)
	must(t, j.Wait(context.Background(), last))
	must(t, j.Wait(ctx, last))
	must(t, j.Wait(ctx, 0))
	if err := j.Close(); err != nil {
		t.Error(err)
	}
	stats := j.Stats()
	if stats.Commits-before > 20 || stats.Changes != 10_003 || stats.PendingChanges != 0 || stats.LastCommit <= 0 ||
		stats.Committing < stats.LastCommit || stats.FileSize == 0 || stats.Bytes < 40_000 {
		t.Errorf("%+v", stats)
	}
}

// A change that is larger than a commit should be is one all the same.
func TestLargeChanges(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := open(t, dir)
	large := string(make([]byte, 9<<20))
	wanted := make(map[string]string)
	for _, key := range []string{"a", "b", "c", "d"} {
		j.Append(append(put(memory.RecordTable, key, large), put(memory.KVTable, key, large)...), nil)
		wanted["records "+key], wanted["kv "+key] = large, large
	}
	must(t, j.Close())
	if commits := j.Stats().Commits; commits != 4 {
		t.Errorf("%d commits", commits)
	}
	want(t, open(t, dir), wanted)
}

func TestClosedKeepsNothing(t *testing.T) {
	t.Parallel()
	j := open(t, t.TempDir())
	kept(t, j, put(memory.KVTable, "a", "1"))
	must(t, j.Close())
	place := j.Append(put(memory.KVTable, "a", "2"), func() { t.Error("told") })
	if err := j.Wait(context.Background(), place); !errors.Is(err, backplane.ErrUnavailable) {
		t.Errorf("waited in vain: %v", err)
	}
	must(t, j.Wait(context.Background(), 1))
	select {
	case <-j.Failed():
		t.Error("failed")
	default:
	}
}

// Every change is told once it is there, in order, and nothing is lost, whoever
// appends, waits and gives up.
func TestHammer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := open(t, dir)
	const workers, rounds = 16, 200
	var told [workers]int
	var wg sync.WaitGroup
	for worker := range workers {
		wg.Go(func() {
			key := strconv.Itoa(worker)
			for i := range rounds {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rand.IntN(3))*time.Millisecond)
				place := j.Append(put(memory.KVTable, key, strconv.Itoa(i)), func() {
					if told[worker] != i {
						t.Errorf("told of %d, and not of %d", i, told[worker])
					}
					told[worker]++
				})
				if err := j.Wait(ctx, place); err != nil && !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
				cancel()
				j.Stats()
			}
		})
	}
	wg.Wait()
	must(t, j.Close())
	wanted := make(map[string]string)
	for worker := range workers {
		wanted["kv "+strconv.Itoa(worker)] = strconv.Itoa(rounds - 1)
		if told[worker] != rounds {
			t.Errorf("worker %d was told %d times", worker, told[worker])
		}
	}
	want(t, open(t, dir), wanted)
}

func TestLoadEndsWithTheError(t *testing.T) {
	t.Parallel()
	j := open(t, t.TempDir())
	for _, key := range []string{"a", "b", "c"} {
		kept(t, j, put(memory.KVTable, key, key))
	}
	enough := errors.New("enough")
	var seen string
	if err := j.Load(memory.KVTable, func(key, _ []byte) error {
		if seen += string(key); seen == "ab" {
			return enough
		}
		return nil
	}); err != enough || seen != "ab" { //nolint:errorlint // as it is
		t.Errorf("saw %q, and got %v", seen, err)
	}
}

// What is kept already is waited for without a look at anything shared.
func TestWaitAllocatesNothing(t *testing.T) {
	j := open(t, t.TempDir())
	kept(t, j, put(memory.KVTable, "a", ""))
	ctx := context.Background()
	if n := testing.AllocsPerRun(100, func() { _ = j.Wait(ctx, 1) }); n != 0 {
		t.Errorf("allocates %v times", n)
	}
}
