//go:build linux

package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
)

// version is a place in a record's life.
type version struct {
	Epoch   string `json:"epoch"`
	Version int64  `json:"version"`
}

// recordPatch is what makes a version of the one before.
type recordPatch struct {
	Version int64
	Patch   json.RawMessage
}

// recordReply is the reply to subscribe-record.
type recordReply struct {
	Success   bool
	Record    json.RawMessage // nil where there is no such member
	Recovered *bool
	Patches   []recordPatch
	version
}

// recordPush is the payload of record-update and of record-deleted.
type recordPush struct {
	RecordID    string
	Full, Patch json.RawMessage // nil where there is no such member
	version
}

// recordWrite is the payload of publish-record-update; options are members.
func recordWrite(id, value string, options ...string) string {
	payload := `{"recordId":` + encoded(id) + `,"newValue":` + value
	if len(options) > 0 {
		payload += `,"options":{` + strings.Join(options, ",") + `}`
	}
	return payload + "}"
}

// recordMembers decodes an object whose members keep their text, also null.
func recordMembers(text []byte) (m map[string]json.RawMessage, err error) {
	if err := json.Unmarshal(text, &m); err != nil || m == nil {
		return nil, fmt.Errorf("no object: %.200s", text)
	}
	return m, nil
}

func readRecordReply(text []byte) (r recordReply, err error) {
	m, err := recordMembers(text)
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	r.Record = m["record"] // which is nil for null otherwise
	return r, err
}

func readRecordPush(f frame) (p recordPush, err error) {
	m, err := recordMembers(f.Payload)
	if err == nil {
		err = json.Unmarshal(f.Payload, &p)
	}
	p.Full, p.Patch = m["full"], m["patch"]
	deleted := strings.HasSuffix(f.Command, "record-deleted")
	if err == nil && (deleted != (p.Full == nil && p.Patch == nil) || p.Full != nil && p.Patch != nil || f.ID != nil) {
		err = fmt.Errorf("a push %s %.200s", f.Command, f.Payload)
	}
	return p, err
}

// applied makes a record's next value with an implementation of RFC 6902 that
// is not the server's; value is nil where there is none.
func applied(value, patch json.RawMessage) (json.RawMessage, error) {
	var operations []struct {
		Op, Path string
		Value    json.RawMessage
	}
	if err := json.Unmarshal(patch, &operations); err != nil {
		return nil, fmt.Errorf("the patch %.200s: %w", patch, err)
	}
	if len(operations) == 0 {
		return nil, errors.New("an empty patch makes a version")
	}
	for _, o := range operations {
		if !slices.Contains([]string{"add", "remove", "replace"}, o.Op) {
			return nil, fmt.Errorf("an operation that clients need not know: %.200s", patch)
		}
	}
	// The library knows documents that are objects or arrays.
	if o := operations[0]; len(operations) == 1 && o.Op == "replace" && o.Path == "" {
		m, err := recordMembers(patch[1 : len(patch)-1])
		return m["value"], err
	}
	decoded, err := jsonpatch.DecodePatch(patch)
	if err != nil {
		return nil, fmt.Errorf("the patch %.200s: %w", patch, err)
	}
	next, err := decoded.ApplyWithOptions(value, &jsonpatch.ApplyOptions{})
	if err != nil {
		return nil, fmt.Errorf("the patch %.200s of %.200s: %w", patch, value, err)
	}
	return next, nil
}

// canonical is a JSON text with the members of objects in order and numbers as
// they were written: two that are the same mean the same.
func canonical(text []byte) string {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		return fmt.Sprintf("no JSON (%v): %s", err, text)
	}
	return encoded(v)
}

// write writes a record and returns its version.
func (c *client) write(t *testing.T, id, value string, options ...string) version {
	t.Helper()
	return c.wrote(t, c.call(t, "mesh/publish-record-update", recordWrite(id, value, options...)))
}

// wrote reads the reply to publish-record-update.
func (c *client) wrote(t *testing.T, reply string) (v version) {
	t.Helper()
	if err := json.Unmarshal([]byte(reply), &v); err != nil || !strings.HasPrefix(reply, `{"success":true,"version":`) || v.Version < 1 || v.Epoch == "" {
		t.Fatalf("the write is answered %s", reply)
	}
	return v
}

// delete deletes a record and returns the version that says so.
func (c *client) delete(t *testing.T, id string) int64 {
	t.Helper()
	results := c.transact(t, `{"op":"delete","recordId":`+encoded(id)+`}`)
	return results[0].Version
}

// result is what has become of an operation of a transaction.
type result struct {
	Op, RecordID string
	Success      bool
	Version      int64
}

// transact makes a transaction and returns its results.
func (c *client) transact(t *testing.T, operations ...string) []result {
	t.Helper()
	reply := c.call(t, "mesh/transaction", `{"operations":[`+strings.Join(operations, ",")+`]}`)
	var r struct {
		ID      string
		Results []result
	}
	if err := json.Unmarshal([]byte(reply), &r); err != nil || r.ID == "" || len(r.Results) != len(operations) {
		t.Fatalf("the transaction is answered %s", reply)
	}
	return r.Results
}

// follows subscribes to a record, by its payload.
func (c *client) follows(t *testing.T, payload string) recordReply {
	t.Helper()
	r, err := readRecordReply([]byte(c.call(t, "mesh/subscribe-record", payload)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// followsIn subscribes to a record in a mode, which must be at a version.
func (c *client) followsIn(t *testing.T, mode, id string, at int64) recordReply {
	t.Helper()
	r := c.follows(t, object("recordId", id, "mode", mode))
	if !r.Success || r.Record == nil || r.Version != at || r.Recovered != nil || (r.Epoch == "") != (at == 0) {
		t.Fatalf("subscribed to %s at version %d with %+v", id, at, r)
	}
	return r
}

// records waits for n pushes of records and returns them all, in order.
func (c *client) records(t *testing.T, n int) (pushes []recordPush) {
	t.Helper()
	ofRecords := func(f frame) bool {
		return strings.HasSuffix(f.Command, "record-update") || strings.HasSuffix(f.Command, "record-deleted")
	}
	eventually(t, patience, fmt.Sprintf("%d pushes of records", n), func() bool { return c.pushes.count(ofRecords) >= n })
	c.call(t, "mesh/noop", "")
	frames, _ := c.pushes.from(0)
	for _, f := range frames {
		if !ofRecords(f) {
			continue
		}
		p, err := readRecordPush(f)
		if err != nil {
			t.Fatal(err)
		}
		pushes = append(pushes, p)
	}
	return pushes
}

// told checks all pushes of records that have come: each as "<id> <version>
// <value>", where the value is canonical, of a patch what it makes, and of a
// deletion "-".
func (c *client) told(t *testing.T, want ...string) {
	t.Helper()
	values := make(map[string]json.RawMessage)
	got := []string{}
	for _, p := range c.records(t, len(want)) {
		value := p.Full
		if p.Patch != nil {
			var err error
			if value, err = applied(values[p.RecordID], p.Patch); err != nil {
				t.Fatal(err)
			}
		}
		values[p.RecordID] = value
		said := "-"
		if value != nil {
			said = canonical(value)
		}
		got = append(got, fmt.Sprintf("%s %d %s", p.RecordID, p.Version, said))
	}
	if !slices.Equal(got, want) {
		t.Errorf("pushes of records:\n got %q\nwant %q", got, want)
	}
}

// stored is a record as the server side reads it.
type stored struct {
	Value json.RawMessage
	version
}

func (h *host) stored(t *testing.T, id string) (s stored) {
	t.Helper()
	text := h.op(t, "records.get", object("recordId", id))
	m, err := recordMembers([]byte(text))
	if err == nil {
		err = json.Unmarshal([]byte(text), &s)
	}
	if err != nil || m["value"] == nil {
		t.Fatalf("records.get gives %.200s, %v", text, err)
	}
	s.Value = m["value"]
	return s
}

// set writes a record as the server side does.
func (h *host) set(t *testing.T, id, value string) int64 {
	t.Helper()
	var v version
	if err := json.Unmarshal([]byte(h.op(t, "records.set", `{"recordId":`+encoded(id)+`,"value":`+value+`}`)), &v); err != nil {
		t.Fatal(err)
	}
	return v.Version
}
