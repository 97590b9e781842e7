//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A session that has a collection, and subscribes to a record of it again and
// again while others write it, is told each version once.
func TestRecordTakenInAndOutOfACollection(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: collectionsConfig})
	writer := h.dial(t, v1)
	writer.write(t, "card:1", `{"n":0,"filler":"`+strings.Repeat("x", 300)+`"}`)
	both, other := h.dial(t, v1), h.dial(t, v1)
	both.collect(t, "all")
	first := other.collect(t, "all").Records[0].Version
	stop := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		for n := 1; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := writer.ask("mesh/publish-record-update", recordWrite("card:1", fmt.Sprintf(`{"n":%d}`, n), `"strategy":"merge"`)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 60 {
		both.call(t, "mesh/subscribe-record", `{"recordId":"card:1","mode":"patch"}`)
		both.says(t, "mesh/unsubscribe-record", `{"recordId":"card:1"}`, "true")
		// And the other way round: the record stays, the collection comes and goes.
		other.call(t, "mesh/subscribe-record", `{"recordId":"card:1","mode":"patch"}`)
		other.says(t, "mesh/unsubscribe-collection", `{"collectionId":"all"}`, "true")
		other.collect(t, "all")
		other.says(t, "mesh/unsubscribe-record", `{"recordId":"card:1"}`, "true")
	}
	close(stop)
	writing.Wait()
	last := h.stored(t, "card:1").Version
	for name, c := range map[string]*client{"the record again and again": both, "the collection again and again": other} {
		eventually(t, patience, "the last version is pushed", func() bool {
			return c.pushes.count(func(f frame) bool { return strings.Contains(string(f.Payload), fmt.Sprintf(`"version":%d,`, last)) }) > 0
		})
		pushes := c.records(t, 1)
		if got := versionsOf(pushes); !slices.Equal(got, upTo(last)[first:]) && c == both {
			t.Errorf("%s: of %d versions after %d it is told %v", name, last, first, got)
		}
		for i, p := range pushes {
			if i > 0 && p.Version <= pushes[i-1].Version {
				t.Errorf("%s: after version %d comes %d", name, pushes[i-1].Version, p.Version)
			}
			if c == both && p.Full == nil {
				t.Errorf("%s: version %d is a patch", name, p.Version)
			}
		}
	}
}

// What is too much for one reply is refused, what is too much for one push comes
// in several.
func TestLargeCollections(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: collectionsConfig + "[limits]\nrecord_size = \"16KiB\"\nreply_size = \"64KiB\"\n"})
	writer, c, old := h.dial(t, v1), h.dial(t, v1), h.dial(t, dialing{})
	views := []*view{c.watch(t, "all"), old.watch(t, "all")}
	text := strings.Repeat("x", 15_000)
	want := make(map[string]string)
	for i := range 20 {
		id := fmt.Sprint("card:", i)
		writer.write(t, id, fmt.Sprintf(`{"n":%d,"text":%q}`, i, text))
		want[id] = stamped(id, h.stored(t, id).Value)
	}
	views[0].shows(t, c, want)
	views[1].shows(t, old, want)
	for _, x := range []*client{c, old} {
		frames, _ := x.pushes.from(0)
		for _, f := range frames {
			if len(f.Payload) > 64<<10 {
				t.Errorf("a %s has %d bytes", f.Command, len(f.Payload))
			}
		}
		x.denied(t, "mesh/subscribe-collection", `{"collectionId":"all"}`, "ETOOLARGE", "limits.reply_size")
		x.says(t, "mesh/unsubscribe-collection", `{"collectionId":"all"}`, "false")
	}
	n := c.pushes.len()
	writer.write(t, "card:1", "1")
	c.call(t, "mesh/noop", "")
	if more, _ := c.pushes.from(n); len(more) > 0 {
		t.Errorf("after the refusal comes %s", more[0].Command)
	}
}

// A deletion is told of, and takes the record out; one that is made again comes
// back; expiry does the same.
func TestCollectionsOfRecordsThatGo(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: collectionsConfig + "[[collections]]\npattern = \"short\"\nrecords = \"/^short:.+$/\"\n[[records]]\npattern = \"/^short:.+$/\"\nwritable = true\nttl = \"1s\"\n"})
	for _, d := range []dialing{v1, {}} {
		c := h.dial(t, d)
		v := c.watch(t, "short")
		h.set(t, "short:a", `{"n":1}`)
		v.shows(t, c, map[string]string{"short:a": `{"id":"short:a","n":1}`})
		v.shows(t, c, map[string]string{})
		h.set(t, "short:a", `{"n":2}`)
		v.shows(t, c, map[string]string{"short:a": `{"id":"short:a","n":2}`})
		h.op(t, "records.delete", `{"recordId":"short:a"}`)
		v.shows(t, c, map[string]string{})
		deleted := c.pushes.count(func(f frame) bool { return f.Command == "mesh/record-deleted" })
		if deleted != 2 || v.diffs != 4 {
			t.Errorf("%d deletions and %d diffs are pushed", deleted, v.diffs)
		}
	}
}

// Subscriptions survive the plugin that opened their records and resolved their
// collections; new ones are refused, and what it guarded stays shut.
func TestRecordsSurviveASwap(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance}, config: "[[records]]\npattern = \"/^private:.+$/\"\nwritable = true\n"})
	c := h.dial(t, v1)
	h.set(t, "record:a", "1")
	h.set(t, "record:b", "1")
	h.set(t, "list:x", `["record:a"]`)
	c.followsIn(t, "full", "shared:x", 0)
	c.collects(t, "list:x", "record:a")
	c.says(t, "mesh/subscribe-record", `{"recordId":"private:x"}`, `{"success":false}`)
	module := builtPlugin(t, conformance)
	lines := h.log.len()
	h.install(t, conformance, variant(module, "swapped"))
	h.awaitLog(t, lines, map[string]string{"msg": "plugin loaded", "file": conformance})
	c.write(t, "shared:x", "1")
	h.set(t, "list:x", `["record:a","record:b"]`)
	if d := c.diffs(t, 1); !slices.Equal(changesOf(t, d[0].Added), []string{"record:b"}) {
		t.Errorf("the new version's diff is %+v", d)
	}
	h.remove(t, conformance)
	exposed := func() (n int) { // but to whom a guard allows it
		var x struct{ Collections []struct{ Guard string } }
		if err := json.Unmarshal([]byte(h.op(t, "exposures.list", "{}")), &x); err != nil {
			t.Fatal(err)
		}
		for _, c := range x.Collections {
			if c.Guard == "" {
				n++
			}
		}
		return n
	}
	eventually(t, patience, "the exposures are gone", func() bool { return exposed() == 0 })
	h.set(t, "shared:x", "2")
	h.set(t, "record:b", "2")
	h.set(t, "list:x", `["record:a"]`) // no one is there to be asked
	c.told(t, "shared:x 1 1", "shared:x 2 2", "record:b 2 2")
	c.denied(t, "mesh/publish-record-update", recordWrite("shared:x", "3"), "ESERVER", writableError("shared:x"))
	other := h.dial(t, v1)
	other.says(t, "mesh/subscribe-record", `{"recordId":"shared:x"}`, `{"success":false}`)
	other.says(t, "mesh/subscribe-collection", `{"collectionId":"list:x"}`, refusedCollection)
	other.says(t, "mesh/subscribe-record", `{"recordId":"private:x"}`, `{"success":false}`)
	h.install(t, conformance, module)
	eventually(t, patience, "the exposures are back", func() bool { return exposed() > 0 })
	h.set(t, "list:x", `["record:b"]`)
	if d := c.diffs(t, 2); !slices.Equal(changesOf(t, d[1].Removed), []string{"record:a"}) || len(d[1].Added) != 0 {
		t.Errorf("the diff after its return is %+v", d[1])
	}
}
