package meshtest

import (
	"fmt"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
	"github.com/mesh-host/mesh-host/pdk/go/internal/codec"
)

// record is a value at a version, and who subscribes to it. One that is deleted
// keeps its version for good.
type record struct {
	value       mesh.JSON // nil: none
	version     int64
	ttl         int64 // milliseconds, 0: none
	subscribers map[string]bool
}

func (h *Host) record(id string) *record {
	r := h.records[id]
	if r == nil {
		r = &record{subscribers: map[string]bool{}}
		h.records[id] = r
	}
	return r
}

func (r *record) as(id string) mesh.Record {
	v := mesh.Record{ID: id, Value: mesh.JSON("null"), Version: r.version}
	if r.value != nil {
		v.Value = r.value.Copy()
	}
	if r.version > 0 {
		v.Epoch = epoch
	}
	return v
}

// Record returns a record as it is.
func (h *Host) Record(id string) mesh.Record {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.record(id).as(id)
}

// SetRecord writes a record, JSON text, as an operator does, and runs the hooks
// of that, whose errors it returns.
func (h *Host) SetRecord(id, value string) error {
	h.mu.Lock()
	_, e := h.commitOne(write{id: id, value: mesh.JSON(value)}, nil)
	h.mu.Unlock()
	if e != nil {
		return e
	}
	return h.settle()
}

// ExpireRecord lets the TTL of a record pass, which it does not by itself, and
// runs the hooks of that, whose errors it returns. It fails where the record has
// none.
func (h *Host) ExpireRecord(id string) error {
	h.mu.Lock()
	r := h.record(id)
	has := r.value != nil && r.ttl > 0
	if has {
		h.change(id, nil, nil, mesh.RemovedByExpiry)
	}
	h.mu.Unlock()
	if !has {
		return fmt.Errorf("meshtest: the record %s has no TTL", id)
	}
	return h.settle()
}

func (h *Host) getRecord(f *codec.Fields) ([]byte, *mesh.Error) {
	id, e := readName(f, "recordId")
	if e != nil {
		return nil, e
	}
	r := h.record(id).as(id)
	return codec.AppendOptionalString(codec.AppendInt(codec.AppendBytes(nil, r.Value), r.Version), r.Epoch), nil
}

func (h *Host) setRecord(f *codec.Fields) ([]byte, *mesh.Error) {
	w := write{id: f.String(), value: f.Bytes(), strategy: f.String()}
	e := w.expects(f.Bytes())
	if e != nil {
		return nil, e
	}
	w.ttl, _ = f.Int()
	changed, e := h.commitOne(w, nil)
	if e != nil {
		return nil, e
	}
	r := h.record(w.id)
	return codec.AppendBool(codec.AppendString(codec.AppendInt(nil, r.version), epoch), changed), nil
}

func (h *Host) deleteRecord(f *codec.Fields) ([]byte, *mesh.Error) {
	w := write{id: f.String(), remove: true}
	if e := w.expects(f.Bytes()); e != nil {
		return nil, e
	}
	deleted, e := h.commitOne(w, nil)
	if e != nil {
		return nil, e
	}
	return codec.AppendInt(codec.AppendBool(nil, deleted), h.record(w.id).version), nil
}

func (h *Host) listRecords(f *codec.Fields) ([]byte, *mesh.Error) {
	wanted, values := f.String(), f.Bool()
	p, err := parsePattern(wanted)
	if wanted != "" && err != nil {
		return nil, mesh.BadPayload("pattern", err.Error())
	}
	var ids []string
	for _, id := range sorted(h.records) {
		if h.records[id].value != nil && (wanted == "" || p.matches(id)) {
			ids = append(ids, id)
		}
	}
	ids, next := page(ids, f)
	list := mesh.Array()
	for _, id := range ids {
		r := h.records[id]
		o := mesh.Object().Text("recordId", id).Int("version", r.version).Text("epoch", epoch)
		if values {
			o.Raw("value", r.value)
		}
		list.Raw(o.JSON())
	}
	return codec.AppendOptionalString(codec.AppendBytes(nil, list.JSON()), next), nil
}

func (h *Host) unsubscribeRecord(f *codec.Fields) ([]byte, *mesh.Error) {
	id, e := readName(f, "recordId")
	if e != nil {
		return nil, e
	}
	return endSubscription(h, f, "record", id, h.record(id).subscribers)
}

// change makes a record's next version, nil: without a value, and tells whom it
// concerns: subscribers, those who see it in a collection, hooks.
func (h *Host) change(id string, value mesh.JSON, by *Connection, reason string) {
	r := h.record(id)
	previous := r.value
	r.version++
	r.value = value.Copy()
	h.changed[id] = true
	command, push := "mesh/record-update", mesh.Object().Text("recordId", id)
	e := event{kind: kindUpdate, name: "recordUpdate", payload: r.value, record: id}
	if value == nil {
		command = "mesh/record-deleted"
		e.kind, e.name, e.payload = kindRemoved, "recordRemoved", previous
	} else {
		push.Raw("full", value)
	}
	payload := push.Int("version", r.version).Text("epoch", epoch).JSON()
	for connectionID := range h.connections {
		if r.subscribers[connectionID] || h.collects(connectionID, id) {
			h.push(connectionID, command, payload)
		}
	}
	if by != nil {
		e.connection = *by
	}
	e.detail = codec.AppendInt(codec.AppendString(nil, id), r.version)
	e.detail = codec.AppendString(codec.AppendString(e.detail, epoch), reason)
	h.later(e)
}
