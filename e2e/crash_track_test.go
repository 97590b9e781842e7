//go:build linux

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// track is what one client writes, one write after the other, the n-th after the
// n-1-th: a record, a channel, a key. After a crash it is at the last write that
// was acknowledged, or at the one that was on its way.
type track struct {
	name string
	// write is the command that makes the n-th write, with its payload.
	write func(n int64) (command, payload string)
	// read returns which write is the newest that is there, and the epoch that
	// it counts in, "" for none.
	read func(h *host, c *client) (n int64, epoch string, err error)

	acknowledged, issued int64
	epoch                string
	// found counts the writes that were not acknowledged and are there.
	found int64
}

// run writes until the connection ends.
func (x *track) run(t *testing.T, c *client, all *atomic.Int64) {
	t.Helper()
	for {
		x.issued = x.acknowledged + 1
		command, payload := x.write(x.issued)
		if strings.HasPrefix(command, "mesh/") && c.conn.Subprotocol() == "" {
			command = "rt/" + strings.TrimPrefix(command, "mesh/")
		}
		if _, err := c.ask(command, payload); err != nil {
			var f *failure
			if errors.As(err, &f) { // none of these may fail
				t.Errorf("%s, write %d: %v", x.name, x.issued, err)
			}
			return
		}
		x.acknowledged = x.issued
		all.Add(1)
	}
}

// check looks at where it is after a restart.
func (x *track) check(h *host, c *client) error {
	n, epoch, err := x.read(h, c)
	if err != nil {
		return err
	}
	if n < x.acknowledged || n > x.issued {
		return fmt.Errorf("it is at write %d, where %d were acknowledged and %d issued", n, x.acknowledged, x.issued)
	}
	if x.epoch != "" && x.epoch != epoch {
		return fmt.Errorf("the epoch is %q, not %q", epoch, x.epoch)
	}
	x.found = n - x.acknowledged
	x.acknowledged, x.issued, x.epoch = n, n, epoch
	return nil
}

// numberOf is the number in a record's value, {"n": …}.
func numberOf(value json.RawMessage) (int64, error) {
	var v struct{ N int64 }
	err := json.Unmarshal(value, &v)
	return v.N, err
}

// filler is a text of some length that the n-th write has.
func filler(n int64) string { return strings.Repeat("x", int(n*n%5003)) }

// newTracks makes one of everything that is kept.
func newTracks() (all []*track) {
	for i := range 3 {
		all = append(all, recordTrack(fmt.Sprint("record ", i)))
	}
	for i := range 2 {
		all = append(all, channelTrack(fmt.Sprint("kept:", i)))
	}
	return append(all, livesTrack(), pairTrack(), kvTrack(), countTrack(), roomTrack())
}

// get reads a record through the plugin.
func (h *host) get(id string, c *client) (s stored, err error) {
	text, err := c.ask("records.get", object("recordId", id))
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return s, err
	}
	m, err := recordMembers([]byte(text))
	s.Value = m["value"]
	return s, err
}

// recordTrack writes a record; each write is a version.
func recordTrack(id string) *track {
	return &track{
		name: id,
		write: func(n int64) (string, string) {
			return "mesh/publish-record-update", recordWrite(id, fmt.Sprintf(`{"n":%d,"filler":%q}`, n, filler(n)), fmt.Sprintf(`"expectVersion":%d`, n-1))
		},
		read: func(h *host, c *client) (int64, string, error) {
			s, err := h.get(id, c)
			if err != nil || s.Version == 0 {
				return 0, "", err
			}
			n, err := numberOf(s.Value)
			if err == nil && n != s.Version {
				err = fmt.Errorf("write %d is version %d", n, s.Version)
			}
			return n, s.Epoch, err
		},
	}
}

// livesTrack writes a record and deletes it in turn; each is a version.
func livesTrack() *track {
	const id = "lives"
	return &track{
		name: id,
		write: func(n int64) (string, string) {
			if n%2 == 0 {
				return "mesh/transaction", `{"operations":[` + deleteOp(id) + `]}`
			}
			return "mesh/publish-record-update", recordWrite(id, fmt.Sprintf(`{"n":%d}`, n), `"expectVersion":0`)
		},
		read: func(h *host, c *client) (int64, string, error) {
			s, err := h.get(id, c)
			if err != nil || s.Version == 0 {
				return 0, "", err
			}
			if n, err := numberOf(s.Value); err != nil || s.Version%2 == 0 && string(s.Value) != "null" || s.Version%2 == 1 && n != s.Version {
				return 0, "", fmt.Errorf("version %d is %s, %w", s.Version, s.Value, err)
			}
			return s.Version, s.Epoch, nil
		},
	}
}

// pairTrack writes two records in a transaction: both, or none.
func pairTrack() *track {
	return &track{
		name: "transactions",
		write: func(n int64) (string, string) {
			value := fmt.Sprintf(`{"n":%d}`, n)
			return "mesh/transaction", `{"operations":[` + writeOp("pair b", value) + "," + writeOp("pair a", value) + `]}`
		},
		read: func(h *host, c *client) (int64, string, error) {
			a, err := h.get("pair a", c)
			if err != nil {
				return 0, "", err
			}
			b, err := h.get("pair b", c)
			if err == nil && (string(a.Value) != string(b.Value) || a.Version != b.Version) {
				err = fmt.Errorf("a part of a transaction: %s at %d, %s at %d", a.Value, a.Version, b.Value, b.Version)
			}
			return a.Version, a.Epoch + b.Epoch, err
		},
	}
}

// channelTrack publishes to a channel; each message has the next offset.
func channelTrack(channel string) *track {
	return &track{
		name: channel,
		write: func(n int64) (string, string) {
			return "mesh/publish-channel", object("channel", channel, "message", message(n))
		},
		read: func(_ *host, c *client) (int64, string, error) {
			reply, err := c.ask("mesh/get-channel-history", `{"channel":`+encoded(channel)+`,"limit":100}`)
			if err != nil {
				return 0, "", err
			}
			var r struct {
				History []string
				position
			}
			if err := json.Unmarshal([]byte(reply), &r); err != nil {
				return 0, "", err
			}
			for i, text := range r.History {
				if text != message(r.Offset-int64(i)) {
					return 0, "", fmt.Errorf("message %d is %.100s", r.Offset-int64(i), text)
				}
			}
			if len(r.History) < int(min(r.Offset, 100)) {
				return 0, "", fmt.Errorf("%d of %d messages", len(r.History), r.Offset)
			}
			if r.Offset == 0 {
				r.Epoch = "" // nothing was published in it
			}
			return r.Offset, r.Epoch, nil
		},
	}
}

// kvTrack sets a key of the plugin's store, countTrack counts in one.
func kvTrack() *track {
	return &track{
		name: "kv.set",
		write: func(n int64) (string, string) {
			return "kv.set", fmt.Sprintf(`{"key":"crash","value":{"n":%d,"filler":%q}}`, n, filler(n))
		},
		read: func(_ *host, c *client) (int64, string, error) {
			value, err := kvValue(c, "crash")
			if value == nil || err != nil {
				return 0, "", err
			}
			n, err := numberOf(value)
			return n, "", err
		},
	}
}

func countTrack() *track {
	return &track{
		name:  "kv.increment",
		write: func(int64) (string, string) { return "kv.increment", `{"key":"crashes","by":1}` },
		read: func(_ *host, c *client) (int64, string, error) {
			value, err := kvValue(c, "crashes")
			if value == nil || err != nil {
				return 0, "", err
			}
			n, err := strconv.ParseInt(string(value), 10, 64)
			return n, "", err
		},
	}
}

func kvValue(c *client, key string) (json.RawMessage, error) {
	reply, err := c.ask("kv.get", object("key", key))
	if err != nil {
		return nil, err
	}
	m, err := recordMembers([]byte(reply))
	return m["value"], err
}

// roomTrack writes the metadata of a room.
func roomTrack() *track {
	return &track{
		name: "a room's metadata",
		write: func(n int64) (string, string) {
			return "rooms.metadata.set", fmt.Sprintf(`{"roomName":"crash","metadata":{"n":%d},"strategy":"merge"}`, n)
		},
		read: func(_ *host, c *client) (int64, string, error) {
			reply, err := c.ask("rooms.metadata.get", `{"roomName":"crash"}`)
			if err != nil {
				return 0, "", err
			}
			m, err := recordMembers([]byte(reply))
			if err != nil || m["metadata"] == nil || string(m["metadata"]) == "null" {
				return 0, "", err
			}
			n, err := numberOf(m["metadata"])
			return n, "", err
		},
	}
}

// counterTrack is a record that several clients write at once, each its own
// counters.
type counterTrack struct {
	writers []struct{ acknowledged, issued int }
	epoch   string
}

func newCounterTrack() *counterTrack {
	return &counterTrack{writers: make([]struct{ acknowledged, issued int }, 4)}
}

func (x *counterTrack) run(c *client, i int, all *atomic.Int64) {
	w := &x.writers[i]
	dialect := "mesh/"
	if c.conn.Subprotocol() == "" {
		dialect = "rt/"
	}
	for {
		w.issued = w.acknowledged + 1
		if _, err := c.ask(dialect+"publish-record-update", counterWrite("counters", i, w.acknowledged)); err != nil {
			return
		}
		w.acknowledged = w.issued
		all.Add(1)
	}
}

// check sees to it that every writer's counters are at its last write.
func (x *counterTrack) check(t *testing.T, h *host) error {
	t.Helper()
	s := h.stored(t, "counters")
	if s.Version == 0 {
		return x.settle(t, nil, nil, s.version)
	}
	top, err := recordMembers(s.Value)
	if err != nil {
		return err
	}
	below := make(map[string]json.RawMessage)
	if top["all"] != nil {
		if below, err = recordMembers(top["all"]); err != nil {
			return err
		}
	}
	return x.settle(t, top, below, s.version)
}

func (x *counterTrack) settle(t *testing.T, top, below map[string]json.RawMessage, at version) error {
	t.Helper()
	sum := 0
	for i := range x.writers {
		w, n := &x.writers[i], 0
		for _, counters := range []map[string]json.RawMessage{top, below} {
			count, _ := strconv.Atoi(string(counters[fmt.Sprint("w", i)])) // 0 where there is none
			n += count
		}
		if n < w.acknowledged || n > w.issued {
			return fmt.Errorf("%d writes of writer %d are there, where %d were acknowledged and %d issued", n, i, w.acknowledged, w.issued)
		}
		w.acknowledged, w.issued = n, n
		sum += n
	}
	if int64(sum) != at.Version || x.epoch != "" && x.epoch != at.Epoch {
		return fmt.Errorf("%d writes are there at %+v, in the epoch %q before", sum, at, x.epoch)
	}
	x.epoch = at.Epoch
	return nil
}
