package meshtest

import (
	"encoding/json"
	"fmt"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
)

// write is what is asked of a record.
type write struct {
	id       string
	remove   bool
	value    mesh.JSON
	strategy string
	expect   *int64 // nil: any version
	ttl      int64  // milliseconds; 0: as the record's pattern says
}

// expects reads the version that a write expects, nil: none.
func (w *write) expects(version mesh.JSON) *mesh.Error {
	if version == nil {
		return nil
	}
	n, ok := version.AsInt()
	if !ok || n < 0 {
		return mesh.BadPayload("expectVersion", "must be a version: 0, for no value, or more")
	}
	w.expect = &n
	return nil
}

// take reads the options of a write, {"strategy", "expectVersion", "ttl"}.
func (w *write) take(options mesh.JSON) *mesh.Error {
	if !options.IsNull() && !options.IsObject() {
		return mesh.BadPayload("options", "must be an object")
	}
	if v := options.Get("strategy"); v != nil {
		text, ok := v.AsText()
		if !ok {
			return mesh.BadPayload("strategy", "must be text")
		}
		w.strategy = text
	}
	if v := options.Get("ttl"); v != nil {
		ttl, ok := v.AsInt()
		if !ok {
			return mesh.BadPayload("ttl", "must be an integer")
		}
		w.ttl = ttl
	}
	return w.expects(options.Get("expectVersion"))
}

func (w *write) check() *mesh.Error {
	switch {
	case !validName(w.id):
		return mesh.BadPayload("recordId", "must be 1 to 256 bytes without control characters")
	case w.ttl < 0:
		return mesh.BadPayload("ttl", "must be 0 milliseconds or more")
	case w.remove:
		return nil
	case !json.Valid(w.value):
		return mesh.BadPayload("value", "must be JSON")
	}
	switch w.strategy {
	case "", mesh.Replace, mesh.Merge, mesh.DeepMerge:
		return nil
	}
	return mesh.BadPayload("strategy", "must be replace, merge or deepMerge")
}

// next returns what a write makes of a record, nil: no value, and whether that
// is a version.
func (w *write) next(r *record) (value mesh.JSON, changed bool, e *mesh.Error) {
	if w.expect != nil && *w.expect != r.version && (*w.expect != 0 || r.value != nil) {
		e = mesh.NewError(mesh.CodeConflict, fmt.Sprintf("expectVersion: the record is at version %d, not %d", r.version, *w.expect))
		return nil, false, e.WithData(mesh.Object().Int("version", r.version).JSON())
	}
	if w.remove {
		return nil, r.value != nil, nil
	}
	value = w.value
	if w.strategy == mesh.Merge || w.strategy == mesh.DeepMerge {
		value = merged(r.value, w.value, w.strategy == mesh.DeepMerge)
	}
	return value, r.value == nil || !equal(r.value, value), nil
}

// commitOne makes a write, of a client where by is not nil, and tells whether it
// has made a version.
func (h *Host) commitOne(w write, by *Connection) (changed bool, e *mesh.Error) {
	if e = w.check(); e != nil {
		return false, e
	}
	value, changed, e := w.next(h.record(w.id))
	if e == nil {
		h.apply(w, value, changed, by)
	}
	return changed, e
}

// commit makes all writes or none. The error names the record.
func (h *Host) commit(writes []write, by *Connection) *mesh.Error {
	for i := range writes {
		w := &writes[i]
		e := w.check()
		if e == nil {
			_, _, e = w.next(h.record(w.id))
		}
		if e != nil {
			_ = ofRecord(w.id, e)
			return e
		}
	}
	for _, w := range writes {
		value, changed, _ := w.next(h.record(w.id))
		h.apply(w, value, changed, by)
	}
	return nil
}

func (h *Host) apply(w write, value mesh.JSON, changed bool, by *Connection) {
	ttl := w.ttl
	if ttl == 0 {
		exposure, _ := match(h.registration.Records, w.id)
		d, _ := parseDuration(exposure.TTL) // it was checked
		ttl = d.Milliseconds()
	}
	if changed || ttl > 0 {
		h.record(w.id).ttl = ttl
	}
	if !changed {
		return
	}
	reason := ""
	if value == nil {
		reason = mesh.RemovedByDelete
	}
	h.change(w.id, value, by, reason)
}
