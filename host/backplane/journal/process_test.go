package journal_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/journal"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
)

// The environment of a process that a test starts: the folder of its journal,
// and the size that its files may have.
const (
	childDir  = "JOURNAL_TEST_DIR"
	childSize = "JOURNAL_TEST_SIZE"
)

// writers is how many write at once in a child. Each counts its own key up, in
// a change of two entries, and says each number on its output once it is kept.
const writers = 8

func child(dir string) int {
	if size, err := strconv.ParseUint(os.Getenv(childSize), 10, 64); err == nil {
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: size}); err != nil {
			fmt.Println("error", err)
			return 1
		}
	}
	j, err := journal.Open(journal.Options{Dir: dir})
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	counts, err := load(j)
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	fmt.Println("ready")
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() { count(j, strconv.Itoa(i), counts) })
	}
	wg.Wait()
	<-j.Failed()
	fmt.Println("failed", j.Err())
	if err := j.Wait(context.Background(), j.Append(nil, nil)); err == nil {
		fmt.Println("error: what comes after is kept")
	}
	fmt.Println("closed", j.Close() != nil)
	return 0
}

// count counts a key up until that fails.
func count(j *journal.Journal, key string, counts map[string]string) {
	n, _, _ := strings.Cut(counts["kv "+key], " ")
	at, _ := strconv.Atoi(n)
	for {
		at++
		value := strconv.Itoa(at) + " " + strings.Repeat("x", rand.IntN(2000))
		change := append(put(memory.KVTable, key, value), put(memory.MessageTable, fmt.Sprintf("%s %09d", key, at), value)...)
		if err := j.Wait(context.Background(), j.Append(change, nil)); err != nil {
			if !errors.Is(err, backplane.ErrUnavailable) {
				fmt.Println("error", err)
			}
			return
		}
		if _, err := fmt.Println(key, at); err != nil {
			return
		}
	}
}

// process starts a child and reads what it says until it ends. Its numbers are
// in said, other lines in lines.
type process struct {
	*exec.Cmd
	ready chan struct{}
	said  map[string]int
	lines []string
	ended sync.WaitGroup
}

func start(t *testing.T, dir, size string) *process {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	p := &process{Cmd: exec.CommandContext(t.Context(), self), ready: make(chan struct{}), said: make(map[string]int)}
	p.Env = append(os.Environ(), childDir+"="+dir, childSize+"="+size)
	out, err := p.StdoutPipe()
	must(t, err)
	must(t, p.Start())
	p.ended.Go(func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			key, rest, _ := strings.Cut(s.Text(), " ")
			switch at, err := strconv.Atoi(rest); {
			case s.Text() == "ready":
				close(p.ready)
			case err == nil:
				p.said[key] = at
			default:
				p.lines = append(p.lines, s.Text())
			}
		}
	})
	return p
}

// verify fails unless a journal has whatever was said to be kept, with nothing
// missing in between, and each change as a whole. It may have one change more
// of each writer, which the next process goes on from.
func verify(t *testing.T, dir string, said map[string]int) {
	t.Helper()
	j, err := journal.Open(journal.Options{Dir: dir})
	must(t, err)
	all, err := load(j)
	must(t, err)
	must(t, j.Close())
	entries := 0
	for i := range writers {
		key := strconv.Itoa(i)
		value := all["kv "+key]
		n, _, _ := strings.Cut(value, " ")
		at, _ := strconv.Atoi(n)
		if at < said[key] || at > said[key]+1 {
			t.Errorf("%s is at %d, and %d was kept", key, at, said[key])
		}
		said[key] = at
		for n := range at {
			if _, there := all[fmt.Sprintf("messages %s %09d", key, n+1)]; !there {
				t.Fatalf("%s has no message %d of %d", key, n+1, at)
			}
		}
		if at > 0 && all[fmt.Sprintf("messages %s %09d", key, at)] != value {
			t.Errorf("%s is at %d, and that is half of a change", key, at)
		}
		entries += at
	}
	if found := len(all) - writers; found > entries {
		t.Errorf("%d messages are there, %d were written", found, entries)
	}
}

// A process that is killed while it writes loses nothing that it has said to be
// kept, again and again in the same folder.
func TestKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	said := make(map[string]int)
	for round := range 20 {
		p := start(t, dir, "")
		select {
		case <-p.ready:
		case <-time.After(20 * time.Second):
			t.Fatal("it does not start")
		}
		<-time.After(time.Duration(rand.IntN(100)) * time.Millisecond)
		must(t, p.Process.Kill())
		p.ended.Wait()
		_ = p.Wait()
		for key, at := range p.said {
			if at < said[key] {
				t.Errorf("%s has gone back from %d to %d", key, said[key], at)
			}
			said[key] = at
		}
		if verify(t, dir, said); t.Failed() {
			t.Fatalf("round %d: %v", round, p.lines)
		}
	}
	if said["0"] == 0 {
		t.Error("nothing was written")
	}
}

// At the very start, too: a file that is not complete yet is none.
func TestKilledAtTheStart(t *testing.T) {
	t.Parallel()
	for range 20 {
		dir := t.TempDir()
		p := start(t, dir, "")
		<-time.After(time.Duration(rand.IntN(12)) * time.Millisecond)
		must(t, p.Process.Kill())
		p.ended.Wait()
		_ = p.Wait()
		if verify(t, dir, p.said); t.Failed() {
			return
		}
	}
}

// Where the disk is full, nothing is kept any more, and no one is told that it
// is; what was kept before is there.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	for _, size := range []string{"100000", "1000000", "3333333"} {
		dir := t.TempDir()
		p := start(t, dir, size)
		p.ended.Wait()
		if err := p.Wait(); err != nil || len(p.lines) != 2 || !strings.HasPrefix(p.lines[0], "failed journal: "+dir) ||
			!strings.Contains(p.lines[0], "file too large") || p.lines[1] != "closed true" {
			t.Fatalf("%v: %q", err, p.lines)
		}
		verify(t, dir, p.said)
	}
}
