//go:build linux

package e2e

import (
	"fmt"
	"testing"
)

// Once the version of a deletion is forgotten, the record begins a new life: from
// version 1, in another epoch, for those who follow and for those who come back.
func TestTombstoneIsForgotten(t *testing.T) {
	t.Parallel()
	for name, s := range kept(t, recordsConfig+"[limits]\nrecord_tombstone = \"1s\"\n") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := start(t, s)
			c := h.dial(t, v1)
			const id = "open:forgotten"
			c.followsIn(t, "patch", id, 0)
			first := c.write(t, id, `{"n":1}`)
			c.delete(t, id)
			if s := h.stored(t, id); s.version != (version{first.Epoch, 2}) {
				t.Errorf("deleted it is at %+v", s.version)
			}
			eventually(t, patience, "it is forgotten", func() bool { return h.stored(t, id).version == version{} })
			back := fmt.Sprintf(`{"recordId":%q,"epoch":%q,"version":2}`, id, first.Epoch)
			h.dial(t, v1).says(t, "mesh/subscribe-record", back, `{"success":true,"record":null,"version":0,"recovered":false}`)
			second := c.write(t, id, `{"n":2}`)
			if second.Version != 1 || second.Epoch == first.Epoch {
				t.Errorf("made again it is at %+v, after %+v", second, first)
			}
			h.dial(t, v1).says(t, "mesh/subscribe-record", back, fmt.Sprintf(`{"success":true,"record":{"n":2},"version":1,"epoch":%q,"recovered":false}`, second.Epoch))
			c.told(t, id+` 1 {"n":1}`, id+` 2 -`, id+` 1 {"n":2}`)
			if got := c.records(t, 3); got[0].Epoch != first.Epoch || got[2].Epoch != second.Epoch {
				t.Errorf("the epochs are told as %+v", got)
			}
		})
	}
}
