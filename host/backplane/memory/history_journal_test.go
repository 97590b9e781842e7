package memory_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/backplanetest"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
)

// listener is a receiver that writes down what comes on channels, as text.
type listener struct {
	*backplanetest.Recorder
	mu    sync.Mutex
	heard []string
}

func (l *listener) Message(_ string, m backplane.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = append(l.heard, string(m.Data))
}

// listen has a node listen to a channel.
func listen(t *testing.T, n *memory.Node, channel string) *listener {
	t.Helper()
	l := &listener{Recorder: backplanetest.NewRecorder()}
	n.Attach(l)
	must(t, n.Bus().Subscribe(ctx, backplane.Topic{Kind: backplane.Channel, Name: channel}))
	return l
}

func (l *listener) want(t *testing.T, heard ...string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Equal(l.heard, heard) {
		t.Errorf("heard %q, want %q", l.heard, heard)
	}
}

// say publishes a text.
func say(ctx context.Context, n *memory.Node, channel, text string, keep backplane.Keep) error {
	_, err := n.Channels().Publish(ctx, channel, []byte(text), keep)
	return err
}

// saying is say as something that waits.
func saying(n *memory.Node, channel, text string, keep backplane.Keep) func(context.Context) error {
	return func(ctx context.Context) error { return say(ctx, n, channel, text, keep) }
}

// Nothing is delivered, acknowledged or shown before it is kept.
func TestMessagesAreKeptFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		n := open(t, l).Node("a")
		ear := listen(t, n, "c")
		must(t, say(ctx, n, "c", "passing", backplane.Keep{}))
		ear.want(t, "passing")
		waits(t, "publish", saying(n, "c", "one", keep10))
		waits(t, "publish to a stream", saying(n, "c", "two", backplane.Keep{}))
		look := func(q backplane.Query) func(context.Context) error {
			return func(ctx context.Context) error { _, err := n.Channels().Read(ctx, "c", q); return err }
		}
		waits(t, "read", look(backplane.Query{}))
		waits(t, "a look at the position", look(backplane.Query{Limit: -1}))
		ear.want(t, "passing")
		l.keep(1)
		ear.want(t, "passing", "one")
		waits(t, "read", look(backplane.Query{}))
		l.keep(1)
		ear.want(t, "passing", "one", "two")
		must(t, look(backplane.Query{})(ctx))

		waits(t, "a query that keeps more", look(backplane.Query{Keep: backplane.Keep{Count: 20}}))
		l.keepAll()
		must(t, look(backplane.Query{Keep: backplane.Keep{Count: 20}})(ctx))
		l.fail()
		fails(t, "publish", saying(n, "c", "three", keep10))
		fails(t, "read", look(backplane.Query{}))
		ear.want(t, "passing", "one", "two")
		must(t, say(ctx, n, "d", "no stream", backplane.Keep{}))
	})
}

// A message of no stream does not overtake those of a stream that has gone, nor
// one that waits for them.
func TestNothingOvertakesAStreamThatIsGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		s, err := memory.Open(memory.Options{Journal: l, HistorySize: 5000})
		must(t, err)
		n := s.Node("a")
		ear := listen(t, n, "c")
		waits(t, "publish", saying(n, "c", "1", keep10))
		waits(t, "publish", saying(n, "c", "2", keep10))
		<-time.After(time.Second)
		waits(t, "publish what takes the room", saying(n, "other", strings.Repeat("x", 4500), keep10))
		if stats := s.Stats(); stats.Streams != 1 {
			t.Fatalf("the stream has not gone: %+v", stats)
		}
		data := []byte("3")
		waits(t, "publish after it", func(ctx context.Context) error {
			_, err := n.Channels().Publish(ctx, "c", data, backplane.Keep{})
			return err
		})
		clear(data)
		waits(t, "publish after it", saying(n, "c", "4", backplane.Keep{}))
		waits(t, "publish to another", saying(n, "c", "5", keep10))
		ear.want(t)
		l.keepAll()
		ear.want(t, "1", "2", "3", "4", "5")
		<-time.After(time.Second)
		waits(t, "publish what takes the room", saying(n, "other", strings.Repeat("x", 4500), keep10))
		l.keepAll()
		must(t, say(ctx, n, "c", "6", backplane.Keep{}))
		ear.want(t, "1", "2", "3", "4", "5", "6")
	})
}

// imageOfStreams is all that can be seen of channels, save those on which
// nothing was ever published.
func imageOfStreams(t *testing.T, n *memory.Node) map[string]string {
	t.Helper()
	seen := make(map[string]string)
	for i := range 12 {
		channel := "c" + strconv.Itoa(i)
		if page := read(t, n, channel, backplane.Query{}); page.Offset > 0 {
			seen[channel] = fmt.Sprintf("%+v", page)
		}
	}
	return seen
}

var data = regexp.MustCompile(`Data:\[[ 0-9]*\]`)

// brief is a page without what its messages say.
func brief(page string) string { return data.ReplaceAllString(page, "…") }

// chatter publishes and reads at random, and lets time pass: seconds, since each
// costs a node that runs the same, and only how long messages last counts beside it.
func chatter(t *testing.T, n *memory.Node) {
	t.Helper()
	channel := "c" + strconv.Itoa(rand.IntN(12))
	keep := backplane.Keep{Count: rand.IntN(12), TTL: time.Duration(rand.IntN(3)) * 6 * time.Second}
	switch rand.IntN(20) {
	case 0:
		read(t, n, channel, backplane.Query{Keep: keep})
	case 1:
		publish(t, n, channel, 25_000, keep) // too large
	case 2:
		<-time.After(time.Duration(rand.IntN(100)) * 100 * time.Millisecond)
	case 3:
		publish(t, n, channel, 5000, keep)
	default:
		publish(t, n, channel, rand.IntN(100), keep)
	}
}

// Whatever was published, another store finds it as it was: epochs, offsets,
// times, and what has been trimmed.
func TestStreamsAreLoaded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		l.lag = 0 // so that what waits is kept within a moment
		l.run(t)
		options := memory.Options{Journal: l, HistorySize: 20_000}
		s, err := memory.Open(options)
		must(t, err)
		n := s.Node("a")
		stop := runUntil(n)
		defer func() { stop() }()
		for i := range 1500 {
			if chatter(t, n); i%50 != 49 {
				continue
			}
			want := imageOfStreams(t, n)
			synctest.Wait() // what had to go, also for being read when it was too old, has gone from the journal, too
			after := l.crash()
			after.lag = 0
			options.Journal = after.run(t)
			again, err := memory.Open(options)
			must(t, err)
			if got := imageOfStreams(t, again.Node("a")); !maps.Equal(got, want) {
				for channel, page := range want {
					if got[channel] != page {
						t.Errorf("%s is loaded as %s, not %s", channel, brief(got[channel]), brief(page))
					}
				}
				for channel, page := range got {
					if want[channel] == "" {
						t.Errorf("%s is loaded as %s, and was not there", channel, brief(page))
					}
				}
				t.FailNow()
			}
			synctest.Wait()
			_, streams := after.count(memory.StreamTable)
			if _, messages := after.count(memory.MessageTable); streams != len(want) || messages > strings.Count(fmt.Sprint(want), "Data") {
				t.Fatalf("%d streams and %d messages are kept of %v", streams, messages, want)
			}
			if rand.IntN(5) == 0 { // go on with this one
				stop() // a node that runs costs time as long as it does
				l, n = after, again.Node("a")
				stop = runUntil(n)
			}
		}
	})
}

// A stream goes on with its epoch and its next offset; one that only was asked
// for begins anew.
func TestStreamsGoOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLedger().run(t)
		n := open(t, l).Node("a")
		asked := read(t, n, "asked", backplane.Query{Keep: keep10})
		first := publish(t, n, "c", 5, backplane.Keep{Count: 3, TTL: time.Hour})
		for range 5 {
			publish(t, n, "c", 5, backplane.Keep{})
		}
		told := read(t, n, "told", backplane.Query{Keep: keep10})
		publish(t, n, "told", 5, backplane.Keep{})

		n = open(t, l.crash().run(t)).Node("a")
		if again := read(t, n, "asked", backplane.Query{Keep: keep10}); again.Epoch == asked.Epoch {
			t.Error("a stream without messages has survived")
		}
		if again := read(t, n, "told", backplane.Query{}); again.Epoch != told.Epoch || again.Offset != 1 {
			t.Errorf("the stream %+v has become %+v", told.Position, again)
		}
		if next := publish(t, n, "c", 5, backplane.Keep{}); next != (backplane.Position{Epoch: first.Epoch, Offset: 7}) {
			t.Errorf("after %+v comes %+v", first, next)
		}
		if page := read(t, n, "c", backplane.Query{}); page.Oldest != 5 || len(page.Messages) != 3 {
			t.Errorf("it has become %+v", page)
		}
	})
}

// While the store was not there messages grew old, and streams idle.
func TestMessagesGrowOldWhileNotLoaded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLedger().run(t)
		n := open(t, l).Node("a")
		short := backplane.Keep{Count: 10, TTL: time.Minute}
		for range 3 {
			publish(t, n, "short", 5, short)
			publish(t, n, "mixed", 5, short)
		}
		<-time.After(40 * time.Second)
		last := publish(t, n, "mixed", 5, short)
		<-time.After(40 * time.Second)

		after := l.crash().run(t)
		n = open(t, after).Node("a")
		if page := read(t, n, "mixed", backplane.Query{}); page.Position != last || page.Oldest != 4 || len(page.Messages) != 1 {
			t.Errorf("of the one %+v is left", page)
		}
		if page := read(t, n, "short", backplane.Query{}); page.Offset != 3 || page.Oldest != 4 || page.Messages != nil {
			t.Errorf("of the other %+v is left", page)
		}
		if _, messages := after.count(memory.MessageTable); messages != 1 {
			t.Errorf("%d messages are kept", messages)
		}
		// Nothing has become younger by that.
		<-time.After(21 * time.Second)
		if page := read(t, n, "mixed", backplane.Query{}); page.Position != last || page.Messages != nil {
			t.Errorf("of the one %+v is left", page)
		}
		<-time.After(11 * time.Minute)
		final := after.crash().run(t)
		if stats := open(t, final).Stats(); stats.Streams != 0 || stats.History != 0 {
			t.Errorf("left: %+v", stats)
		}
		for _, table := range []memory.Table{memory.StreamTable, memory.MessageTable} {
			if _, entries := final.count(table); entries != 0 {
				t.Errorf("%d %s are kept", entries, table)
			}
		}
	})
}

// What no longer fits goes, the longest unused streams first, and what is left
// is whole.
func TestStreamsAreLoadedIntoLess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLedger().run(t)
		n := open(t, l).Node("a")
		for i := range 100 {
			for range 5 {
				publish(t, n, "c"+strconv.Itoa(i%50), 200, backplane.Keep{Count: 100})
			}
			<-time.After(time.Second)
		}
		for _, size := range []int64{90_000, 30_000, 2500, 100} {
			after := l.crash().run(t)
			s, err := memory.Open(memory.Options{Journal: after, HistorySize: size})
			must(t, err)
			n := s.Node("a")
			stats := s.Stats()
			if stats.History > size || size > 1000 && stats.History < size-3000 {
				t.Errorf("%d bytes of %d are in use", stats.History, size)
			}
			for i := range 50 {
				page := read(t, n, "c"+strconv.Itoa(i), backplane.Query{})
				if there := i >= 50-stats.Streams; there != (len(page.Messages) == 10) || !there && page.Epoch != "" {
					t.Errorf("of %d streams the %dth is %+v", stats.Streams, i, page.Position)
				}
			}
			_, streams := after.count(memory.StreamTable)
			_, messages := after.count(memory.MessageTable)
			if streams != stats.Streams || messages != 10*streams {
				t.Errorf("%d messages of %d streams are kept, %d are there", messages, streams, stats.Streams)
			}
		}
	})
}

// hearer is a receiver that writes down the last offset of each channel.
type hearer struct {
	*backplanetest.Recorder
	mu   sync.Mutex
	seen map[string]backplane.Position
}

func (h *hearer) Message(channel string, m backplane.Message) { h.see(channel, m.Position) }

func (h *hearer) see(channel string, at backplane.Position) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.seen[channel].Offset < at.Offset {
		h.seen[channel] = at
	}
}

// However the process dies, what anyone has seen is there again.
func TestMessagesSurviveCrashes(t *testing.T) {
	t.Parallel()
	l := newLedger().run(t)
	channels := []string{"c0", "c1", "c2"}
	for range 10 {
		n := open(t, l).Node("a")
		h := &hearer{Recorder: backplanetest.NewRecorder(), seen: make(map[string]backplane.Position)}
		n.Attach(h)
		for _, channel := range channels {
			must(t, n.Bus().Subscribe(ctx, backplane.Topic{Kind: backplane.Channel, Name: channel}))
		}
		until, cancel := context.WithCancel(ctx)
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				for i := 0; until.Err() == nil; i++ {
					channel := channels[rand.IntN(len(channels))]
					if i%2 == 0 {
						if at, err := n.Channels().Publish(until, channel, []byte("m"), keep10); err == nil {
							h.see(channel, at)
						}
					} else if page, err := n.Channels().Read(until, channel, backplane.Query{}); err == nil {
						h.see(channel, page.Position)
					}
					if i == 100 {
						l.freeze()
						cancel()
					}
				}
			})
		}
		wg.Wait()
		cancel()
		l = l.crash().run(t)
		n = open(t, l).Node("a")
		for channel, at := range h.seen {
			page := read(t, n, channel, backplane.Query{})
			if page.Epoch != at.Epoch || page.Offset < at.Offset || len(page.Messages) != int(min(10, page.Offset)) {
				t.Errorf("%s: %+v was seen, and there are %+v and %d messages", channel, at, page.Position, len(page.Messages))
			}
		}
	}
}
