package exposure_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/hub"
)

func parse(t *testing.T, text string) exposure.Pattern {
	t.Helper()
	p, err := exposure.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func channels(t *testing.T, patterns ...string) (set exposure.Set) {
	t.Helper()
	for i, text := range patterns {
		set.Channels = append(set.Channels, exposure.Channel{Pattern: parse(t, text), History: i + 1})
	}
	return set
}

func TestTheFirstMatchDecides(t *testing.T) {
	t.Parallel()
	x := exposure.NewIndex(channels(t, "a", "/^a.*$/", "ab", "/^.+b$/", "/^ab$/", "zb", "a"))
	for name, want := range map[string]int{"a": 1, "ab": 2, "ax": 2, "b": 0, "xb": 4, "zb": 4, "": 0, "c": 0} {
		for range 2 { // found, and remembered
			got := 0
			if c := x.Channel(name); c != nil {
				got = c.History
			}
			if got != want {
				t.Errorf("%q falls under %d, want %d", name, got, want)
			}
		}
	}
}

func TestSetsAreTriedInOrder(t *testing.T) {
	t.Parallel()
	first, second := channels(t, "/^a$/"), channels(t, "a", "b")
	first.Rooms = []exposure.Room{{Pattern: parse(t, "r"), Guard: "p.g"}}
	second.Presence = []exposure.Presence{{Pattern: parse(t, "r"), Guard: "p.h"}}
	x := exposure.NewIndex(first.With(second))
	if len(first.Channels) != 1 || x.Channel("a").History != 1 || x.Channel("b").History != 2 {
		t.Error("the first set does not come first")
	}
	if x.Room("r") == nil || x.Tracked("r") == nil || x.Room("q") != nil || x.Tracked("q") != nil {
		t.Error("rooms and presence are not found")
	}
	if got := x.Guards(); !slices.Equal(got, []string{"p.g", "p.h"}) {
		t.Errorf("the guards are %q", got)
	}
}

func TestManyNamesAreAnsweredAtOnce(t *testing.T) {
	t.Parallel()
	x := exposure.NewIndex(channels(t, "/^even:.+$/", "/^.*[13579]$/"))
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for i := range 12_000 { // more than are remembered
				name := fmt.Sprint("n:", i)
				if got := x.Channel(name) != nil; got != (i%2 == 1) {
					t.Errorf("%q is open: %v", name, got)
				}
			}
		})
	}
	clients.Wait()
}

func TestPoliciesHaveNames(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]hub.Policy{"": hub.Disconnect, "disconnect": hub.Disconnect, "drop": hub.Drop, "conflate": hub.Conflate} {
		if got, ok := exposure.ParsePolicy(text); !ok || got != want {
			t.Errorf("%q is %v, %v", text, got, ok)
		}
	}
	if _, ok := exposure.ParsePolicy("Drop"); ok {
		t.Error("another case is a policy")
	}
}

func BenchmarkChannel(b *testing.B) {
	set := exposure.Set{}
	for i := range 20 {
		p, _ := exposure.Parse(fmt.Sprintf("/^kind%d:.+$/", i))
		set.Channels = append(set.Channels, exposure.Channel{Pattern: p})
	}
	x := exposure.NewIndex(set)
	b.ReportAllocs()
	for b.Loop() {
		if x.Channel("kind19:room") == nil {
			b.Fatal("closed")
		}
	}
}
