//go:build linux

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// member is a record of a collection as the reply to a subscription has it.
type member struct {
	ID      string
	Record  json.RawMessage
	Version int64
}

// collected is the reply to subscribe-collection.
type collected struct {
	Success bool
	IDs     []string
	Records []member
	Version int64
}

const refusedCollection = `{"success":false,"ids":[],"records":[],"version":0}`

// collect subscribes to a collection.
func (c *client) collect(t *testing.T, id string) (r collected) {
	t.Helper()
	reply := c.call(t, "mesh/subscribe-collection", object("collectionId", id))
	if err := json.Unmarshal([]byte(reply), &r); err != nil || !r.Success || len(r.IDs) != len(r.Records) {
		t.Fatalf("subscribed to %s with %s, %v", id, reply, err)
	}
	for i, m := range r.Records {
		if m.ID != r.IDs[i] || m.Record == nil || m.Version < 1 {
			t.Fatalf("subscribed to %s with %s", id, reply)
		}
	}
	return r
}

// collects subscribes to a collection, which must have these records in this
// order.
func (c *client) collects(t *testing.T, id string, want ...string) {
	t.Helper()
	if r := c.collect(t, id); !slices.Equal(r.IDs, want) {
		t.Errorf("%s has %q, not %q", id, r.IDs, want)
	}
}

// diff is the payload of collection-diff.
type diff struct {
	CollectionID   string
	Added, Removed []map[string]json.RawMessage
	Version        int64
}

func isDiff(f frame) bool { return strings.HasSuffix(f.Command, "collection-diff") }

// diffs waits for n diffs, and returns them all.
func (c *client) diffs(t *testing.T, n int) (all []diff) {
	t.Helper()
	eventually(t, patience, fmt.Sprintf("%d diffs", n), func() bool { return c.pushes.count(isDiff) >= n })
	c.call(t, "mesh/noop", "")
	frames, _ := c.pushes.from(0)
	for _, f := range frames {
		if !isDiff(f) {
			continue
		}
		d, err := readDiff(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

func readDiff(f frame) (d diff, err error) {
	err = json.Unmarshal(f.Payload, &d)
	if err == nil && (d.Added == nil || d.Removed == nil || len(d.Added)+len(d.Removed) == 0) {
		err = fmt.Errorf("the diff %s", f.Payload)
	}
	return d, err
}

// changesOf are the ids of what a diff has added or removed, sorted.
func changesOf(t *testing.T, records []map[string]json.RawMessage) []string {
	t.Helper()
	names := []string{}
	for _, r := range records {
		names = append(names, idOf(r))
	}
	slices.Sort(names)
	return names
}

func idOf(record map[string]json.RawMessage) (id string) {
	_ = json.Unmarshal(record["id"], &id) // what is none names nothing
	return id
}

// view is what a client makes of the pushes of one collection: the values of its
// records.
type view struct {
	id      string
	old     bool // as a client that offers no subprotocol gets them
	version int64
	values  map[string]string // canonical, with the id in those that are objects
	// seen is the newest version of each record that was pushed.
	seen  map[string]int64
	diffs int
	taken int // frames of the client's
}

// watch subscribes to a collection and begins a view of it.
func (c *client) watch(t *testing.T, id string) *view {
	t.Helper()
	v := &view{id: id, taken: c.pushes.len(), old: c.conn.Subprotocol() == ""}
	r := c.collect(t, id)
	v.version, v.values, v.seen = r.Version, make(map[string]string), make(map[string]int64)
	for _, m := range r.Records {
		v.values[m.ID], v.seen[m.ID] = stamped(m.ID, m.Record), m.Version
	}
	return v
}

// stamped is a value as a collection's diff shows it: with the record's id.
func stamped(id string, value json.RawMessage) string {
	var m map[string]json.RawMessage
	if json.Unmarshal(value, &m) == nil && m != nil {
		m["id"] = json.RawMessage(encoded(id))
		return canonical([]byte(encoded(m)))
	}
	return canonical(value)
}

// update takes what has come since, in order.
func (v *view) update(c *client) error {
	frames, _ := c.pushes.from(v.taken)
	v.taken += len(frames)
	for _, f := range frames {
		var err error
		switch name := f.Command[strings.LastIndexByte(f.Command, '/')+1:]; name {
		case "collection-diff":
			err = v.diff(f)
		case "record-update", "record-deleted":
			err = v.change(f)
		}
		if err != nil {
			return fmt.Errorf("%s at %d: %w: %s %.300s", v.id, v.version, err, f.Command, f.Payload)
		}
	}
	return nil
}

func (v *view) diff(f frame) error {
	d, err := readDiff(f)
	if err != nil || d.CollectionID != v.id {
		return err
	}
	if d.Version != v.version+1 {
		return fmt.Errorf("diff %d comes after %d", d.Version, v.version)
	}
	v.version = d.Version
	v.diffs++
	for _, r := range d.Removed {
		if _, ok := v.values[idOf(r)]; !ok {
			return fmt.Errorf("what is not there is removed, of %q", slices.Sorted(maps.Keys(v.values)))
		}
		delete(v.values, idOf(r))
	}
	for _, r := range d.Added {
		id := idOf(r)
		if _, ok := v.values[id]; ok || id == "" {
			return fmt.Errorf("what is there is added, or has no id, to %q", slices.Sorted(maps.Keys(v.values)))
		}
		if err := v.add(id, r); err != nil {
			return err
		}
	}
	return nil
}

// add adds a record as a diff has it: for new clients beside its id and its
// version, for old ones as it is, with the id in it where there is room for one.
func (v *view) add(id string, r map[string]json.RawMessage) error {
	if v.old && (len(r) != 2 || r["record"] == nil) {
		v.values[id] = canonical([]byte(encoded(r)))
		return nil
	}
	v.values[id] = stamped(id, r["record"])
	if v.old {
		return nil
	}
	return json.Unmarshal(r["version"], new(int64))
}

// change takes a version of a record: of a member, or of one that is about to
// become none, or was until just now.
func (v *view) change(f frame) error {
	p, err := readRecordPush(f)
	if err != nil {
		return err
	}
	if p.Patch != nil {
		return errors.New("a member is pushed as a patch")
	}
	if p.Version <= v.seen[p.RecordID] {
		return fmt.Errorf("version %d comes after %d", p.Version, v.seen[p.RecordID])
	}
	v.seen[p.RecordID] = p.Version
	if _, ok := v.values[p.RecordID]; ok && p.Full != nil {
		v.values[p.RecordID] = stamped(p.RecordID, p.Full)
	}
	return nil
}

// shows waits until the view has these records, by their ids, with the values
// that are stored.
func (v *view) shows(t *testing.T, c *client, want map[string]string) {
	t.Helper()
	var err error
	if !polled(patience, func() bool { err = v.update(c); return err != nil || maps.Equal(v.values, want) }) || err != nil {
		t.Fatalf("%v; the view of %s is\n%v, not\n%v", err, v.id, v.values, want)
	}
}
