package memory_test

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
)

var keep10 = backplane.Keep{Count: 10}

func publish(t *testing.T, n *memory.Node, channel string, size int, keep backplane.Keep) backplane.Position {
	t.Helper()
	at, err := n.Channels().Publish(ctx, channel, []byte(strings.Repeat("x", size)), keep)
	must(t, err)
	return at
}

func read(t *testing.T, n *memory.Node, channel string, q backplane.Query) backplane.Page {
	t.Helper()
	page, err := n.Channels().Read(ctx, channel, q)
	must(t, err)
	return page
}

func TestLongestUnusedStreamGoesFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memory.New(memory.Options{HistorySize: 10_000})
		n := s.Node("a")
		epochs := make(map[string]string)
		for _, channel := range []string{"a", "b", "c", "d"} {
			<-time.After(time.Second)
			epochs[channel] = publish(t, n, channel, 2000, keep10).Epoch
		}
		<-time.After(time.Second)
		publish(t, n, "a", 1, keep10)
		<-time.After(time.Second)
		read(t, n, "b", backplane.Query{Keep: keep10})
		read(t, n, "c", backplane.Query{Limit: 5}) // keeps nothing: no use
		<-time.After(time.Second)
		publish(t, n, "e", 3000, keep10)
		for channel, there := range map[string]bool{"a": true, "b": true, "c": false, "d": false, "e": true} {
			if got := read(t, n, channel, backplane.Query{}).Epoch; (got != "") != there || there && channel != "e" && got != epochs[channel] {
				t.Errorf("%s has epoch %q, had %q", channel, got, epochs[channel])
			}
		}
		if again := publish(t, n, "c", 1, keep10); again.Offset != 1 || again.Epoch == epochs["c"] {
			t.Errorf("the stream that was dropped goes on at %+v", again)
		}
	})
}

func TestMessageLargerThanTheBound(t *testing.T) {
	t.Parallel()
	s := memory.New(memory.Options{HistorySize: 10_000})
	n := s.Node("a")
	other := publish(t, n, "other", 100, keep10)
	first := publish(t, n, "c", 100, keep10)
	if huge := publish(t, n, "c", 20_000, keep10); huge.Epoch != first.Epoch || huge.Offset != 2 {
		t.Errorf("a message that is not kept has position %+v", huge)
	}
	if page := read(t, n, "c", backplane.Query{}); page.Offset != 2 || page.Oldest != 3 || page.Messages != nil {
		t.Errorf("what cannot be kept leaves %+v", page)
	}
	publish(t, n, "c", 100, keep10)
	if page := read(t, n, "c", backplane.Query{}); page.Offset != 3 || page.Oldest != 3 || len(page.Messages) != 1 {
		t.Errorf("after it comes %+v", page)
	}
	if page := read(t, n, "other", backplane.Query{}); page.Position != other {
		t.Errorf("the other stream is %+v", page)
	}
	if tiny := memory.New(memory.Options{HistorySize: 10}).Node("a"); publish(t, tiny, "c", 1, keep10) != (backplane.Position{}) ||
		read(t, tiny, "c", backplane.Query{Keep: keep10}).Epoch != "" {
		t.Error("there is a stream where there is no room for one")
	}
}

// A stream that fills the store by itself keeps what fits, and its epoch.
func TestLargeStreamIsTrimmed(t *testing.T) {
	t.Parallel()
	s := memory.New(memory.Options{HistorySize: 100_000})
	n := s.Node("a")
	const count = 1000
	var at backplane.Position
	for i := range int64(count) {
		next := publish(t, n, "c", 1000, backplane.Keep{Count: count})
		if i > 0 && next.Epoch != at.Epoch {
			t.Fatal("the stream was dropped")
		}
		if at = next; s.Stats().History > 100_000 {
			t.Fatalf("holds %d bytes", s.Stats().History)
		}
	}
	page := read(t, n, "c", backplane.Query{})
	if n := len(page.Messages); n < 80 || page.Offset != count || page.Oldest != int64(count-n+1) {
		t.Errorf("%d messages are kept, from %d to %d", n, page.Oldest, page.Offset)
	}
}

func TestHistoryBoundHolds(t *testing.T) {
	t.Parallel()
	const limit = 50_000
	s := memory.New(memory.Options{HistorySize: limit})
	nodes := []*memory.Node{s.Node("a"), s.Node("b")}
	var wg sync.WaitGroup
	for worker := range 8 {
		n := nodes[worker%2]
		wg.Go(func() {
			for range 2000 {
				channel := strconv.Itoa(rand.IntN(rand.IntN(500) + 1))
				switch rand.IntN(3) {
				case 0:
					read(t, n, channel, backplane.Query{Keep: keep10})
				case 1:
					publish(t, n, channel, rand.IntN(3000), backplane.Keep{Count: 1 + rand.IntN(50)})
				case 2:
					publish(t, n, channel, rand.IntN(100), backplane.Keep{})
				}
				if held := s.Stats().History; held < 0 || held > limit {
					t.Errorf("holds %d bytes", held)
				}
			}
		})
	}
	wg.Wait()
	if stats := s.Stats(); stats.Streams == 0 || stats.History < limit/2 {
		t.Errorf("there is room for more: %+v", stats)
	}
}

func TestUnusedStreamsGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memory.New(memory.Options{})
		n := run(t, s.Node("a"))
		for i := range 200 {
			publish(t, n, "short"+strconv.Itoa(i), 10, backplane.Keep{Count: 5, TTL: time.Second})
			publish(t, n, "long"+strconv.Itoa(i), 10, backplane.Keep{Count: 5, TTL: time.Hour})
			read(t, n, "query"+strconv.Itoa(i), backplane.Query{Keep: backplane.Keep{Count: 1, TTL: time.Minute}})
		}
		full, start := s.Stats().History, time.Now()
		for _, step := range []struct {
			at      time.Duration
			streams int
		}{
			{time.Minute, 600}, {10*time.Minute - time.Second, 600}, {11 * time.Minute, 200},
			{time.Hour - time.Second, 200}, {61 * time.Minute, 0},
		} {
			<-time.After(step.at - time.Since(start))
			synctest.Wait()
			if got := s.Stats(); got.Streams != step.streams || step.streams < 600 && got.History >= full*2/3 {
				t.Errorf("after %v %d streams are left, want %d; %d of %d bytes", step.at, got.Streams, step.streams, got.History, full)
			}
		}
		if stats := s.Stats(); stats != (memory.Stats{Nodes: 1}) {
			t.Errorf("left: %+v", stats)
		}
	})
}
