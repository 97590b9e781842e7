package engine

import (
	"strconv"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// batch is what the subscribers that are told together have in common: each
// record is read once, and each diff is encoded once.
type batch struct {
	records map[string]backplane.Record
	diffs   map[diffKey]*diff
}

// diffKey says which diffs are the same: those of one difference, of which
// nothing was left out, for clients that read the same form.
type diffKey struct {
	*difference
	old bool
}

// diff is a collection-diff: several, where it is too large for one.
type diff struct{ pieces []*piece }

// piece is a diff without its version, and the pushes with one.
type piece struct {
	body   []byte
	pushes map[int64]*protocol.Push
}

// push returns the piece as a subscriber's next version.
func (p *piece) push(version int64) *protocol.Push {
	made := p.pushes[version]
	if made == nil {
		payload := append(make([]byte, 0, len(p.body)+24), p.body...)
		payload = append(strconv.AppendInt(append(payload, `,"version":`...), version, 10), '}')
		made = protocol.NewBuiltinPush("collection-diff", payload)
		p.pushes[version] = made
	}
	return made
}

// diff encodes what an update says.
func (b *batch) diff(u *update, whole bool, limit int) *diff {
	key := diffKey{u.difference, u.session.Subprotocol() != protocol.SubprotocolV1}
	if d := b.diffs[key]; d != nil && whole {
		return d
	}
	d := &diff{}
	d.encode(u, key.old, limit)
	if whole {
		b.diffs[key] = d
	}
	return d
}

// encode makes the pieces: each has as much as a reply may, and one record at
// least.
func (d *diff) encode(u *update, old bool, limit int) {
	removed := u.difference.removed
	added := u.taken
	for first := true; first || len(added) > 0; first = false {
		body := protocol.AppendString([]byte(`{"collectionId":`), u.collection.id)
		body = append(body, `,"added":[`...)
		n := 0
		for n < len(added) && (n == 0 || len(body)+len(added[n].Value)+replyOverhead < limit) {
			if n > 0 {
				body = append(body, ',')
			}
			body = appendAdded(body, &added[n].Record, old)
			n++
		}
		added = added[n:]
		body = appendRemoved(append(body, `],"removed":[`...), removed)
		removed = nil
		d.pieces = append(d.pieces, &piece{body: append(body, ']'), pushes: make(map[int64]*protocol.Push)})
	}
}

func appendRemoved(b []byte, ids []string) []byte {
	for i, id := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(protocol.AppendString(append(b, `{"id":`...), id), '}')
	}
	return b
}

// appendAdded adds a record that a collection has now. Old clients take the
// record itself, and know it by the id in it.
func appendAdded(b []byte, r *backplane.Record, old bool) []byte {
	if old && protocol.IsObject(r.Value) {
		return AppendWithID(b, r)
	}
	b = protocol.AppendString(append(b, `{"id":`...), r.ID)
	b = append(append(b, `,"record":`...), r.Value...)
	if !old {
		b = strconv.AppendInt(append(b, `,"version":`...), r.Number, 10)
	}
	return append(b, '}')
}

// AppendWithID adds a record's value as old clients know it from a collection:
// an object has the record's id as its own.
func AppendWithID(dst []byte, r *backplane.Record) []byte {
	if !protocol.IsObject(r.Value) {
		return append(dst, r.Value...)
	}
	dst = protocol.AppendString(append(dst, `{"id":`...), r.ID)
	protocol.EachWritten(r.Value, func(key, value []byte) bool {
		if !protocol.SameString(key[1:len(key)-1], ownID) {
			dst = append(append(dst, ','), key...)
			dst = append(append(dst, ':'), value...)
		}
		return true
	})
	return append(dst, '}')
}

// ownID is the key of the id that old clients find in a record.
var ownID = []byte("id")
