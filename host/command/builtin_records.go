package command

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"strconv"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// refused answers a subscription that the client may not have.
var refused = []byte(`{"success":false}`)

// mayRead asks whether the call's client may read a record.
func (c *Call) mayRead(ctx context.Context, id string) bool {
	x, open := c.table.exposed.Readable(id)
	if x == nil {
		return open
	}
	return c.allows(ctx, x.Guard, id, abi.Access{Topic: abi.TopicRecord, Action: abi.ActionSubscribe})
}

func (b *realtime) subscribeRecord(ctx context.Context, c *Call) error {
	in := c.fields()
	q := engine.RecordSubscription{Record: in.name("recordId"), Patch: in.oneOf("mode", "full", "patch") == "patch"}
	if epoch := in.text("epoch"); epoch != "" {
		q.From = &backplane.Version{Epoch: epoch, Number: in.number("version")}
	}
	if err := in.err(); err != nil {
		return err
	}
	return b.subscribe(c, beginning{
		refusal: refused,
		may:     func() bool { return c.mayRead(ctx, q.Record) },
		begin: func() ([]byte, func(), error) {
			begun, err := b.engine.SubscribeRecord(ctx, c.Session, q)
			if err != nil {
				return nil, nil, err
			}
			return appendRecordSubscribed(nil, q, begun), begun.Release, nil
		},
		undo: func() { b.engine.UnsubscribeRecord(ctx, c.Session, q.Record) },
	})
}

func appendRecordSubscribed(b []byte, q engine.RecordSubscription, s engine.RecordSubscribed) []byte {
	b = append(b, `{"success":true`...)
	if !s.Recovered {
		b = appendValue(append(b, `,"record":`...), s.Value)
	}
	b = strconv.AppendInt(append(b, `,"version":`...), s.Number, 10)
	if s.Epoch != "" {
		b = protocol.AppendString(append(b, `,"epoch":`...), s.Epoch)
	}
	if q.From != nil {
		b = strconv.AppendBool(append(b, `,"recovered":`...), s.Recovered)
	}
	if s.Recovered {
		b = appendPatches(append(b, `,"patches":`...), s.Patches)
	}
	return append(b, '}')
}

// appendValue adds a record's value, null for none.
func appendValue(b, value []byte) []byte {
	if value == nil {
		return append(b, "null"...)
	}
	return append(b, value...)
}

func appendPatches(b []byte, patches []backplane.RecordPatch) []byte {
	b = append(b, '[')
	for i, p := range patches {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(b, `{"version":`...), p.Number, 10)
		b = append(append(append(b, `,"patch":`...), p.Patch...), '}')
	}
	return append(b, ']')
}

func (b *realtime) publishRecordUpdate(ctx context.Context, c *Call) error {
	in := c.fields()
	w := engine.Write{
		Record: in.name("recordId"), Value: in.value("newValue"), By: c.Session.ID(),
		Fields: engine.WriteFields{Value: "newValue", Options: "options."},
	}
	options := in.raw("options")
	if err := in.err(); err != nil {
		return err
	}
	if err := w.ParseOptions(options); err != nil {
		return err
	}
	w.TTL = 0 // how long a record is kept is its exposure's to say
	if err := b.mayWrite(ctx, c, &w); err != nil {
		return err
	}
	done, err := b.engine.Write(ctx, w)
	if err != nil {
		return err
	}
	reply := strconv.AppendInt([]byte(`{"success":true,"version":`), done.Number, 10)
	reply = protocol.AppendString(append(reply, `,"epoch":`...), done.Epoch)
	c.ReplyWith(append(reply, '}'))
	return nil
}

// mayWrite asks whether the call's client may write a record as it wants to.
func (b *realtime) mayWrite(ctx context.Context, c *Call, w *engine.Write) error {
	x := c.table.exposed.Writable(w.Record)
	if x == nil {
		return notWritable(w.Record)
	}
	if err := b.engine.CheckWrite(w); err != nil {
		return err // before the guard is asked
	}
	a := abi.Access{Topic: abi.TopicRecord, Action: abi.ActionWrite, Strategy: cmp.Or(w.Strategy, engine.Replace)}
	if w.Delete {
		a.Action, a.Strategy = abi.ActionDelete, ""
	}
	if err := c.askAbout(ctx, x.WriteGuard, w.Record, a, w.Value); err != nil {
		return err
	}
	if b.engine.CrowdedRecord(w.Record, w.By) {
		c.Yield() // the write will have to wait
	}
	return nil
}

// notWritable answers a write of a record that clients may not write, in the
// words that existing clients know.
func notWritable(id string) error {
	return protocol.NewError(abi.CodeServer, fmt.Sprintf("Record %q is not writable by this connection.", id))
}

func (b *realtime) transaction(ctx context.Context, c *Call) error {
	in := c.fields()
	operations := in.value("operations")
	if err := in.err(); err != nil {
		return err
	}
	writes, err := engine.ParseOperations(operations)
	if err != nil {
		return err
	}
	for i := range writes {
		writes[i].By, writes[i].TTL = c.Session.ID(), 0
	}
	if err := b.engine.CheckTransaction(writes); err != nil {
		return err // before any guard is asked
	}
	for i := range writes {
		w := &writes[i]
		if err := b.mayWrite(ctx, c, w); err != nil {
			return engine.OfRecord(w.Record, err)
		}
	}
	done, err := b.engine.Transact(ctx, writes)
	if err != nil {
		return err
	}
	reply := protocol.AppendString([]byte(`{"id":`), rand.Text())
	reply = engine.AppendResults(append(reply, `,"results":`...), writes, done)
	c.ReplyWith(append(reply, '}'))
	return nil
}

func (b *realtime) subscribeCollection(ctx context.Context, c *Call) error {
	in := c.fields()
	id := in.name("collectionId")
	if err := in.err(); err != nil {
		return err
	}
	x := c.table.exposed.Collection(id)
	return b.subscribe(c, beginning{
		refusal: refusedCollection,
		may: func() bool {
			return x != nil && c.allows(ctx, x.Guard, id, abi.Access{Topic: abi.TopicCollection, Action: abi.ActionSubscribe})
		},
		begin: func() ([]byte, func(), error) {
			c.Yield() // to ask the resolver, and each record's guard, or to list all records may take long
			begun, err := b.engine.SubscribeCollection(ctx, c.Session, x, id)
			if err != nil {
				return nil, nil, err
			}
			return c.appendCollected(nil, begun), begun.Release, nil
		},
		undo: func() { b.engine.UnsubscribeCollection(ctx, c.Session, id) },
	})
}

// refusedCollection answers a subscription to a collection that the client may
// not have.
var refusedCollection = []byte(`{"success":false,"ids":[],"records":[],"version":0}`)

func (c *Call) appendCollected(b []byte, s engine.Collected) []byte {
	b = append(b, `{"success":true,"ids":[`...)
	for i, r := range s.Records {
		if i > 0 {
			b = append(b, ',')
		}
		b = protocol.AppendString(b, r.ID)
	}
	b = append(b, `],"records":[`...)
	for i, r := range s.Records {
		if i > 0 {
			b = append(b, ',')
		}
		b = protocol.AppendString(append(b, `{"id":`...), r.ID)
		b = append(b, `,"record":`...)
		if c.Session.Subprotocol() == protocol.SubprotocolV1 {
			b = append(b, r.Value...)
		} else {
			b = engine.AppendWithID(b, &r)
		}
		b = append(strconv.AppendInt(append(b, `,"version":`...), r.Number, 10), '}')
	}
	b = strconv.AppendInt(append(b, `],"version":`...), s.Version, 10)
	return append(b, '}')
}
