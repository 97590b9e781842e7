package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/hub"
)

// resolver is what plugins would answer.
type resolver struct {
	mu      sync.Mutex
	ids     func(s *hub.Session, id string) ([]string, error)
	refuses func(s *hub.Session, record string) bool
	calls   []string // whom it was asked for, "" for all
	asked   []string // about which records guards were asked
}

// Resolve implements engine.Resolver.
func (r *resolver) Resolve(_ context.Context, s *hub.Session, _ *exposure.Collection, id string) ([]string, error) {
	r.mu.Lock()
	who := ""
	if s != nil {
		who = s.ID()
	}
	r.calls = append(r.calls, who)
	ids := r.ids
	r.mu.Unlock()
	return ids(s, id)
}

// MayRead implements engine.Resolver.
func (r *resolver) MayRead(_ context.Context, s *hub.Session, record string) bool {
	r.mu.Lock()
	r.asked = append(r.asked, record)
	refuses := r.refuses
	r.mu.Unlock()
	return refuses == nil || !refuses(s, record)
}

// answers sets what the resolver says.
func (r *resolver) answers(ids ...string) {
	r.does(func(*hub.Session, string) ([]string, error) { return ids, nil })
}

func (r *resolver) does(ids func(s *hub.Session, id string) ([]string, error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ids = ids
}

// refuse sets what the guard refuses.
func (r *resolver) refuse(refuses func(s *hub.Session, record string) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuses = refuses
}

// take returns what was asked since the last time.
func (r *resolver) take() (calls, asked []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls, asked = r.calls, r.asked
	r.calls, r.asked = nil, nil
	return calls, asked
}

// library is an engine with collections.
type library struct {
	fixture
	*resolver
	log       *strings.Builder
	broken    *atomic.Bool // the store does not let records be read
	*distance              // of the store
}

// breaking is a node whose records cannot be read at times.
type breaking struct {
	backplane.Node
	broken *atomic.Bool
}

// Records implements backplane.Node.
func (b breaking) Records() backplane.Records { return brokenRecords{b.Node.Records(), b.broken} }

type brokenRecords struct {
	backplane.Records
	broken *atomic.Bool
}

// Get implements backplane.Records.
func (r brokenRecords) Get(ctx context.Context, id string) (backplane.Record, error) {
	if r.broken.Load() {
		return backplane.Record{}, backplane.ErrUnavailable
	}
	return r.Records.Get(ctx, id)
}

// List implements backplane.Records.
func (r brokenRecords) List(ctx context.Context, q backplane.RecordQuery) ([]backplane.Record, string, error) {
	if r.broken.Load() {
		return nil, "", backplane.ErrUnavailable
	}
	return r.Records.List(ctx, q)
}

// away deletes a record, whether or not it can be read.
func (l library) away(t *testing.T, id string) {
	t.Helper()
	r, err := l.node.Records().Get(ctx, id)
	if err == nil {
		_, _, err = l.node.Records().Commit(ctx, []backplane.RecordWrite{{ID: id, Expect: r.Version, Tombstone: time.Hour}}, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func newLibrary(limits engine.Limits, exposed ...exposure.Collection) library {
	x := &rules{exposure.NewIndex(exposure.Set{Collections: exposed})}
	return newLibraryOf(limits, x, x)
}

// newLibraryOf is newLibrary of an engine with other rules than tests see.
func newLibraryOf(limits engine.Limits, x *rules, of engine.Rules) library {
	f := fixture{
		hub: hub.New(hub.Limits{Outbox: 1 << 20}), store: memory.New(memory.Options{}), rules: x, seen: new(observer),
	}
	l := library{fixture: f, resolver: new(resolver), log: new(strings.Builder), broken: new(atomic.Bool), distance: new(distance)}
	l.node = l.store.Node("n1")
	l.Engine = engine.New(engine.Options{
		Hub: l.hub, Node: breaking{far{l.node, l.distance}, l.broken}, Rules: of, Observer: l.seen, Resolver: l.resolver,
		Log: slog.New(slog.NewTextHandler(l.log, nil)), Limits: limits,
	})
	return l
}

// declared exposes "of:<team>": the open records of a team, by rank.
func declared(limit int) exposure.Collection {
	return exposure.Collection{
		Pattern: pattern(`/^of:(.*)$/`), Limit: limit, Records: []exposure.Pattern{pattern(`/^r:.+$/`)},
		Filter: []exposure.Condition{condition("open", "true"), condition("team", `"$1"`)},
		Sort:   exposure.Sort{Path: []string{"rank"}},
	}
}

// resolved exposes "list:<name>", for which a resolver is asked.
func resolved(shared bool) exposure.Collection {
	return exposure.Collection{
		Pattern: pattern(`/^list:.+$/`), Resolver: "p.0", Shared: shared, Limit: 5,
		Records: []exposure.Pattern{pattern(`/^r:.+$/`)},
	}
}

func condition(path, value string) exposure.Condition {
	c, err := exposure.ParseCondition(path, []byte(value))
	if err != nil {
		panic(err)
	}
	return c
}

func (l library) set(t *testing.T, id, value string) {
	t.Helper()
	if _, err := l.Write(ctx, engine.Write{Record: id, Value: []byte(value)}); err != nil {
		t.Fatal(err)
	}
}

func (l library) remove(t *testing.T, id string) {
	t.Helper()
	if _, err := l.Write(ctx, engine.Write{Record: id, Delete: true}); err != nil {
		t.Fatal(err)
	}
}

// collect subscribes to a collection, and lets the pushes flow.
func (l library) collect(t *testing.T, c client, id string) (*follower, engine.Collected) {
	t.Helper()
	begun, err := l.SubscribeCollection(ctx, c.Session, l.rules.Collection(id), id)
	if err != nil {
		t.Fatal(err)
	}
	v := &follower{screen: newScreen(), client: c, id: id}
	v.reply(id, begun)
	begun.Release()
	return v, begun
}

// follower is a client that subscribes to one collection.
type follower struct {
	*screen
	client client
	id     string
}

// see takes what has come, and compares.
func (v *follower) see(t *testing.T, diffs int, want ...string) []string {
	t.Helper()
	texts := v.client.wire.Texts()
	v.take(t, texts)
	if got := v.all(v.id); !slices.Equal(got, want) || v.views[v.id].diffs != diffs {
		t.Errorf("after %d diffs the client has %q, want %d and %q", v.views[v.id].diffs, got, diffs, want)
	}
	return texts
}

// nothingLeft fails if collections have left anything behind.
func (l library) nothingLeft(t *testing.T) {
	t.Helper()
	if n := l.store.Stats().Subscriptions; n != engine.Lingering(l.Engine) {
		t.Errorf("%d subscriptions of the node are left", n)
	}
	if left := engine.CollectionsLeft(l.Engine); left != "" {
		t.Errorf("collections leave %s", left)
	}
}

// ids returns the records of what a subscription begins with.
func idsOf(c engine.Collected) (ids []string) {
	for _, r := range c.Records {
		ids = append(ids, r.ID)
	}
	return ids
}

// screen is what a client shows: the collections that it subscribes to.
type screen struct {
	views map[string]*view
	// pushed are the newest versions that were pushed.
	pushed map[string]int64
	wrong  []string
}

// view is one of them. No version may take it back, and none may come again: only
// where several show a record, it may for the sake of those that do not have it.
type view struct {
	version int64
	records map[string]shown
	latest  map[string]int64
	diffs   int
}

type shown struct {
	value   string
	version int64
}

func newScreen() *screen {
	return &screen{views: make(map[string]*view), pushed: make(map[string]int64)}
}

func (s *screen) fail(format string, args ...any) {
	s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
}

// reply takes what a subscription begins with.
func (s *screen) reply(id string, c engine.Collected) {
	v := &view{version: c.Version, records: make(map[string]shown), latest: make(map[string]int64)}
	s.views[id] = v
	for _, r := range c.Records {
		s.show(id, v, r.ID, string(r.Value), r.Number)
	}
}

// show takes a record that a reply or a diff brings.
func (s *screen) show(id string, v *view, record, value string, version int64) {
	if _, has := v.records[record]; has || version < v.latest[record] {
		s.fail("%s: %q comes at version %d, known: %v at %d", id, record, version, has, v.latest[record])
	}
	v.records[record], v.latest[record] = shown{value, version}, version
}

// sight is any push.
type sight struct {
	Command string
	Payload struct {
		CollectionID, RecordID string
		Version                int64
		Full                   json.RawMessage
		Added, Removed         []struct {
			ID      string
			Record  json.RawMessage
			Version int64
		}
	}
}

// take follows pushes.
func (s *screen) take(t *testing.T, texts []string) {
	t.Helper()
	for _, text := range texts {
		var f sight
		if err := json.Unmarshal([]byte(text), &f); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		switch _, name, _ := strings.Cut(f.Command, "/"); name {
		case "collection-diff":
			s.diff(&f)
		case "record-update", "record-deleted":
			s.update(&f, name)
		}
	}
	for _, wrong := range s.wrong {
		t.Error(wrong)
	}
	s.wrong = nil
}

// update takes a version of a record.
func (s *screen) update(f *sight, name string) {
	p := &f.Payload
	if name == "record-update" && p.Full == nil {
		s.fail("version %d of %q is a patch", p.Version, p.RecordID)
	}
	if p.Version <= s.pushed[p.RecordID] {
		s.fail("version %d of %q is pushed after %d", p.Version, p.RecordID, s.pushed[p.RecordID])
	}
	s.pushed[p.RecordID] = p.Version
	shows, news := false, false
	for id, v := range s.views {
		r, has := v.records[p.RecordID]
		if !has {
			continue
		}
		if p.Version < r.version {
			s.fail("%s: version %d of %q comes after %d", id, p.Version, p.RecordID, r.version)
		}
		shows, news = true, news || p.Version > r.version
		v.records[p.RecordID], v.latest[p.RecordID] = shown{string(p.Full), p.Version}, p.Version
	}
	if shows && !news {
		s.fail("version %d of %q comes where it is shown already", p.Version, p.RecordID)
	}
}

func (s *screen) diff(f *sight) {
	p := &f.Payload
	v := s.views[p.CollectionID]
	if v == nil {
		s.fail("a diff of %q comes after its end", p.CollectionID)
		return
	}
	v.diffs++
	if v.version++; p.Version != v.version {
		s.fail("%s: diff %d comes where %d is next", p.CollectionID, p.Version, v.version)
	}
	if len(p.Added)+len(p.Removed) == 0 {
		s.fail("%s: diff %d says nothing", p.CollectionID, p.Version)
	}
	for _, r := range p.Removed {
		if _, has := v.records[r.ID]; !has {
			s.fail("%s: %q is taken away twice", p.CollectionID, r.ID)
		}
		delete(v.records, r.ID)
	}
	for _, r := range p.Added {
		s.show(p.CollectionID, v, r.ID, string(r.Record), r.Version)
	}
}

// all returns the records of a collection that the client has, sorted.
func (s *screen) all(id string) []string { return slices.Sorted(maps.Keys(s.views[id].records)) }

// settle lets everything happen that changes have set off, in a bubble.
func settle() {
	pass(time.Second)
	synctest.Wait()
}
