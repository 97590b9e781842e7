//go:build !wasm

package mesh

import (
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"github.com/mesh-host/mesh-host/pdk/go/internal/codec"
)

// instance calls handlers as wasm does, without the guard of guest.Call.
type instance struct {
	plugin  Plugin
	request []byte
	input   []byte
}

func newInstance(handlers ...func(*Call) (JSON, error)) *instance {
	return setUp(command(`{"a":1,"b":2}`), func(p *Plugin) error {
		for n, h := range handlers {
			p.Command(fmt.Sprint("c", n), h)
		}
		return nil
	})
}

func setUp(request []byte, setup func(*Plugin) error) *instance {
	i := &instance{request: request, input: make([]byte, len(request)+slack)}
	i.plugin.register(setup)
	return i
}

// call writes the request anew: a reply may be built on top of it.
func (i *instance) call(handler int) []byte {
	n := copy(i.input, i.request)
	return i.plugin.call(uint32(handler), unsafe.Pointer(&i.input[0]), uint32(n))
}

func TestCallsDoNotAllocate(t *testing.T) {
	p := newInstance(
		func(c *Call) (JSON, error) { return c.Payload(), nil },
		func(c *Call) (JSON, error) {
			in := c.Fields()
			return c.Object().Int("sum", in.Int("a")+in.Int("b")).JSON(), nil
		},
		func(c *Call) (JSON, error) {
			return c.Object().Text("name", c.Name()).Text("id", c.ConnectionID()).Text("user", c.User()).Raw("m", c.Metadata()).JSON(), nil
		},
	)
	for i := range p.plugin.handlers {
		allocations := testing.AllocsPerRun(100, func() { p.call(i) })
		if allocations != 0 {
			t.Errorf("handler %d allocates %v times", i, allocations)
		}
	}
}

func TestGuardsAndHooksDoNotAllocate(t *testing.T) {
	detail := codec.AppendString(codec.AppendString(nil, TopicChannel), ActionSubscribe)
	var seen string
	p := setUp(detailed(3, detail), func(p *Plugin) error {
		p.Guard("g", func(c *GuardCall) error {
			seen = c.Topic() + c.Action()[:0]
			return nil
		})
		p.OnLeave(func(c *RoomChange) error {
			seen = c.Room
			return nil
		})
		return nil
	})
	for i := range p.plugin.handlers {
		if allocations := testing.AllocsPerRun(100, func() { p.call(i) }); allocations != 0 || seen != TopicChannel {
			t.Errorf("handler %d allocates %v times and saw %q", i, allocations, seen)
		}
	}
}

func TestTextLasts(t *testing.T) {
	t.Parallel()
	m := new(memory)
	var kept, want []string
	for i := range 1000 {
		text := fmt.Sprint("user-", i%300)
		b := []byte(text)
		kept, want = append(kept, m.text(b)), append(want, text)
		for j := range b {
			b[j] = 'x'
		}
	}
	for i := range kept {
		if kept[i] != want[i] {
			t.Fatalf("text %d became %q, was %q", i, kept[i], want[i])
		}
	}
	for _, text := range []string{"", "a", strings.Repeat("a", 64), strings.Repeat("a", 65)} {
		if got := m.text([]byte(text)); got != text {
			t.Errorf("got %q, want %q", got, text)
		}
	}
}

func TestLargeBuffersAreNotKept(t *testing.T) {
	t.Parallel()
	p := newInstance(
		func(*Call) (JSON, error) { return make(JSON, 2*keptBuffer), nil },
		func(*Call) (JSON, error) { return JSON(`1`), nil },
	)
	for i := range p.plugin.handlers {
		p.call(i)
	}
	if cap(p.plugin.memory.out) > keptBuffer {
		t.Errorf("a buffer of %d bytes was kept", cap(p.plugin.memory.out))
	}
}

func BenchmarkEcho(b *testing.B) {
	p := newInstance(func(c *Call) (JSON, error) { return c.Payload(), nil })
	b.ReportAllocs()
	for range b.N {
		p.call(0)
	}
}
