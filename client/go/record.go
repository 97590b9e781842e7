package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
)

// Record is a version of a record. Its value must not be changed.
type Record struct {
	ID      string
	Value   json.RawMessage // null for one that is missing
	Version int64           // 0 for one that was never there
	Epoch   string
	Deleted bool // this version is its deletion
}

// RecordOptions say how to follow a record.
type RecordOptions struct {
	// Full has the server send every version as a whole, with numbers and members as
	// they were written. Otherwise it sends what has changed.
	Full bool
	// OnChange, unless nil, is called with the value that is there first, and then
	// with each version that comes; of those that came while the client was away with
	// the newest only.
	OnChange func(Record)
}

// RecordSubscription keeps a record's value. It is safe for concurrent use.
type RecordSubscription struct {
	*Subscription
	keeper *keeper
}

// SubscribeRecord follows a record, which need not exist. A version never follows a
// newer one. ErrRefused is for one that is not open to this client.
func (c *Client) SubscribeRecord(ctx context.Context, id string, o RecordOptions) (*RecordSubscription, error) {
	k := &keeper{id: id, options: o}
	k.current.Store(&Record{ID: id, Value: json.RawMessage("null")})
	s, err := c.subscribe(ctx, "record", id, k)
	if err != nil {
		return nil, err
	}
	return &RecordSubscription{s, k}, nil
}

// Record returns the newest version that is known.
func (s *RecordSubscription) Record() Record { return *s.keeper.current.Load() }

// Decode decodes the newest value that is known into what v points to.
func (s *RecordSubscription) Decode(v any) error { return json.Unmarshal(s.Record().Value, v) }

// WriteOptions say how to write a record.
type WriteOptions struct {
	// Strategy is "replace", which is the default, "merge" or "deepMerge".
	Strategy string
	// ExpectVersion, unless nil, is the version that the record must have, 0 for none:
	// else the write fails with the code ECONFLICT, and the version in Data.
	ExpectVersion *int64
}

// WriteRecord writes a record and returns its version. After ErrDisconnected the write
// may have taken place.
func (c *Client) WriteRecord(ctx context.Context, id string, value any, o WriteOptions) (version int64, err error) {
	text, err := encode(value)
	if err != nil {
		return 0, err
	}
	if text == nil {
		text = json.RawMessage("null")
	}
	options := make(map[string]any)
	if o.Strategy != "" {
		options["strategy"] = o.Strategy
	}
	if o.ExpectVersion != nil {
		options["expectVersion"] = *o.ExpectVersion
	}
	var result struct{ Version int64 }
	err = c.Call(ctx, "mesh/publish-record-update", map[string]any{"recordId": id, "newValue": text, "options": options}, &result)
	return result.Version, err
}

// keeper is the topic of a record.
type keeper struct {
	id      string
	options RecordOptions
	current atomic.Pointer[Record] // stored by the subscription's goroutine only
	tree    *node                  // of the current value, nil until a patch needs it
	known   bool                   // the server has told the value
	broken  bool                   // patches do not lead on from it
}

var _ topic = (*keeper)(nil)

func (k *keeper) ask() (command string, payload map[string]any) {
	payload = map[string]any{"recordId": k.id, "mode": "patch"}
	if k.options.Full {
		payload["mode"] = "full"
	}
	if k.known && !k.broken {
		now := k.current.Load()
		payload["epoch"], payload["version"] = now.Epoch, now.Version
	}
	return "mesh/subscribe-record", payload
}

func (k *keeper) begin(text json.RawMessage) (deliver func(), more bool, err error) {
	var r struct {
		Success, Recovered bool
		Record             json.RawMessage
		Version            int64
		Epoch              string
		Patches            []struct {
			Version int64
			Patch   json.RawMessage
		}
	}
	switch err := json.Unmarshal(text, &r); {
	case err != nil:
		return nil, false, fmt.Errorf("client: subscribe-record: %w", err)
	case !r.Success:
		return nil, false, fmt.Errorf("%w: record %q", ErrRefused, k.id)
	case r.Recovered && (!k.known || k.broken):
		return nil, false, errors.New("client: subscribe-record: a recovery that was not asked for")
	case !r.Recovered:
		if r.Record == nil {
			r.Record = json.RawMessage("null")
		}
		changed := k.replace(Record{ID: k.id, Value: r.Record, Version: r.Version, Epoch: r.Epoch}) || !k.known
		k.known, k.broken = true, false
		return k.change(changed), false, nil
	}
	for _, p := range r.Patches {
		if !k.patch(p.Version, p.Patch) {
			return nil, true, nil // for the value, then
		}
	}
	if r.Version != k.current.Load().Version {
		k.broken = true
		return nil, true, nil
	}
	return k.change(len(r.Patches) > 0), false, nil
}

// change returns what tells the current value, if there is something to tell.
func (k *keeper) change(changed bool) func() {
	if !changed || k.options.OnChange == nil {
		return nil
	}
	now := *k.current.Load()
	return func() { k.options.OnChange(now) }
}

func (k *keeper) push(p *push) bool {
	now := k.current.Load()
	same := p.Epoch == now.Epoch
	next := Record{ID: k.id, Value: p.Full, Version: p.Version, Epoch: p.Epoch}
	switch {
	case same && p.Version <= now.Version:
		return true
	case p.command == pushDeleted:
		next.Value, next.Deleted = json.RawMessage("null"), true
		k.replace(next)
	case p.Full != nil:
		k.replace(next)
	case !same || !k.patch(p.Version, p.Patch):
		k.broken = true
		return false
	}
	if deliver := k.change(true); deliver != nil {
		deliver()
	}
	return true
}

// replace takes a whole value, unless there is a newer one.
func (k *keeper) replace(next Record) bool {
	now := k.current.Load()
	if next.Epoch == now.Epoch && next.Version <= now.Version {
		return false
	}
	k.tree = nil
	k.current.Store(&next)
	return true
}

// patch makes the next version of the current one. Where it cannot, the value stays,
// and must be asked for.
func (k *keeper) patch(version int64, patch json.RawMessage) bool {
	now := *k.current.Load()
	if k.tree == nil {
		k.tree = &node{raw: now.Value}
	}
	if version != now.Version+1 || k.tree.apply(patch) != nil {
		k.tree, k.broken = nil, true
		return false
	}
	now.Value, now.Version, now.Deleted = k.tree.text(), version, false
	k.current.Store(&now)
	return true
}
