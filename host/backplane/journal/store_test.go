package journal_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/journal"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
)

// use does something of every kind at random to what a number stands for.
func use(n *memory.Node, i int) error {
	ctx, name := context.Background(), strconv.Itoa(i)
	value := []byte(strings.Repeat("x", rand.IntN(rand.IntN(5000)+1)))
	switch rand.IntN(5) {
	case 0:
		return n.KV().Set(ctx, "p", name, value, backplane.Write{})
	case 1:
		_, err := n.KV().Delete(ctx, "p", name)
		return err
	case 2:
		now, err := n.RoomMetadata().Get(ctx, name)
		if err == nil {
			_, _, err = n.RoomMetadata().Swap(ctx, name, now, value, 0)
		}
		return err
	case 3:
		now, err := n.Records().Get(ctx, name)
		if err == nil {
			w := backplane.RecordWrite{ID: name, Expect: now.Version, Value: value, Patch: []byte("[]"), Tombstone: 1 << 40, Log: 5, LogSize: 1000}
			_, _, err = n.Records().Commit(ctx, []backplane.RecordWrite{w}, 0)
		}
		return err
	}
	_, err := n.Channels().Publish(ctx, name, value, backplane.Keep{Count: 5})
	return err
}

// image is all that can be seen of what use has done.
func image(t *testing.T, n *memory.Node) map[string]string {
	t.Helper()
	ctx, seen := context.Background(), make(map[string]string)
	for i := range 20 {
		name := strconv.Itoa(i)
		value, err := n.KV().Get(ctx, "p", name)
		must(t, err)
		metadata, err := n.RoomMetadata().Get(ctx, name)
		must(t, err)
		page, err := n.Channels().Read(ctx, name, backplane.Query{})
		must(t, err)
		now, err := n.Records().Get(ctx, name)
		must(t, err)
		record, patches, ok, err := n.Records().Since(ctx, name, backplane.Version{Epoch: now.Epoch, Number: now.Number - 3})
		must(t, err)
		seen[name] = fmt.Sprintf("%q %q %+v %+v %+v %v", value, metadata, page, record, patches, ok)
	}
	return seen
}

// A store finds in the next process what it had in the one before.
func TestStore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var wanted map[string]string
	for round := range 4 {
		j, err := journal.Open(journal.Options{Dir: dir})
		must(t, err)
		s, err := memory.Open(memory.Options{Journal: j})
		must(t, err)
		n := s.Node("a")
		if got := image(t, n); round > 0 && !maps.Equal(got, wanted) {
			t.Fatalf("loaded %.1000q\nwant   %.1000q", got, wanted)
		}
		var wg sync.WaitGroup
		for worker := range 4 {
			wg.Go(func() {
				for i := range 300 {
					if err := use(n, worker*5+i%5); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		wanted = image(t, n)
		must(t, j.Close())
		if err := n.KV().Set(context.Background(), "p", "k", nil, backplane.Write{}); !errors.Is(err, backplane.ErrUnavailable) {
			t.Errorf("a store without its journal: %v", err)
		}
	}
}
