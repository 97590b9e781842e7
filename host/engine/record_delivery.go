package engine

import (
	"strconv"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// Record delivers a version to this node's subscribers.
func (r receiver) Record(c backplane.RecordChange) {
	r.engine.collections.changed(c)
	t := hub.Topic{Kind: hub.RecordTopic, Name: c.ID}
	if r.engine.hub.Subscribers(t) == 0 {
		return
	}
	r.engine.hub.Publish(t, delivery(c))
}

func delivery(c backplane.RecordChange) hub.Delivery {
	d := hub.Delivery{Position: recordPosition(c.Version)}
	if c.Value == nil {
		d.Push = protocol.NewBuiltinPush("record-deleted", append(appendVersion(appendRecordID(nil, c.ID), c.Version), '}'))
		return d
	}
	d.Whole = protocol.NewLazyPush("record-update", func() []byte { return appendUpdate(c.Record, "full", c.Value) })
	if d.Push = d.Whole; c.Patch != nil {
		d.Push = protocol.NewLazyPush("record-update", func() []byte { return appendUpdate(c.Record, "patch", c.Patch) })
	}
	return d
}

func recordPosition(v backplane.Version) hub.Position {
	return hub.Position{Epoch: v.Epoch, Offset: v.Number}
}

func appendUpdate(r backplane.Record, form string, text []byte) []byte {
	b := appendRecordID(make([]byte, 0, len(r.ID)+len(text)+96), r.ID)
	b = append(append(append(b, `,"`...), form...), `":`...)
	return append(appendVersion(append(b, text...), r.Version), '}')
}

func appendRecordID(b []byte, id string) []byte {
	return protocol.AppendString(append(b, `{"recordId":`...), id)
}

func appendVersion(b []byte, v backplane.Version) []byte {
	b = strconv.AppendInt(append(b, `,"version":`...), v.Number, 10)
	return protocol.AppendString(append(b, `,"epoch":`...), v.Epoch)
}

// Wrote has the hooks told of a version that this node has made.
func (r receiver) Wrote(c backplane.RecordChange) {
	if !r.engine.events.observer.ObservesRecord(c.ID) {
		return
	}
	c.Patch = nil
	if c.Value != nil {
		c.Previous = nil
	}
	e := &RecordEvent{RecordChange: c, Connection: c.By}
	if s := r.engine.hub.Get(c.By); s != nil {
		e.User, e.Metadata = s.User(), s.Metadata()
	}
	r.engine.events.add(e)
}
