package meshtest

import (
	"maps"
	"slices"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
	"github.com/mesh-host/mesh-host/pdk/go/internal/codec"
)

// The bounds of a collection, in records.
const (
	defaultCollection = 100
	maxCollection     = 1000
)

// collection is who subscribes to a collection and what each of them sees.
type collection struct {
	exposure exposure
	named    []string // by the resolver, when it was last asked
	views    map[string]*view
}

// view is the records of a collection that a connection may read.
type view struct {
	ids     []string
	version int64
}

// SubscribeCollection lets a connection receive the changes of a collection, as
// pushes named mesh/collection-diff, and those of its records. It returns the ids
// of the records that it sees.
func (h *Host) SubscribeCollection(connectionID, collectionID string) (ids []string, err error) {
	err = h.builtin(connectionID, "subscribe-collection", "collectionId", collectionID, func(id string) error {
		exposure, ok := match(h.registration.Collections, id)
		if !ok {
			return mesh.Denied("no pattern of the plugin exposes the collection " + id)
		}
		if err := h.ask(exposure.Guard, connectionID, Access{Topic: mesh.TopicCollection, Action: mesh.ActionSubscribe, Name: id}); err != nil {
			return err
		}
		c := h.collection(id, exposure)
		all, err := h.members(c, id, connectionID)
		if err != nil {
			return err
		}
		ids = h.visible(connectionID, all)
		h.mu.Lock()
		defer h.mu.Unlock()
		c.named, c.views[connectionID] = all, &view{ids: ids, version: 1}
		return nil
	})
	return slices.Clone(ids), err
}

func (h *Host) collection(id string, e exposure) *collection {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.collections[id]
	if c == nil {
		c = &collection{exposure: e, views: map[string]*view{}}
		h.collections[id] = c
	}
	return c
}

// members returns what a collection has for a connection: what the resolver has
// said for all, where that is the same and someone sees it, or what it says now.
func (h *Host) members(c *collection, id, connectionID string) ([]string, error) {
	if c.exposure.Shared {
		h.mu.Lock()
		known, all := len(c.views) > 0, c.named
		h.mu.Unlock()
		if known {
			return all, nil
		}
	}
	return h.resolve(c.exposure, id, connectionID)
}

// resolve asks the resolver, for one connection or for all.
func (h *Host) resolve(e exposure, id, connectionID string) ([]string, error) {
	r := request{kind: kindResolve, name: id}
	if !e.Shared {
		r.connection = h.sender(connectionID)
	}
	out := h.call(e.Handler, r)
	if out.err != nil {
		return nil, out.err
	}
	ids, ok := out.body.AsTexts()
	if out.body != nil && !ok {
		return nil, mesh.NewError(mesh.CodePlugin, "the resolver has not returned a list of ids: "+out.body.String())
	}
	return e.first(ids), nil
}

// first returns as many of a resolver's ids as a collection may have, each once.
func (e exposure) first(all []string) (ids []string) {
	limit := e.Limit
	if limit == 0 {
		limit = defaultCollection
	}
	for _, id := range all {
		if len(ids) < limit && validName(id) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// visible leaves out what a connection may not read, and what has no value.
func (h *Host) visible(connectionID string, all []string) (ids []string) {
	for _, id := range all {
		if h.hasValue(id) && h.mayRead(connectionID, id) == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

func (h *Host) hasValue(id string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.records[id]
	return r != nil && r.value != nil
}

// collects tells whether a connection sees a record in a collection.
func (h *Host) collects(connectionID, recordID string) bool {
	for _, c := range h.collections {
		if v := c.views[connectionID]; v != nil && slices.Contains(v.ids, recordID) {
			return true
		}
	}
	return false
}

// takeChanged returns the records that have changed since it was last called.
func (h *Host) takeChanged() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	ids := sorted(h.changed)
	clear(h.changed)
	return ids
}

// refresh resolves the collections anew that depend on what has changed. The
// errors are those of resolvers.
func (h *Host) refresh(changed []string) (errs []error) {
	h.mu.Lock()
	all := maps.Clone(h.collections)
	h.mu.Unlock()
	for _, id := range sorted(all) {
		c := all[id]
		if slices.ContainsFunc(changed, c.exposure.records.matches) {
			errs = append(errs, h.refreshOne(c, id)...)
		}
	}
	return errs
}

func (h *Host) refreshOne(c *collection, id string) (errs []error) {
	h.mu.Lock()
	connections := sorted(c.views)
	h.mu.Unlock()
	var all []string
	for i, connectionID := range connections {
		if i == 0 || !c.exposure.Shared {
			var err error
			if all, err = h.resolve(c.exposure, id, connectionID); err != nil {
				errs = append(errs, err)
				if c.exposure.Shared {
					return errs
				}
				continue
			}
		}
		h.show(c, id, connectionID, all)
	}
	return errs
}

// show lets a connection see what a collection has now.
func (h *Host) show(c *collection, id, connectionID string, all []string) {
	ids := h.visible(connectionID, all)
	h.mu.Lock()
	defer h.mu.Unlock()
	v := c.views[connectionID]
	if v == nil { // it has ended meanwhile
		return
	}
	added, removed := mesh.Array(), mesh.Array()
	changes := 0
	for _, member := range ids {
		if !slices.Contains(v.ids, member) {
			r := h.record(member)
			added.Raw(mesh.Object().Text("id", member).Raw("record", r.value).Int("version", r.version).JSON())
			changes++
		}
	}
	for _, member := range v.ids {
		if !slices.Contains(ids, member) {
			removed.Raw(mesh.Object().Text("id", member).JSON())
			changes++
		}
	}
	c.named, v.ids = all, ids
	if changes == 0 {
		return
	}
	v.version++
	h.push(connectionID, "mesh/collection-diff", mesh.Object().Text("collectionId", id).
		Raw("added", added.JSON()).Raw("removed", removed.JSON()).Int("version", v.version).JSON())
}

func (h *Host) unsubscribeCollection(f *codec.Fields) ([]byte, *mesh.Error) {
	id, e := readName(f, "collectionId")
	if e != nil {
		return nil, e
	}
	c := h.collections[id]
	if c == nil {
		c = &collection{}
	}
	return endSubscription(h, f, "collection", id, c.views)
}
