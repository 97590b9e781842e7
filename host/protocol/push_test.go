package protocol_test

import (
	"sync"
	"testing"

	"github.com/mesh-host/mesh-host/host/protocol"
)

var dialects = []protocol.Dialect{protocol.DialectUnknown, protocol.DialectMesh, protocol.DialectRT, protocol.DialectBare}

func TestPushFrames(t *testing.T) {
	t.Parallel()
	builtin := protocol.NewBuiltinPush("gap", []byte(`{"a":"ü"}`))
	application := protocol.NewPush("n\"ews", []byte(`[1]`))
	empty := protocol.NewPush("nothing", nil)
	for i, want := range []string{"mesh/gap", "mesh/gap", "rt/gap", "gap"} {
		for push, text := range map[*protocol.Push]string{
			builtin:     `{"command":"` + want + `","payload":{"a":"ü"}}`,
			application: `{"command":"n\"ews","payload":[1]}`,
			empty:       `{"command":"nothing","payload":null}`,
		} {
			if f := one(t, push.Frame(dialects[i])); string(f.Payload) != text {
				t.Errorf("dialect %d: got %q, want %q", dialects[i], f.Payload, text)
			}
		}
	}
}

// A frame is encoded once: everyone gets the same bytes.
func TestPushIsShared(t *testing.T) {
	t.Parallel()
	for range 100 {
		push := protocol.NewBuiltinPush("gap", []byte("{}"))
		var first [4][8]*byte
		var work sync.WaitGroup
		for n := range 8 {
			work.Go(func() {
				for i, d := range dialects {
					first[i][n] = &push.Frame(d)[0]
				}
			})
		}
		work.Wait()
		for i, d := range dialects {
			for _, p := range first[i] {
				if p != &push.Frame(d)[0] {
					t.Fatalf("dialect %d: encoded twice", d)
				}
			}
		}
		if first[0] != first[1] || first[1] == first[2] || first[2] == first[3] {
			t.Error("the wrong dialects share a frame")
		}
	}
	application := protocol.NewPush("news", nil)
	for _, d := range dialects {
		if &application.Frame(d)[0] != &application.Frame(protocol.DialectMesh)[0] {
			t.Error("an application's push is encoded for each dialect")
		}
	}
}

func BenchmarkPushFrame(b *testing.B) {
	push := protocol.NewBuiltinPush("gap", []byte("{}"))
	b.ReportAllocs()
	for b.Loop() {
		_ = push.Frame(protocol.DialectRT)
	}
}
