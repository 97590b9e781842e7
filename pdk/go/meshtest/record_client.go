package meshtest

import (
	"encoding/json"
	"errors"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
)

// SubscribeRecord lets a connection receive a record's versions, as pushes named
// mesh/record-update, with the whole value, and mesh/record-deleted. It returns
// the record as it is.
func (h *Host) SubscribeRecord(connectionID, recordID string) (r mesh.Record, err error) {
	err = h.builtin(connectionID, "subscribe-record", "recordId", recordID, func(id string) error {
		if err := h.mayRead(connectionID, id); err != nil {
			return err
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.record(id).subscribers[connectionID] = true
		r = h.record(id).as(id)
		return nil
	})
	return r, err
}

// mayRead asks who may read a record: the first pattern that says it.
func (h *Host) mayRead(connectionID, id string) error {
	list := h.registration.Records
	exposure, ok := matchOf(list, id, func(e exposure) bool { return !e.Writable || e.Guard != "" })
	if _, writable := matchOf(list, id, isWritable); !ok && !writable {
		return mesh.Denied("no pattern of the plugin exposes the record " + id)
	}
	return h.ask(exposure.Guard, connectionID, Access{Topic: mesh.TopicRecord, Action: mesh.ActionSubscribe, Name: id})
}

func isWritable(e exposure) bool { return e.Writable }

// WriteRecord lets a connection write a record, JSON text, and returns its
// version then. The options are an object of text, {"strategy",
// "expectVersion"}, "": none.
func (h *Host) WriteRecord(connectionID, recordID, newValue, options string) (version int64, err error) {
	if !json.Valid([]byte(newValue)) {
		return 0, mesh.BadPayload("newValue", "must be JSON")
	}
	payload := mesh.Object().Text("recordId", recordID).Raw("newValue", mesh.JSON(newValue))
	if options != "" {
		payload.Raw("options", mesh.JSON(options))
	}
	err = h.command(connectionID, "publish-record-update", payload.JSON(), func(payload mesh.JSON) error {
		id, err := topicOf(payload, "recordId")
		if err != nil {
			return err
		}
		w := write{id: id, value: payload.Get("newValue")}
		if e := w.take(payload.Get("options")); e != nil {
			return e
		}
		if err := h.mayWrite(connectionID, &w); err != nil {
			return err
		}
		by := h.sender(connectionID)
		h.mu.Lock()
		defer h.mu.Unlock()
		if _, e := h.commitOne(w, by); e != nil {
			return e
		}
		version = h.record(id).version
		return nil
	})
	return version, err
}

// Transact lets a connection write several records, or none: operations is a
// list of {"op": "write", "recordId", "value", "options"} and {"op": "delete",
// "recordId"} as JSON text. The results are [{"op", "recordId", "success",
// "version"}].
func (h *Host) Transact(connectionID, operations string) (results mesh.JSON, err error) {
	payload := mesh.Object().Raw("operations", mesh.JSON(operations)).JSON()
	err = h.command(connectionID, "transaction", payload, func(payload mesh.JSON) error {
		writes, e := readTransaction(payload.Get("operations"))
		if e != nil {
			return e
		}
		for i := range writes {
			if err := h.mayWrite(connectionID, &writes[i]); err != nil {
				return ofRecord(writes[i].id, err)
			}
		}
		by := h.sender(connectionID)
		h.mu.Lock()
		defer h.mu.Unlock()
		if e := h.commit(writes, by); e != nil {
			return e
		}
		results = h.results(writes)
		return nil
	})
	return results, err
}

// mayWrite asks who may write a record: the first pattern that says it.
func (h *Host) mayWrite(connectionID string, w *write) error {
	w.ttl = 0 // how long a record is kept is its pattern's to say
	exposure, ok := matchOf(h.registration.Records, w.id, isWritable)
	if !ok {
		return mesh.NewError(mesh.CodeServer, `Record "`+w.id+`" is not writable by this connection.`)
	}
	if e := w.check(); e != nil {
		return e
	}
	a := Access{Topic: mesh.TopicRecord, Action: mesh.ActionWrite, Name: w.id, Value: w.value.String(), Strategy: w.strategy}
	if w.remove {
		a.Action, a.Value, a.Strategy = mesh.ActionDelete, "", ""
	}
	return h.ask(exposure.WriteGuard, connectionID, a)
}

// ofRecord adds to the error of a transaction which record it is about.
func ofRecord(id string, err error) error {
	var e *mesh.Error
	if !errors.As(err, &e) {
		return err
	}
	data := e.Data
	e.Data = mesh.Object().Text("recordId", id).JSON()
	if data.IsObject() {
		e.Data = merged(e.Data, data, false)
	}
	return err
}
