package hub_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/hub/hubtest"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// counter is a socket that takes everything at once.
type counter struct{ bytes atomic.Int64 }

func (c *counter) Write(frames [][]byte) error {
	for _, f := range frames {
		c.bytes.Add(int64(len(f)))
	}
	return nil
}

func (c *counter) TryWrite(frames [][]byte) ([][]byte, error) { return nil, c.Write(frames) }
func (c *counter) Close() error                               { return nil }

// Producers may be faster than what the flusher gets of the processor: sessions
// whose sockets take everything are not slow consumers.
func TestHammerFastSocketsAreNotSlow(t *testing.T) {
	t.Parallel()
	const sessions, producers, each = 20, 4, 10_000
	h := hub.New(hub.Limits{Outbox: 256 << 10})
	wires := make([]counter, sessions)
	var all []*hub.Session
	for i := range wires {
		s := register(t, h, &wires[i])
		_ = s.Uncork(nil)
		subscribe(t, h, s, news, hub.Disconnect)
		all = append(all, s)
	}
	push := protocol.NewPush("news", []byte(`"`+strings.Repeat("x", 200)+`"`))
	size := len(push.Frame(protocol.DialectMesh))
	var work sync.WaitGroup
	for p := range producers {
		work.Go(func() {
			for range each {
				switch p {
				case 0:
					all[0].Send(push)
				case 1:
					all[1].Push(push.Frame(protocol.DialectMesh))
				default:
					h.Publish(news, hub.Delivery{Push: push})
				}
				h.Relieve()
			}
		})
	}
	work.Wait()
	for i, s := range all {
		s.Drain()
		want := (producers - 2) * each
		if i < 2 {
			want += each
		}
		if got := int(wires[i].bytes.Load()); got != want*size || s.Closing() != nil {
			t.Errorf("session %d got %d bytes of %d, closing %v", i, got, want*size, s.Closing())
		}
	}
}

// stingy is a socket that takes at once whatever it likes.
type stingy struct{ *hubtest.Wire }

func (s stingy) TryWrite(frames [][]byte) ([][]byte, error) {
	all := slices.Concat(frames...)
	n := rand.IntN(2*len(all) + 1)
	if n >= len(all) {
		return nil, s.Write(frames)
	}
	return [][]byte{all[n:]}, s.Write([][]byte{all[:n]})
}

// Write takes its time.
func (s stingy) Write(frames [][]byte) error {
	for range rand.IntN(3) {
		runtime.Gosched()
	}
	return s.Wire.Write(frames)
}

// Whatever sockets take at once, whoever writes, and however large frames are:
// each producer's arrive whole, once and in its order.
func TestHammerStingySockets(t *testing.T) {
	t.Parallel()
	const producers, each = 6, 300
	h := hub.New(hub.Limits{Outbox: 64 << 20})
	var sessions []*hub.Session
	var wires []*hubtest.Wire
	for range 4 {
		wire := hubtest.NewWire(t)
		s := register(t, h, stingy{wire})
		_ = s.Uncork(nil)
		subscribe(t, h, s, news, hub.Disconnect)
		sessions, wires = append(sessions, s), append(wires, wire)
	}
	var work sync.WaitGroup
	for p := range producers {
		work.Go(func() {
			for i := range each {
				name, payload := fmt.Sprintf("%d %d", p, i), []byte(`"`+strings.Repeat("x", rand.IntN(1<<rand.IntN(16)))+`"`)
				switch p % 3 {
				case 0:
					h.Publish(news, hub.Delivery{Push: protocol.NewPush(name, payload)})
				case 1:
					for _, s := range sessions {
						s.Reply([]byte("0"), []byte(`"`+name+`"`), payload)
						_ = s.Flush()
					}
				case 2:
					for _, s := range sessions {
						s.Push(protocol.AppendPush(nil, name, payload))
					}
				}
			}
		})
	}
	work.Wait()
	for i, s := range sessions {
		s.Drain()
		var next [producers]int
		for _, text := range wires[i].Texts() {
			var p, n int
			text = strings.TrimPrefix(strings.TrimPrefix(text, `{"id":0,`), `{`)
			if _, err := fmt.Sscanf(text, `"command":"%d %d"`, &p, &n); err != nil || next[p] != n {
				t.Fatalf("session %d: got %.30q when %v were due (%v)", i, text, next, err)
			}
			next[p]++
		}
		if next != [producers]int{each, each, each, each, each, each} {
			t.Errorf("session %d got %v", i, next)
		}
	}
}

// Sessions that do not read hold up no one, however many they are.
func TestBlockedSocketsHoldUpNoOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := hub.New(quiet)
		var wires []*hubtest.Wire
		for i := range 200 {
			s, wire := connect(t, h)
			wire.Block(i%2 == 0)
			subscribe(t, h, s, news, hub.Disconnect)
			wires = append(wires, wire)
		}
		for round := range 3 {
			if h.Publish(news, numbered(round)) != len(wires) {
				t.Error("not all took it")
			}
			synctest.Wait()
			for i, wire := range wires {
				if got := wire.Texts(); i%2 == 1 && !slices.Equal(got, texts(round)) || i%2 == 0 && got != nil {
					t.Errorf("session %d got %q", i, got)
				}
			}
		}
		for i := 0; i < len(wires); i += 2 {
			wires[i].Block(false)
			synctest.Wait()
			if got := wires[i].Texts(); !slices.Equal(got, texts(0, 1, 2)) || wires[i].Writes() != 2 {
				t.Errorf("session %d got %q in %d writes", i, got, wires[i].Writes())
			}
		}
	})
}

// What many sessions have not read yet is in memory once. Not parallel: it
// measures memory.
func TestSlowReadersShareWhatTheyHaveNotRead(t *testing.T) {
	const sessions, messages = 200, 1000
	h := hub.New(quiet)
	var all []*hub.Session
	for range sessions {
		s, wire := connect(t, h)
		wire.Block(true)
		subscribe(t, h, s, news, hub.Drop)
		s.Push(frame("in flight"))
		wire.AwaitWriter()
		all = append(all, s)
	}
	before := heap()
	payload := []byte(`"` + strings.Repeat("x", 980) + `"`)
	for i := range messages {
		if h.Publish(news, hub.Delivery{Push: protocol.NewPush("news", payload)}) != sessions {
			t.Fatalf("message %d was not taken by all", i)
		}
	}
	if grown := int(heap() - before); grown > 20<<20 {
		t.Errorf("%d MiB for %d sessions with 1 MiB each that is the same", grown>>20, sessions)
	}
	runtime.KeepAlive(all)
}

// meddler is a socket during whose first write a reply comes.
type meddler struct {
	*hubtest.Wire
	session *hub.Session
	once    sync.Once
}

func (m *meddler) TryWrite(frames [][]byte) ([][]byte, error) {
	m.once.Do(func() {
		m.session.Reply([]byte("1"), []byte(`"a"`), nil)
		_ = m.session.Flush() // leaves it to whoever is writing
	})
	return m.Wire.TryWrite(frames)
}

// A reply that comes while the flusher writes leaves with the same turn, and
// not after everyone else's.
func TestReplyDuringATurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &meddler{Wire: hubtest.NewWire(t)}
		m.session = register(t, hub.New(quiet), m)
		_ = m.session.Uncork(nil)
		m.session.Push(frame("p"))
		synctest.Wait()
		if got, want := m.Texts(), []string{message("p"), `{"id":1,"command":"a","payload":null}`}; !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
	})
}

// A write of the flusher that fails ends the session as any other.
func TestTryWriteFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := hub.New(quiet)
		s, wire := connect(t, h)
		subscribe(t, h, s, news, hub.Conflate)
		_ = wire.Close()
		h.Publish(news, numbered(1))
		synctest.Wait()
		if cause := s.Closing(); cause == nil || *cause != hub.Gone || h.Publish(news, numbered(2)) != 0 {
			t.Errorf("closing with %v", cause)
		}
	})
}
