package backplanetest

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// edit is a write of a value, "" to delete, to a record that is expected to be
// as it was read. Its patch says from what to what.
func edit(r backplane.Record, value string) backplane.RecordWrite {
	return backplane.RecordWrite{
		ID: r.ID, Expect: r.Version, Value: optional(value), Patch: []byte(string(r.Value) + ">" + value),
		Tombstone: time.Hour, Log: 64, LogSize: 1 << 20, By: "by " + value,
	}
}

func (n *node) recordNow(id string) backplane.Record {
	n.t.Helper()
	r, err := n.Records().Get(context.Background(), id)
	n.check("get record", err)
	return r
}

// since reads a record and the patches since a version.
func (n *node) since(id string, from backplane.Version) (r backplane.Record, patches []backplane.RecordPatch, ok bool) {
	n.t.Helper()
	r, patches, ok, err := n.Records().Since(context.Background(), id, from)
	n.check("since", err)
	return r, patches, ok
}

// commit returns the versions of the writes, nil where a record was not as it
// was expected. It takes the one way or the other.
func (n *node) commit(writes ...backplane.RecordWrite) []backplane.Version {
	n.t.Helper()
	commit := n.Records().Commit
	if rand.IntN(2) == 0 {
		commit = n.submit
	}
	versions, found, err := commit(context.Background(), writes, 0)
	n.check("commit", err)
	if err == nil && (found == nil) != (len(versions) == len(writes)) {
		n.t.Errorf("commit: versions %v, found %v", versions, found)
	}
	return versions
}

// submit is a Commit by Submit.
func (n *node) submit(ctx context.Context, writes []backplane.RecordWrite, limit int64) ([]backplane.Version, []backplane.Record, error) {
	versions, found, kept, err := n.Records().Submit(ctx, writes, limit)
	if err == nil && kept != nil {
		err = kept(ctx)
	}
	return versions, found, err
}

// write makes a record's next version, "" to delete it; no one else may write
// it meanwhile.
func (n *node) write(id, value string) backplane.Version {
	n.t.Helper()
	versions := n.commit(edit(n.recordNow(id), value))
	if versions == nil {
		n.t.Fatalf("%q was not as it was read", id)
	}
	return versions[0]
}

// wantRecord fails unless a record is at a version with a value, on every node.
func (s *suite) wantRecord(nodes []*node, id string, version backplane.Version, value string) {
	s.Helper()
	for _, n := range nodes {
		got := n.recordNow(id)
		if got.ID != id || got.Version != version || string(got.Value) != value || (got.Value == nil) != (value == "") {
			s.Errorf("%s: %q is %q at %+v (%q), want %q at %+v", n.ID(), id, got.Value, got.Version, got.ID, value, version)
		}
	}
}

// told is a change in short: value, and who made it.
func told(changes []backplane.RecordChange) (short []string) {
	for _, c := range changes {
		text := string(c.Value) + " " + c.By
		if c.Value == nil {
			text = "deleted " + c.By
		}
		if c.Expired {
			text += "expired"
		}
		short = append(short, text)
	}
	return short
}

// wantTold fails unless changes follow each other, from the first version of an
// epoch on, and have the patches that edit made.
func (s *suite) wantTold(what string, changes []backplane.RecordChange, wanted ...string) {
	s.Helper()
	want(s.T, what, told(changes), wanted)
	var last backplane.RecordChange
	for i, c := range changes {
		if i == 0 {
			last.Epoch = c.Epoch
		}
		is(s.T, what+": version", c.Version, backplane.Version{Epoch: last.Epoch, Number: last.Number + 1})
		s.wantChange(last.Value, c)
		last = c
	}
}

// wantChange fails unless a change is one of a value.
func (s *suite) wantChange(previous []byte, c backplane.RecordChange) {
	s.Helper()
	if c.Value == nil {
		is(s.T, "patch of a deletion, nil", c.Patch == nil, true)
		is(s.T, "previous of a deletion", string(c.Previous), string(previous))
		return
	}
	is(s.T, "patch", string(c.Patch), string(previous)+">"+string(c.Value))
	if c.Previous != nil {
		is(s.T, "previous", string(c.Previous), string(previous))
	}
}

// wroteAll returns what the nodes have been told they made of a record,
// together, in the order of versions, once there are so many.
func (s *suite) wroteAll(nodes []*node, id string, count int) (all []backplane.RecordChange) {
	s.Helper()
	late := time.After(patience)
	for {
		all = nil
		for _, n := range nodes {
			all = append(all, n.wroteOf(id)...)
		}
		if len(all) >= count {
			slices.SortFunc(all, func(x, y backplane.RecordChange) int { return int(x.Number - y.Number) })
			return all
		}
		select {
		case <-time.After(time.Millisecond):
		case <-late:
			s.Fatalf("waiting for the writers of %q to be told: %d of %d were", id, len(all), count)
		}
	}
}
